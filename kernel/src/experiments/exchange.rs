//! Two tasks that hand a number to and fro over two channels. The same bodies on one CPU and on two.
//! And the same loop without tasks and channels: what it costs by itself.

use alloc::boxed::Box;
use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_records::Counts;

use super::{
    probe::Probe,
    watch::{MeasuredLocks, Watch},
};
use crate::{
    arch::tsc,
    lock::Lock,
    mm::StackError,
    sched::{self, Channel, Cpu, Receiver, Sender},
};

/// What a timed block gave.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// TSC ticks of the block.
    pub ticks: u64,
    /// What happened meanwhile.
    pub counts: Counts,
    /// The first number that was not the one due.
    pub wrong: Option<Wrong>,
}

/// A sequence number that did not come as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The number that was due.
    pub expected: u64,
    /// The number that came.
    pub found: u64,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sequence number: expected {}, found {}", self.expected, self.found)
    }
}

/// Sent where no number is: by a side that is ready, that got a wrong number, or that is done. No
/// exchange counts that far.
pub const NO_NUMBER: u64 = u64::MAX;

/// Exchanges before the warm-up, however short that is: what is left over from starting the tasks, such
/// as the IPI that did it, is through by then.
pub const SETTLING: u64 = 16;

/// What both tasks work on. Lives for ever, as channels do.
struct Table<P> {
    /// From the first task to the second.
    there: Channel,
    /// And back.
    back: Channel,
    cpus: [&'static Cpu; 2],
    warm_up: u64,
    exchanges: u64,
    /// What the second task found instead of what was due.
    wrong: [AtomicU64; 2],
    result: Lock<Option<(Measured, P)>>,
}

/// Measures `exchanges` between a task on `first` and one on `second`, which may be one CPU, while
/// `probe` looks on.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the tasks.
pub fn measure<P: Probe>(
    first: &'static Cpu,
    second: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    probe: P,
) -> Result<(Measured, P), StackError> {
    let table: &'static Table<P> = Box::leak(Box::new(Table {
        there: Channel::new(),
        back: Channel::new(),
        cpus: [first, second],
        warm_up,
        exchanges,
        wrong: [AtomicU64::new(0), AtomicU64::new(0)],
        result: Lock::new(None),
    }));
    let answering = sched::spawn_on(second, move || answer(table))?;
    let asking = sched::spawn_on(first, move || {
        let mut probe = probe;
        let measured = ask(table, &mut probe);
        *table.result.lock() = Some((measured, probe));
    })?;
    asking.join();
    answering.join();
    let measured = table.result.lock().take();
    Ok(measured.expect("the asking task leaves its result"))
}

/// The first task: asks, and measures.
///
/// The counters are read while the second task waits in `recv`: what it counted for its last answer,
/// it counted before it sent the answer's wake-up. So they stand still, but for its halt.
fn ask<P: Probe>(table: &'static Table<P>, probe: &mut P) -> Measured {
    let (there, back) = (table.there.sender(), table.back.receiver());
    // The answering task waits: from now on each message has its wake-up.
    back.recv();
    let mut measured = measure_block(
        &mut (),
        |()| snapshot(&table.cpus),
        |(), from, to, probe| hand_over(&there, &back, from, to, probe),
        table.warm_up + SETTLING,
        table.exchanges,
        probe,
    );
    if measured.wrong.is_none_or(|wrong| wrong.found != NO_NUMBER) {
        // Only now may the second task go on to its exit, which counts too.
        there.send(NO_NUMBER);
    } else {
        let [expected, found] = table.wrong.each_ref().map(|value| value.load(Relaxed));
        measured.wrong = Some(Wrong { expected, found });
    }
    measured
}

/// A block, as every loop is timed: the warm-up, then `exchanges` between two readings of the clock,
/// and what was counted meanwhile. Under a [`Watch`]: anything foreign is a failure, any lock too. `hand_over`
/// does exchanges `from..to` up to the first wrong number, and `counts` tells what was counted so far; both see
/// `state`.
pub fn measure_block<S, P: Probe>(
    state: &mut S,
    counts: impl Fn(&S) -> Counts,
    hand_over: impl Fn(&mut S, u64, u64, &mut P) -> Option<Wrong>,
    warm_up: u64,
    exchanges: u64,
    probe: &mut P,
) -> Measured {
    measure_block_with(MeasuredLocks::None, state, counts, hand_over, warm_up, exchanges, probe).0
}

/// The same where `locks` are the thing measured; says beside it how many of them were taken.
pub fn measure_block_with<S, P: Probe>(
    locks: MeasuredLocks,
    state: &mut S,
    counts: impl Fn(&S) -> Counts,
    hand_over: impl Fn(&mut S, u64, u64, &mut P) -> Option<Wrong>,
    warm_up: u64,
    exchanges: u64,
    probe: &mut P,
) -> (Measured, u64) {
    let mut wrong = hand_over(state, 0, warm_up, probe);
    let before = counts(state);
    let watch = Watch::begin().declaring(locks);
    probe.begin();
    let start = tsc::start();
    if wrong.is_none() {
        wrong = hand_over(state, warm_up, warm_up + exchanges, probe);
    }
    let end = tsc::end();
    let block = format_args!("the timed block of {exchanges} exchanges or rounds whose record is next");
    let locks_taken = watch.end(block);
    (Measured { ticks: end - start, counts: difference(&counts(state), &before), wrong }, locks_taken)
}

/// The timed block: exchanges `from..to`, up to the first wrong number. Exchange n carries n,
/// there and back.
#[inline(never)]
pub fn hand_over<P: Probe>(
    there: &Sender,
    back: &Receiver,
    from: u64,
    to: u64,
    probe: &mut P,
) -> Option<Wrong> {
    let (mut number, end) = (from, to);
    while number != end {
        P::before_handoff();
        there.send(number);
        let found = back.recv();
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        probe.exchange();
        number += 1;
    }
    None
}

/// The second task: checks each number and sends it back, until told to stop.
fn answer<P: Probe>(table: &'static Table<P>) {
    let (there, back) = (table.there.receiver(), table.back.sender());
    back.send(NO_NUMBER);
    let mut expected = 0;
    let found = loop {
        let found = there.recv();
        if found != expected {
            break found;
        }
        P::before_handoff();
        back.send(expected);
        expected += 1;
    };
    if found != NO_NUMBER {
        table.wrong[0].store(expected, Relaxed);
        table.wrong[1].store(found, Relaxed);
        back.send(NO_NUMBER);
    }
}

/// The null experiment: the same loop, the same numbers, checked by both sides, and no handoff. What
/// is left of an exchange when tasks, channels and other CPUs are taken away.
///
/// # Errors
///
/// [`StackError`] where there is no stack for its task.
pub fn measure_null<P: Probe>(
    cpu: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<(Measured, P), StackError> {
    sched::run_on(cpu, move || {
        let counts = |_: &Slots| snapshot(&[cpu, cpu]);
        let mut slots = Slots::default();
        (measure_block(&mut slots, counts, hand_over_nothing, warm_up, exchanges, &mut probe), probe)
    })
}

/// Where the null experiment leaves its numbers: two slots, as two channels have.
#[derive(Default)]
#[repr(align(64))]
struct Slots {
    there: AtomicU64,
    back: AtomicU64,
}

/// The null experiment's timed loop: what [`hand_over`] and [`answer`] do besides handing over.
#[inline(never)]
fn hand_over_nothing<P: Probe>(slots: &mut Slots, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    let mut expected = from;
    #[expect(clippy::explicit_counter_loop, reason = "two sides count, each for itself")]
    for number in from..to {
        P::before_handoff();
        slots.there.store(number, Relaxed);
        let asked = slots.there.load(Relaxed);
        if asked != expected {
            return Some(Wrong { expected, found: asked });
        }
        P::before_handoff();
        slots.back.store(expected, Relaxed);
        expected += 1;
        let found = slots.back.load(Relaxed);
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        probe.exchange();
    }
    None
}

/// What the pair of CPUs has counted so far; each once, where both are one.
pub fn snapshot(pair: &[&'static Cpu; 2]) -> Counts {
    let [first, second] = *pair;
    counted_on(if core::ptr::eq(first, second) { &pair[..1] } else { &pair[..] })
}

/// What these CPUs, each named once, have counted so far.
pub fn counted_on(cpus: &[&'static Cpu]) -> Counts {
    cpus.iter().fold(Counts::default(), |sum, cpu| {
        let counters = cpu.counters();
        Counts {
            handoffs: sum.handoffs + counters.handoffs.load(Relaxed),
            switches: sum.switches + counters.switches.load(Relaxed),
            ipis_sent: sum.ipis_sent + counters.ipis_sent.load(Relaxed),
            ipis_taken: sum.ipis_taken + counters.ipis_taken.load(Relaxed),
            halts: sum.halts + counters.halts.load(Relaxed),
        }
    })
}

/// What was counted between two snapshots.
pub fn difference(after: &Counts, before: &Counts) -> Counts {
    Counts {
        handoffs: after.handoffs - before.handoffs,
        switches: after.switches - before.switches,
        ipis_sent: after.ipis_sent - before.ipis_sent,
        ipis_taken: after.ipis_taken - before.ipis_taken,
        halts: after.halts - before.halts,
    }
}
