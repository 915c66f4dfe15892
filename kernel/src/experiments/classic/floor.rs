//! Two bare contexts that hand a number to and fro through one word: no scheduler, no channel. And the
//! same loop without the second context.

use alloc::boxed::Box;
use core::{
    marker::PhantomData,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_records::Counts;

use crate::{
    measure::{Measured, Wrong, measure_block, probe::Probe, snapshot},
    mm::StackError,
    sched::{
        self, Cpu,
        fiber::{Body, Fiber, Owner},
    },
};

/// What both sides see.
#[derive(Default)]
#[repr(align(64))]
struct Shared {
    /// The number that is handed over.
    number: AtomicU64,
    /// What each side counted: the times that it was resumed, and its calls of the switch.
    resumed: [AtomicU64; 2],
    switches: [AtomicU64; 2],
}

const OWNER: usize = 0;
const FIBER: usize = 1;

/// Measures `exchanges` between two contexts on `cpu`, while `probe` looks on.
///
/// # Errors
///
/// [`StackError`] where there is no stack for them.
pub fn measure<P: Probe>(
    cpu: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<(Measured, P), StackError> {
    sched::run_on(cpu, move || {
        let mut side = Resume::new::<P>(cpu)?;
        Ok((measure_block(&mut side, Resume::counts, hand_over, warm_up, exchanges, &mut probe), probe))
    })?
}

/// The null experiment of this shape: numbers, counters and checks of both sides, and nobody is
/// resumed. Its own counters count what a handoff would be, so the CPU's alone tell that there was none.
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
        let mut side = Stay { shared: Shared::default(), expected: 0, cpu };
        (measure_block(&mut side, Stay::counts, hand_over, warm_up, exchanges, &mut probe), probe)
    })
}

/// The side that answers, as its owner sees it.
trait OtherSide {
    fn shared(&self) -> &Shared;

    /// What was counted so far.
    fn counts(&self) -> Counts;

    /// Lets it check the number and answer.
    fn answer<P: Probe>(&mut self);
}

/// A second context answers.
struct Resume(Fiber, &'static Shared, &'static Cpu);

impl Resume {
    fn new<P: Probe>(cpu: &'static Cpu) -> Result<Self, StackError> {
        let shared: &'static Shared = Box::leak(Box::default());
        Ok(Self(Fiber::new(Answering::<P>(shared, PhantomData))?, shared, cpu))
    }
}

impl OtherSide for Resume {
    #[inline(always)]
    fn shared(&self) -> &Shared {
        self.1
    }

    /// The loop's own, since no scheduler sees a fiber, and the CPU's, which must stand still.
    fn counts(&self) -> Counts {
        let cpu = snapshot(&[self.2, self.2]);
        let sum =
            |counters: &[AtomicU64; 2]| counters.iter().map(|counter| counter.load(Relaxed)).sum::<u64>();
        Counts {
            handoffs: cpu.handoffs + sum(&self.1.resumed),
            switches: cpu.switches + sum(&self.1.switches),
            ..cpu
        }
    }

    #[inline(always)]
    fn answer<P: Probe>(&mut self) {
        self.0.resume();
    }
}

/// Nobody is resumed: the owner answers itself.
struct Stay {
    shared: Shared,
    expected: u64,
    cpu: &'static Cpu,
}

impl OtherSide for Stay {
    #[inline(always)]
    fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The CPU's alone.
    fn counts(&self) -> Counts {
        snapshot(&[self.cpu, self.cpu])
    }

    #[inline(always)]
    fn answer<P: Probe>(&mut self) {
        answer::<P>(&self.shared, &mut self.expected);
    }
}

/// The timed block: the owner's side of exchanges `from..to`.
#[inline(never)]
fn hand_over<P: Probe>(other: &mut impl OtherSide, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    let (mut number, end) = (2 * from, 2 * to);
    while number != end {
        P::before_handoff();
        other.shared().number.store(number, Relaxed);
        add_one(&other.shared().switches[OWNER]);
        other.answer::<P>();
        add_one(&other.shared().resumed[OWNER]);
        let found = other.shared().number.load(Relaxed);
        if found != number + 1 {
            return Some(Wrong { expected: number + 1, found });
        }
        probe.exchange();
        number += 2;
    }
    None
}

/// The fiber's side.
struct Answering<P>(&'static Shared, PhantomData<fn() -> P>);

impl<P: Probe> Body for Answering<P> {
    fn run(self, owner: Owner) -> ! {
        answer_for_ever::<P>(self.0, owner)
    }
}

#[inline(never)]
fn answer_for_ever<P: Probe>(shared: &Shared, mut owner: Owner) -> ! {
    let mut expected = 0;
    loop {
        answer::<P>(shared, &mut expected);
        owner.resume();
    }
}

/// Checks the number and answers with the next. A wrong number stays as it is, so that the owner finds
/// it.
#[inline(always)]
fn answer<P: Probe>(shared: &Shared, expected: &mut u64) {
    add_one(&shared.resumed[FIBER]);
    if shared.number.load(Relaxed) == *expected {
        shared.number.store(*expected + 1, Relaxed);
    }
    *expected += 2;
    P::before_handoff();
    add_one(&shared.switches[FIBER]);
}

/// Both sides are on one CPU: a plain addition.
#[inline(always)]
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}
