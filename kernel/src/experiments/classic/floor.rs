//! Two bare contexts that hand a number to and fro through one word: no scheduler, no channel. And the
//! same loop without the second context.

use alloc::boxed::Box;
use core::{
    marker::PhantomData,
    ops::Range,
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
        (measure_block(&mut side, Stay::counts, hand_over_nothing, warm_up, exchanges, &mut probe), probe)
    })
}

/// A second context answers.
struct Resume {
    fiber: Fiber,
    shared: &'static Shared,
    cpu: &'static Cpu,
}

impl Resume {
    fn new<P: Probe>(cpu: &'static Cpu) -> Result<Self, StackError> {
        let shared: &'static Shared = Box::leak(Box::default());
        Ok(Self { fiber: Fiber::new(Answering::<P>(shared, PhantomData))?, shared, cpu })
    }

    /// The loop's own, since no scheduler sees a fiber, and the CPU's, which must stand still.
    fn counts(&self) -> Counts {
        let cpu = snapshot(&[self.cpu, self.cpu]);
        let sum =
            |counters: &[AtomicU64; 2]| counters.iter().map(|counter| counter.load(Relaxed)).sum::<u64>();
        Counts {
            handoffs: cpu.handoffs + sum(&self.shared.resumed),
            switches: cpu.switches + sum(&self.shared.switches),
            ..cpu
        }
    }
}

/// Nobody is resumed: the owner answers itself.
struct Stay {
    shared: Shared,
    expected: u64,
    cpu: &'static Cpu,
}

impl Stay {
    /// The CPU's alone.
    fn counts(&self) -> Counts {
        snapshot(&[self.cpu, self.cpu])
    }
}

/// The timed block: the owner's side of exchanges `from..to`.
#[inline(never)]
fn hand_over<P: Probe>(side: &mut Resume, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    let shared = side.shared;
    side.fiber.in_registers(|fiber| exchange_all(shared, from..to, probe, || fiber.resume()))
}

/// The null experiment's timed block.
#[inline(never)]
fn hand_over_nothing<P: Probe>(side: &mut Stay, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    let Stay { shared, expected, .. } = side;
    exchange_all(shared, from..to, probe, || answer::<P>(shared, expected))
}

/// Hands each number over and checks what `answered` leaves.
#[inline(always)]
fn exchange_all<P: Probe>(
    shared: &Shared,
    exchanges: Range<u64>,
    probe: &mut P,
    mut answered: impl FnMut(),
) -> Option<Wrong> {
    let (mut number, end) = (2 * exchanges.start, 2 * exchanges.end);
    while number != end {
        P::before_handoff();
        shared.number.store(number, Relaxed);
        add_one(&shared.switches[OWNER]);
        answered();
        add_one(&shared.resumed[OWNER]);
        let found = shared.number.load(Relaxed);
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
fn answer_for_ever<P: Probe>(shared: &Shared, owner: Owner) -> ! {
    // Three words are passed in memory, and would be kept there.
    let mut owner = owner;
    let mut expected = 0;
    loop {
        answer::<P>(shared, &mut expected);
        owner.suspend();
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
