//! Two threads that hand a number to and fro: over channels, where each blocks; and by the quantum's interrupt, where
//! each is preempted.

use alloc::boxed::Box;
use core::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use switchlab_sync::Words;

use super::{Policy, Thread, spawn_on};
use crate::{
    arch::{percpu, preempt, xsave},
    lock::Lock,
    measure::{
        Measured, NO_NUMBER, Noted, SETTLING, Wrong,
        exchange::{Asks, Ends, hand_over},
        measure_block,
        probe::Probe,
        snapshot,
    },
    mm::StackError,
    sched::{self, Channel, Cpu, Receiver, Sender},
};

/// What threads do with their vector state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// When it is saved and loaded.
    pub policy: Policy,
    /// Whether both use it in each turn.
    pub touches: bool,
}

/// What a block gave.
#[derive(Clone, Copy, Debug)]
pub struct Threaded {
    /// As of every exchange.
    pub measured: Measured,
    /// Quanta that ended, of both threads, since they were started.
    pub preemptions: u64,
    /// First uses of the state that trapped, of both threads, since they were started.
    pub traps: u64,
}

/// What both threads see. Lives for ever, as channels do.
struct Table<P> {
    there: Channel,
    back: Channel,
    /// The same for those that are preempted: the number that came last.
    numbers: [AtomicU64; 2],
    preemptions: [AtomicU64; 2],
    traps: [AtomicU64; 2],
    /// What the second thread found instead of what was due.
    wrong: Noted,
    result: Lock<Option<(Measured, P)>>,
}

impl<P: Probe> Table<P> {
    fn new() -> &'static Self {
        let zeros = || [AtomicU64::new(0), AtomicU64::new(0)];
        Box::leak(Box::new(Self {
            there: Channel::new(),
            back: Channel::new(),
            numbers: [AtomicU64::new(NO_NUMBER), AtomicU64::new(NO_NUMBER)],
            preemptions: zeros(),
            traps: zeros(),
            wrong: Noted::new(),
            result: Lock::new(None),
        }))
    }

    fn leave(&self, side: usize, thread: &Thread) {
        self.preemptions[side].store(thread.preemptions(), Relaxed);
        self.traps[side].store(thread.traps(), Relaxed);
    }

    fn threaded(&self) -> (Threaded, P) {
        let (mut measured, probe) = self.result.lock().take().expect("the asking thread leaves its result");
        measured.wrong = self.wrong.or(measured.wrong);
        let sum = |counts: &[AtomicU64; 2]| counts.iter().map(|count| count.load(Relaxed)).sum();
        (Threaded { measured, preemptions: sum(&self.preemptions), traps: sum(&self.traps) }, probe)
    }
}

/// Measures `exchanges` between a thread on `first` and one on `second`, which may be one CPU, over channels, while
/// `probe` looks on.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the threads.
///
/// # Panics
///
/// If a CPU has no XSAVE.
pub fn measure<P: Probe>(
    first: &'static Cpu,
    second: &'static Cpu,
    used: Use,
    warm_up: u64,
    exchanges: u64,
    probe: P,
) -> Result<(Threaded, P), StackError> {
    let table = Table::<P>::new();
    let answering = spawn_on(second, used.policy, move |thread| {
        answer(thread, table, used.touches);
        table.leave(1, thread);
    })?;
    let asking = spawn_on(first, used.policy, move |thread| {
        let size = (warm_up + SETTLING, exchanges);
        match used.touches {
            false => ask::<P, false>(thread, table, [first, second], size, probe),
            true => ask::<P, true>(thread, table, [first, second], size, probe),
        }
        table.leave(0, thread);
    })?;
    asking.join();
    answering.join();
    Ok(table.threaded())
}

/// The first thread: asks, and measures.
fn ask<P: Probe, const TOUCHES: bool>(
    thread: &Thread,
    table: &'static Table<P>,
    cpus: [&'static Cpu; 2],
    (warm_up, exchanges): (u64, u64),
    mut probe: P,
) {
    let ends = thread.service(|| Ends { to: table.there.sender(), from: table.back.receiver() });
    // The answering thread waits: from now on each message has its wake-up.
    thread.blocking(|| ends.from.recv());
    let mut side = Serviced::<TOUCHES> { thread, ends };
    let counts = |_: &Serviced<'_, TOUCHES>| snapshot(&cpus);
    let measured = measure_block(&mut side, counts, hand_over, warm_up, exchanges, &mut probe);
    thread.service(|| *table.result.lock() = Some((measured, probe)));
    if measured.wrong.is_none_or(|wrong| wrong.found != NO_NUMBER) {
        thread.blocking(|| side.ends.to.send(NO_NUMBER));
    }
}

/// A thread that asks. What it sends, and then waits for, is one service, in which it gives up the CPU and gets it back.
struct Serviced<'a, const TOUCHES: bool> {
    thread: &'a Thread,
    ends: Ends<Sender, Receiver>,
}

impl<const TOUCHES: bool> Asks for Serviced<'_, TOUCHES> {
    #[inline(always)]
    fn exchange(&mut self, number: u64) -> u64 {
        if TOUCHES {
            xsave::touch();
        }
        self.thread.blocking(|| self.ends.exchange(number))
    }
}

/// The second thread: checks each number and sends it back, until told to stop.
fn answer<P: Probe>(thread: &Thread, table: &'static Table<P>, touches: bool) {
    let (there, back) = thread.service(|| (table.there.receiver(), table.back.sender()));
    let first = thread.blocking(|| {
        back.send(NO_NUMBER);
        there.recv()
    });
    let (expected, found) = match touches {
        false => answer_numbers::<P, false>(thread, &there, &back, first),
        true => answer_numbers::<P, true>(thread, &there, &back, first),
    };
    if found != NO_NUMBER {
        table.wrong.note(Wrong { expected, found });
        thread.blocking(|| back.send(NO_NUMBER));
    }
}

#[inline(never)]
fn answer_numbers<P: Probe, const TOUCHES: bool>(
    thread: &Thread,
    there: &Receiver,
    back: &Sender,
    first: u64,
) -> (u64, u64) {
    let (mut expected, mut found) = (0, first);
    while found == expected {
        P::before_handoff();
        if TOUCHES {
            xsave::touch();
        }
        found = thread.blocking(|| {
            back.send(expected);
            there.recv()
        });
        expected += 1;
    }
    (expected, found)
}

/// Measures `exchanges` between two threads on `cpu` that never block: each leaves its number and lets the quantum's
/// interrupt come, at once and not by the timer, whose moment nobody chooses. So a handoff is an involuntary switch
/// and nothing else.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the threads.
///
/// # Panics
///
/// If the CPU has no XSAVE.
pub fn measure_preempted<P: Probe>(
    cpu: &'static Cpu,
    policy: Policy,
    warm_up: u64,
    exchanges: u64,
    probe: P,
) -> Result<(Threaded, P), StackError> {
    let table = Table::<P>::new();
    let [there, back] = &table.numbers;
    let answering = spawn_on(cpu, policy, move |thread| {
        // No interrupt comes before the first number.
        while there.load(Acquire) == NO_NUMBER {
            thread.blocking(sched::yield_now);
        }
        let (expected, found) = answer_preempted::<P>(there, back);
        if found != STOP {
            table.wrong.note(Wrong { expected, found });
            hand_on(back, NO_NUMBER - 1);
        }
        table.leave(1, thread);
    })?;
    let asking = spawn_on(cpu, policy, move |thread| {
        let mut probe = probe;
        let measured = measure_block(
            &mut Preempted { there, back },
            |_| snapshot(&[cpu, cpu]),
            hand_over,
            warm_up + SETTLING,
            exchanges,
            &mut probe,
        );
        thread.service(|| *table.result.lock() = Some((measured, probe)));
        there.store(STOP, Release);
        table.leave(0, thread);
    })?;
    asking.join();
    answering.join();
    Ok(table.threaded())
}

/// The second thread: checks each number and leaves it for the first, until told to stop.
#[inline(never)]
fn answer_preempted<P: Probe>(there: &AtomicU64, back: &AtomicU64) -> (u64, u64) {
    let mut expected = 0_u64;
    loop {
        let found = wait_for(there, expected.wrapping_sub(1));
        if found != expected {
            return (expected, found);
        }
        P::before_handoff();
        hand_on(back, expected);
        expected += 1;
    }
}

/// A thread that asks and never blocks.
struct Preempted<'a> {
    there: &'a AtomicU64,
    back: &'a AtomicU64,
}

impl Asks for Preempted<'_> {
    #[inline(always)]
    fn exchange(&mut self, number: u64) -> u64 {
        hand_on(self.there, number);
        wait_for(self.back, number.wrapping_sub(1))
    }
}

/// Ends the answering thread.
const STOP: u64 = NO_NUMBER - 2;

/// Leaves a number, counts the handoff, and lets the quantum end.
#[inline(always)]
fn hand_on(place: &AtomicU64, number: u64) {
    // Release and acquire order nothing that one CPU does not order by itself; they say what belongs together.
    place.store(number, Release);
    percpu::count::<{ Words::HANDOFFS }>();
    preempt::end_quantum_now();
}

/// The next number behind `last`. The other thread has left it when this one goes on; an interrupt that has not
/// come yet comes here.
#[inline(always)]
fn wait_for(place: &AtomicU64, last: u64) -> u64 {
    loop {
        let found = place.load(Acquire);
        if found != last {
            break found;
        }
    }
}
