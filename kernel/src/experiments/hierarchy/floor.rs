//! What no level above can be cheaper than: the steps that it can not do without, each alone in a loop. A handoff is
//! one such step there, which hands nothing over.

use alloc::{borrow::Cow, boxed::Box, format};
use core::cell::Cell;

use switchlab_records::{Counts, Mode};
use switchlab_sync::Words;

use super::{Context, Level, Taken, no_state, say};
use crate::{
    arch::{
        percpu, ring3,
        xsave::{Area, State},
    },
    lock::Lock,
    measure::{
        NO_NUMBER, Wrong, measure_block,
        probe::{Batch, Probe},
        snapshot,
    },
    sched::Cpu,
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

    fn context(&self, _: Mode) -> Context {
        Context::of_words(user::SPACE_WORDS)
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        Taken::by_one_task(cpus[0], (warm_up, exchanges), || Ok(()), |()| 0, load_cr3)
    }
}

impl Level for XsavePair {
    fn name(&self) -> &'static str {
        "xsave-pair"
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        no_state()
    }

    fn context(&self, _: Mode) -> Context {
        Context::of_state()
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let area = || State::enable().and_then(Area::new).ok_or("no memory for the vector state");
        Taken::by_one_task(cpus[0], (warm_up, exchanges), area, |_| 0, save_and_restore)
    }
}

impl Level for SystemCall {
    fn name(&self) -> &'static str {
        "system-call"
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        user::absent()
    }

    fn context(&self, _: Mode) -> Context {
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
            Some((measured, None)) => Ok(Taken::in_place(0, exchanges, measured)),
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
fn load_cr3((): &mut (), from: u64, to: u64, probe: &mut Batch) -> Option<Wrong> {
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
