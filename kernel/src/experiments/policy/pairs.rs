//! Pairs of free tasks that hand numbers to and fro, under one policy. They serve for all points of it.

use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_core::policy::Policy;
use switchlab_records::Counts;

use crate::{
    measure::{
        NO_NUMBER, Noted, Timed, Wrong, counted_on,
        exchange::{self, Ends},
        part_ends,
        probe::{Batch, Probe},
        time,
        watch::MeasuredLocks,
    },
    mm::{StackError, StackSize},
    sched::{
        self,
        free::{Body, Crew, FreeChannel, FreeCounts, FreeReceiver, FreeSender, Me},
    },
};

/// What a block gave.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// TSC ticks of the block.
    pub ticks: u64,
    /// What happened meanwhile, on all CPUs.
    pub counts: Counts,
    /// What the pool counted besides.
    pub free: FreeCounts,
    /// Locks of queues that were taken.
    pub queue_locks: u64,
    /// The first pair with a number that was not the one due, and that.
    pub wrong: Option<(usize, Wrong)>,
}

/// Pairs under a policy, whichever it is.
pub trait Crowd {
    /// Times exchanges `from..to` of each of the first `pairs` pairs; `what` says which block that is.
    fn exchange(&self, pairs: u32, from: u64, to: u64, what: fmt::Arguments<'_>) -> Counted;

    /// Lets them go.
    fn dismiss(self: Box<Self>);
}

/// Pairs under policy `Y`; `H` looks on in their loops.
pub struct Pairs<Y: Policy, H> {
    crew: Crew<Y>,
    shared: &'static Shared,
    probe: PhantomData<fn() -> H>,
}

/// What all tasks see. Lives for ever, as channels do.
struct Shared {
    pairs: Vec<Pair>,
    /// The exchanges of this block. Changed while all tasks rest.
    from: AtomicU64,
    to: AtomicU64,
    /// When the last pair was through.
    end: AtomicU64,
}

#[derive(Default)]
struct Pair {
    there: FreeChannel,
    back: FreeChannel,
    /// A wrong number. The first of both sides leaves it, and the other finds none.
    wrong: Noted,
}

impl<Y: Policy, H: Probe + Default> Pairs<Y, H> {
    /// Bytes of the heap that so many pairs take, the workers' apart.
    pub fn heap_bytes(pairs: u32) -> u64 {
        /// A body holds two references.
        const BODY: usize = 2 * size_of::<&Shared>();
        let tasks = 2 * pairs as usize;
        (pairs as usize * size_of::<Pair>() + tasks * BODY) as u64 + Crew::<Y>::heap_bytes(tasks)
    }

    /// That many pairs, which rest. Their tasks neither format nor report, so the smallest stacks do.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    pub fn gather(pairs: u32, seed: u64) -> Result<Self, StackError> {
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            pairs: (0..pairs).map(|_| Pair::default()).collect(),
            from: AtomicU64::new(0),
            to: AtomicU64::new(0),
            end: AtomicU64::new(0),
        }));
        let both = |pair: &'static Pair| -> [Body<Y>; 2] {
            [
                Box::new(move |me| ask::<Y, H>(me, shared, pair)),
                Box::new(move |me| answer::<Y, H>(me, shared, pair)),
            ]
        };
        let mut bodies = Vec::with_capacity(2 * shared.pairs.len());
        bodies.extend(shared.pairs.iter().flat_map(both));
        let crew = Crew::gather(bodies, StackSize::Smallest, seed)?;
        // They begin, which takes locks, and rest.
        crew.run(2 * pairs as usize);
        Ok(Self { crew, shared, probe: PhantomData })
    }

    fn wrong(&self) -> Option<(usize, Wrong)> {
        self.shared.pairs.iter().enumerate().find_map(|(number, pair)| Some((number, pair.wrong.get()?)))
    }
}

impl<Y: Policy, H: Probe + Default> Crowd for Pairs<Y, H> {
    fn exchange(&self, pairs: u32, from: u64, to: u64, what: fmt::Arguments<'_>) -> Counted {
        self.shared.from.store(from, Relaxed);
        self.shared.to.store(to, Relaxed);
        self.shared.end.store(0, Relaxed);
        let (before, free_before) = (counted_on(sched::cpus()), self.crew.counts());
        // Any CPU may put a task into any queue: the locks around them are a part of the handoff.
        let Timed { value: began, locks_taken, .. } =
            time(MeasuredLocks::OfQueues, what, &mut Batch, |_, clock| {
                self.crew.run(2 * pairs as usize);
                clock.began()
            });
        let (after, free) = (counted_on(sched::cpus()), self.crew.counts());
        Counted {
            ticks: self.shared.end.load(Relaxed).saturating_sub(began),
            counts: after.since(before),
            free: free.since(free_before),
            queue_locks: locks_taken,
            wrong: self.wrong(),
        }
    }

    fn dismiss(self: Box<Self>) {
        self.crew.dismiss();
    }
}

/// The side that asks. Once a number is wrong, both sides rest, and the pair is of no use any more.
fn ask<Y: Policy, H: Probe + Default>(me: &Me<Y>, shared: &Shared, pair: &'static Pair) {
    let mut ends = Ends { to: pair.there.sender(me), from: pair.back.receiver(me) };
    let mut probe = H::default();
    loop {
        me.rest();
        let (from, to) = (shared.from.load(Relaxed), shared.to.load(Relaxed));
        let wrong = exchange::hand_over(&mut ends, from, to, &mut probe);
        shared.end.fetch_max(part_ends(), Relaxed);
        if let Some(wrong) = wrong
            && wrong.found != NO_NUMBER
        {
            pair.wrong.note(wrong);
            ends.to.send(NO_NUMBER);
        }
    }
}

/// The side that answers.
fn answer<Y: Policy, H: Probe>(me: &Me<Y>, shared: &Shared, pair: &'static Pair) {
    let (there, back) = (pair.there.receiver(me), pair.back.sender(me));
    loop {
        me.rest();
        let wrong = answer_block::<Y, H>(&there, &back, shared.from.load(Relaxed), shared.to.load(Relaxed));
        if let Some(wrong) = wrong
            && wrong.found != NO_NUMBER
        {
            pair.wrong.note(wrong);
            back.send(NO_NUMBER);
        }
    }
}

/// The timed block of that side. It rests behind its last number, so it does not wait for one more as other sides that
/// answer do.
#[inline(never)]
fn answer_block<Y: Policy, H: Probe>(
    there: &FreeReceiver<Y>,
    back: &FreeSender<Y>,
    from: u64,
    to: u64,
) -> Option<Wrong> {
    for number in from..to {
        let found = there.recv();
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        H::before_handoff();
        back.send(H::sent(number));
    }
    None
}
