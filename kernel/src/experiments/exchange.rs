//! Two tasks that hand a number to and fro over two channels. The same bodies on one CPU and on two.
//! And the same loop without tasks and channels: what it costs by itself.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{
    lock::Lock,
    measure::{
        Measured, NO_NUMBER, Noted, SETTLING, Wrong,
        exchange::{self, Ends, Side},
        measure_block,
        probe::Probe,
        snapshot,
    },
    mm::StackError,
    sched::{self, Channel, Cpu},
};

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
    wrong: Noted,
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
        wrong: Noted::new(),
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
    let mut ends = Ends { to: table.there.sender(), from: table.back.receiver() };
    // The answering task waits: from now on each message has its wake-up.
    ends.recv();
    let mut measured = measure_block(
        &mut ends,
        |_| snapshot(&table.cpus),
        exchange::hand_over,
        table.warm_up + SETTLING,
        table.exchanges,
        probe,
    );
    if measured.wrong.is_none_or(|wrong| wrong.found != NO_NUMBER) {
        // Only now may the second task go on to its exit, which counts too.
        ends.to.send(NO_NUMBER);
    }
    measured.wrong = table.wrong.or(measured.wrong);
    measured
}

/// The second task: checks each number and sends it back, until told to stop.
fn answer<P: Probe>(table: &'static Table<P>) {
    let mut ends = Ends { to: table.back.sender(), from: table.there.receiver() };
    ends.to.send(NO_NUMBER);
    let mut expected = 0;
    let found = exchange::answer::<_, P>(&mut ends, &mut expected);
    if found != NO_NUMBER {
        table.wrong.note(Wrong { expected, found });
        ends.to.send(NO_NUMBER);
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

/// The null experiment's timed loop: what both sides of an exchange do besides handing over.
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
