//! Pairs of CPUs that ping-pong at once, each over channels of its own. They are all started before the first
//! point; who has no part in a point blocks.
//!
//! Each pair is timed by its own side that asks, by its own clock, from where the first pair says that the block
//! begins until it says that it ends; and goes on before and behind, until the last has begun and the last has
//! ended. So each pair's block lies in a time in which all exchange, how long it is depends on one pair alone, and
//! what is left to differ is how many exchanges each gets done in it. With a fixed count for each, the fastest
//! would be through while the others still run, and would leave them the machine.
//!
//! The counters of a pair's two CPUs are read by the side that asks, while the other waits: so counts are exact,
//! whatever the other pairs do.

use alloc::{boxed::Box, vec::Vec};
use core::{
    cell::Cell,
    marker::PhantomData,
    sync::atomic::{
        AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

use switchlab_core::budget::affordable;
use switchlab_records::Counts;

use crate::{
    measure::{
        NO_NUMBER, Noted, SETTLING, Wrong,
        exchange::{self, Ends},
        probe::{Batch, Probe},
        snapshot, time, time_part,
        watch::MeasuredLocks,
    },
    mm::StackError,
    sched::{self, Channel, Cpu, JoinHandle, Receiver, Sender, Task},
};

/// What the first pair says to all sides that ask. Each says it once in a point, in this order.
mod phase {
    /// All exchange; nothing is timed.
    pub const WARM_UP: u64 = 0;
    /// The block of each.
    pub const BLOCK: u64 = 1;
    /// All go on, until the last has ended its block.
    pub const OVERLAP: u64 = 2;
    /// The point is over.
    pub const REST: u64 = 3;
    /// No point comes any more.
    pub const LEAVE: u64 = 4;
}

/// The tasks, which rest. The side that asks of the first pair is the task that started them.
pub struct Pairs<P> {
    shared: &'static Shared,
    asking: Asking<P>,
    /// The sides that ask of all other pairs.
    askers: Vec<JoinHandle>,
    answerers: Vec<JoinHandle>,
}

/// What all tasks see. Lives for ever, as channels do.
struct Shared {
    phase: OwnLine,
    /// Pairs that exchange besides the first.
    warmed: OwnLine,
    /// Pairs besides the first that have ended their block.
    ended: OwnLine,
    /// Pairs that have still to rest, besides the first.
    awake: OwnLine,
    seats: Vec<Seat>,
    leader: &'static Task,
}

/// On a cache line of its own: all pairs look at it.
#[repr(align(64))]
#[derive(Default)]
struct OwnLine(AtomicU64);

/// Where a pair works.
#[repr(align(64))]
struct Seat {
    /// The side that asks, and the one that answers.
    cpus: [&'static Cpu; 2],
    there: Channel,
    back: Channel,
    block: Block,
    /// The first wrong number.
    wrong: Noted,
}

/// What a pair's block came to.
#[derive(Default)]
struct Block {
    /// Its begin and end by the clock.
    span: [AtomicU64; 2],
    exchanges: AtomicU64,
    /// The counts, in the order of their fields.
    counts: [AtomicU64; 5],
}

/// How much of a point.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Pairs.
    pub pairs: usize,
    /// Exchanges of the first pair before the block, beside those that let it settle.
    pub warm_up: u64,
    /// Exchanges of the first pair in the block.
    pub exchanges: u64,
    /// Ticks that the block may take, by what the warm-up takes.
    pub budget_ticks: u64,
}

/// What a point came to.
#[derive(Debug)]
pub struct Together {
    /// The longest block of a pair.
    pub ticks: u64,
    /// From the last begin of a block to the first end, by the clocks of all pairs.
    pub overlap_ticks: u64,
    /// Exchanges of each pair in its block.
    pub exchanges: Vec<u64>,
    /// What was counted in the blocks of all pairs.
    pub counts: Counts,
    /// The first pair with a number that was not the one due, and that.
    pub wrong: Option<(usize, Wrong)>,
}

impl<P: Probe> Pairs<P> {
    /// Starts the tasks, and waits until they rest. By a task on the first of `cpus`, which are two or more; two
    /// that follow each other are a pair.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    pub fn start(cpus: &[&'static Cpu]) -> Result<Self, StackError> {
        let seats = cpus.as_chunks().0.iter().map(|&pair| Seat {
            cpus: pair,
            there: Channel::new(),
            back: Channel::new(),
            block: Block::default(),
            wrong: Noted::new(),
        });
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            phase: OwnLine::default(),
            warmed: OwnLine::default(),
            ended: OwnLine::default(),
            awake: OwnLine::default(),
            seats: seats.collect(),
            leader: Cpu::current(),
        }));
        shared.awake.0.store(shared.seats.len() as u64 - 1, Relaxed);
        let answerers = shared.seats.iter().map(|seat| sched::spawn_on(seat.cpus[1], || answer::<P>(seat)));
        let answerers = answerers.collect::<Result<_, _>>()?;
        let others = shared.seats.iter().skip(1);
        let askers = others.map(|seat| sched::spawn_on(seat.cpus[0], || ask::<P>(shared, seat)));
        let askers = askers.collect::<Result<Vec<_>, _>>()?;
        let asking = Asking::new(&shared.seats[0]);
        if !askers.is_empty() {
            sched::block_current();
        }
        Ok(Self { shared, asking, askers, answerers })
    }

    /// Measures the first pairs at once. By the task that started them.
    pub fn measure(&self, size: Size) -> Together {
        let (shared, others) = (self.shared, size.pairs - 1);
        shared.warmed.0.store(0, Relaxed);
        shared.ended.0.store(0, Relaxed);
        shared.awake.0.store(others as u64, Relaxed);
        self.say(phase::WARM_UP);
        self.askers[..others].iter().for_each(|asker| asker.task().wake());
        self.go_on(phase::WARM_UP, SETTLING);
        // Acquire: pairs with the additions, for what the others counted before.
        while shared.warmed.0.load(Acquire) != others as u64 {
            self.go_on(phase::WARM_UP, 1);
        }
        let exchanges = self.affordable(size);

        let what = format_args!("the timed blocks of {} pairs whose record is next", size.pairs);
        time(MeasuredLocks::None, what, &mut Batch, |_, _| {
            self.say(phase::BLOCK);
            self.asking.take_block(&shared.phase, exchanges);
            self.say(phase::OVERLAP);
            // Acquire: as above.
            while shared.ended.0.load(Acquire) != others as u64 {
                self.go_on(phase::OVERLAP, 1);
            }
        });

        self.say(phase::REST);
        if others > 0 {
            sched::block_current();
        }
        Together::of(&shared.seats[..size.pairs])
    }

    /// The warm-up, and how many exchanges there is time for by what it took.
    fn affordable(&self, size: Size) -> u64 {
        if size.warm_up == 0 {
            return size.exchanges;
        }
        let what = format_args!("the warm-up of {} pairs", size.pairs);
        let warmed =
            time(MeasuredLocks::None, what, &mut Batch, |_, _| self.go_on(phase::WARM_UP, size.warm_up));
        affordable(size.budget_ticks, size.warm_up, warmed.ticks, size.exchanges)
    }

    fn say(&self, phase: u64) {
        self.shared.phase.0.store(phase, Relaxed);
    }

    fn go_on(&self, during: u64, exchanges: u64) {
        self.asking.go_on(&self.shared.phase, during, exchanges);
    }

    /// Ends the tasks.
    pub fn stop(self) {
        self.say(phase::LEAVE);
        for asker in self.askers {
            asker.task().wake();
            asker.join();
        }
        self.asking.there.send(NO_NUMBER);
        self.answerers.into_iter().for_each(JoinHandle::join);
    }
}

impl Together {
    fn of(seats: &[Seat]) -> Self {
        let read = |place: &AtomicU64| place.load(Relaxed);
        let spans = || seats.iter().map(|seat| seat.block.span.each_ref().map(read));
        let last_begin = spans().map(|[begin, _]| begin).max().unwrap_or(0);
        let first_end = spans().map(|[_, end]| end).min().unwrap_or(0);
        Self {
            ticks: spans().map(|[begin, end]| end - begin).max().unwrap_or(0),
            overlap_ticks: first_end.saturating_sub(last_begin),
            exchanges: seats.iter().map(|seat| read(&seat.block.exchanges)).collect(),
            counts: seats.iter().map(|seat| Counts::from_array(seat.block.counts.each_ref().map(read))).sum(),
            wrong: seats.iter().enumerate().find_map(|(number, seat)| Some((number, seat.wrong.get()?))),
        }
    }
}

/// The side that asks, of one pair, on its CPU.
struct Asking<P> {
    seat: &'static Seat,
    there: Sender,
    back: Receiver,
    /// The next exchange.
    number: Cell<u64>,
    probe: PhantomData<fn() -> P>,
}

impl<P: Probe> Asking<P> {
    fn new(seat: &'static Seat) -> Self {
        let (there, back) = (seat.there.sender(), seat.back.receiver());
        // The other side waits: from now on each message has its wake-up.
        back.recv();
        Self { seat, there, back, number: Cell::new(0), probe: PhantomData }
    }

    /// Exchanges while the phase is `during`, at most so many.
    fn go_on(&self, phase: &OwnLine, during: u64, exchanges: u64) {
        let Self { there, back, .. } = self;
        let from = self.number.get();
        let to = from.saturating_add(exchanges);
        self.number.set(hand_over::<P>(there, back, self.seat, &phase.0, (during, from, to)));
    }

    /// A block of at most so many exchanges, and what it comes to.
    fn take_block(&self, phase: &OwnLine, exchanges: u64) {
        let (from, before) = (self.number.get(), snapshot(&self.seat.cpus));
        let span = time_part(|| self.go_on(phase, phase::BLOCK, exchanges));
        let counted = snapshot(&self.seat.cpus).since(before);
        let block = &self.seat.block;
        block.span.iter().zip(span).for_each(|(place, value)| place.store(value, Relaxed));
        block.exchanges.store(self.number.get() - from, Relaxed);
        block.counts.iter().zip(counted.to_array()).for_each(|(place, value)| place.store(value, Relaxed));
    }
}

/// The loop of every side that asks: exchange n carries n, there and back. A wrong number is noted and nothing else,
/// so that neither the other side nor another pair waits in vain. Returns the next number.
#[inline(never)]
fn hand_over<P: Probe>(
    there: &Sender,
    back: &Receiver,
    seat: &Seat,
    phase: &AtomicU64,
    (during, from, to): (u64, u64, u64),
) -> u64 {
    let mut number = from;
    while number != to && phase.load(Relaxed) == during {
        P::before_handoff();
        there.send(P::sent(number));
        let found = back.recv();
        if found != number {
            seat.note(number, found);
        }
        number += 1;
    }
    number
}

/// The side that asks of all pairs but the first: takes part in one point after the other.
fn ask<P: Probe>(shared: &Shared, seat: &'static Seat) {
    const NO_END: u64 = u64::MAX;
    let asking = Asking::<P>::new(seat);
    asking.go_on(&shared.phase, phase::WARM_UP, SETTLING);
    loop {
        // Release: who rests last shows the leader what all have left.
        if shared.awake.0.fetch_sub(1, AcqRel) == 1 {
            shared.leader.wake();
        }
        sched::block_current();
        if shared.phase.0.load(Relaxed) == phase::LEAVE {
            break;
        }
        asking.go_on(&shared.phase, phase::WARM_UP, SETTLING);
        // Release: pairs with the leader's acquire.
        shared.warmed.0.fetch_add(1, AcqRel);
        asking.go_on(&shared.phase, phase::WARM_UP, NO_END);
        asking.take_block(&shared.phase, NO_END);
        // Release: as above.
        shared.ended.0.fetch_add(1, AcqRel);
        asking.go_on(&shared.phase, phase::OVERLAP, NO_END);
    }
    asking.there.send(NO_NUMBER);
}

/// The other side of a pair: checks each number and sends the one due back, until told to stop.
fn answer<P: Probe>(seat: &'static Seat) {
    let mut ends = Ends { to: seat.back.sender(), from: seat.there.receiver() };
    ends.to.send(NO_NUMBER);
    let mut due = 0;
    loop {
        match answer_numbers::<P>(&mut ends, &mut due) {
            NO_NUMBER => break,
            found => {
                seat.note(due, found);
                ends.to.send(due);
                due += 1;
            }
        }
    }
}

/// Its loop, up to the first number that is not the one due; returns it.
#[inline(never)]
fn answer_numbers<P: Probe>(ends: &mut Ends<Sender, Receiver>, due: &mut u64) -> u64 {
    exchange::answer::<_, P>(ends, due)
}

impl Seat {
    /// The first of both sides stays.
    #[cold]
    fn note(&self, expected: u64, found: u64) {
        if self.wrong.get().is_none() {
            self.wrong.note(Wrong { expected, found });
        }
    }
}
