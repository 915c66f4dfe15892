//! What no level above can be cheaper than: the steps that it can not do without, each alone in a loop. A handoff is
//! one such step there, which hands nothing over.

use alloc::{borrow::Cow, boxed::Box, format};
use core::cell::Cell;

use switchlab_records::Counts;
use switchlab_sync::Words;

use super::{Context, Level, Taken, plain_counts, say};
use crate::{
    arch::{
        percpu, ring3,
        xsave::{self, Area, State},
    },
    lock::Lock,
    measure::{
        NO_NUMBER, Wrong, measure_block,
        probe::{Batch, Probe},
        snapshot,
    },
    sched::{self, Cpu},
    thread,
    user::{self, Ended, Spec, programs},
};

/// CR3 is loaded with what it holds: a switch of address spaces takes one such load.
pub struct Cr3Load;

/// XSAVE and XRSTOR: a switch of threads takes one of each.
pub struct XsavePair;

/// A system call that asks for nothing: a process takes one to hand over.
pub struct SystemCall;

impl Level for Cr3Load {
    fn name(&self) -> &'static str {
        "cr3-load"
    }

    fn context(&self) -> Context {
        Context::of_words(1)
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let cpu = cpus[0];
        let measured = sched::run_on(cpu, move || {
            let counts = |(): &()| snapshot(&[cpu, cpu]);
            let load = |(): &mut (), from, to, probe: &mut Batch| load_cr3(from, to, probe);
            measure_block(&mut (), counts, load, warm_up, exchanges, &mut Batch)
        });
        Ok(Taken::new(measured.map_err(say)?, plain_counts(2 * exchanges, 0)))
    }
}

impl Level for XsavePair {
    fn name(&self) -> &'static str {
        "xsave-pair"
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        thread::detect().is_none().then(|| xsave::ABSENT.into())
    }

    fn context(&self) -> Context {
        let state = thread::detect();
        state.map_or(Context::of_words(0), |state| Context {
            bytes: state.bytes(),
            registers: state.registers(),
        })
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let cpu = cpus[0];
        let measured = sched::run_on(cpu, move || {
            let mut area = State::enable().and_then(Area::new)?;
            let counts = |_: &Area| snapshot(&[cpu, cpu]);
            Some(measure_block(&mut area, counts, save_and_restore, warm_up, exchanges, &mut Batch))
        });
        let measured = measured.map_err(say)?.ok_or("no memory for the vector state")?;
        Ok(Taken::new(measured, plain_counts(2 * exchanges, 0)))
    }
}

impl Level for SystemCall {
    fn name(&self) -> &'static str {
        "system-call"
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        user::absent()
    }

    fn context(&self) -> Context {
        Context::of_words(ring3::SAVED_WORDS)
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let cpu = cpus[0];
        let found: &'static Lock<Option<_>> = Box::leak(Box::default());
        let calling = user::host(cpu, Spec::new(&programs::ASKS_NOTHING), move |process| {
            let mut calling = Calling { process, runs: 0, ended: Cell::new(None) };
            let measured = measure_block(
                &mut calling,
                |calling| Counts { handoffs: calling.calls(cpu), ..snapshot(&[cpu, cpu]) },
                |calling, from, to, _| calling.call(from, to),
                warm_up,
                exchanges,
                &mut Batch,
            );
            *found.lock() = Some((measured, calling.ended.get()));
        });
        calling.map_err(say)?.join();
        match found.lock().take() {
            Some((measured, None)) => Ok(Taken::new(measured, plain_counts(2 * exchanges, 0))),
            Some((_, Some(ended))) => Err(format!("the process that calls {ended}").into()),
            None => Err("the process that calls has left nothing".into()),
        }
    }
}

/// One handoff, as all are counted.
#[inline(always)]
fn count_one() {
    percpu::count::<{ Words::HANDOFFS }>();
}

#[inline(never)]
fn load_cr3(from: u64, to: u64, probe: &mut Batch) -> Option<Wrong> {
    for _ in from..to {
        ring3::reload_address_space();
        count_one();
        ring3::reload_address_space();
        count_one();
        probe.exchange();
    }
    None
}

#[inline(never)]
fn save_and_restore(area: &mut Area, from: u64, to: u64, probe: &mut Batch) -> Option<Wrong> {
    for _ in from..to {
        area.save();
        area.restore();
        count_one();
        area.save();
        area.restore();
        count_one();
        probe.exchange();
    }
    None
}

/// The process that calls.
struct Calling<'a> {
    process: &'a user::Process,
    /// How often its program ran, by a system call each that ends it.
    runs: u64,
    /// How the program ended, where it did not do all.
    ended: Cell<Option<Ended>>,
}

impl Calling<'_> {
    /// Its system calls so far, without those that ended its program.
    fn calls(&self, cpu: &'static Cpu) -> u64 {
        user::counted_on(&[cpu]).calls - self.runs
    }

    fn call(&mut self, from: u64, to: u64) -> Option<Wrong> {
        self.runs += 1;
        match self.process.run([2 * from, 2 * to, 0, 0]) {
            Ended::Exited([0, 0]) => None,
            ended => {
                self.ended.set(Some(ended));
                Some(Wrong { expected: from, found: NO_NUMBER })
            }
        }
    }
}
