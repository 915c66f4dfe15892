//! Two bare contexts that hand a number to and fro through one word: no scheduler, no channel.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::Mutex;
use switchlab_records::Counts;

use crate::{
    arch::tsc,
    experiments::exchange::{Measured, Wrong},
    mm::StackError,
    sched::{
        self, Cpu,
        fiber::{Fiber, Link},
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

/// Measures `exchanges` between two contexts on `cpu`.
///
/// # Errors
///
/// [`StackError`] where there is no stack for them.
pub fn measure(cpu: &'static Cpu, warm_up: u64, exchanges: u64) -> Result<Measured, StackError> {
    let result: &'static Mutex<Option<Result<Measured, StackError>>> = Box::leak(Box::default());
    sched::spawn_on(cpu, move || *result.lock() = Some(measure_here(warm_up, exchanges)))?.join();
    let measured = result.lock().take();
    measured.expect("the task leaves its result")
}

fn measure_here(warm_up: u64, exchanges: u64) -> Result<Measured, StackError> {
    let shared: &'static Shared = Box::leak(Box::default());
    let mut fiber = Fiber::new(answer, shared)?;
    let mut wrong = hand_over(&mut fiber, shared, 0, warm_up);
    let before = snapshot(shared);
    let start = tsc::start();
    if wrong.is_none() {
        wrong = hand_over(&mut fiber, shared, warm_up, warm_up + exchanges);
    }
    let end = tsc::end();
    let after = snapshot(shared);
    let counts = Counts {
        handoffs: after.handoffs - before.handoffs,
        switches: after.switches - before.switches,
        ..Counts::default()
    };
    Ok(Measured { ticks: end - start, counts, wrong })
}

/// The timed block: the owner's side of exchanges `from..to`.
#[inline(never)]
fn hand_over(fiber: &mut Fiber<Shared>, shared: &Shared, from: u64, to: u64) -> Option<Wrong> {
    for n in from..to {
        shared.number.store(2 * n, Relaxed);
        add_one(&shared.switches[OWNER]);
        fiber.resume();
        add_one(&shared.resumed[OWNER]);
        let found = shared.number.load(Relaxed);
        if found != 2 * n + 1 {
            return Some(Wrong { expected: 2 * n + 1, found });
        }
    }
    None
}

/// The fiber's side: checks each number and answers with the next. A wrong number stays as it is, so
/// that the owner finds it.
fn answer(link: &Link<Shared>) -> ! {
    let shared = link.shared;
    let mut expected = 0;
    loop {
        add_one(&shared.resumed[FIBER]);
        if shared.number.load(Relaxed) == expected {
            shared.number.store(expected + 1, Relaxed);
        }
        expected += 2;
        add_one(&shared.switches[FIBER]);
        link.suspend();
    }
}

/// Both sides are on one CPU: a plain addition.
#[inline(always)]
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

fn snapshot(shared: &Shared) -> Counts {
    let sum = |counters: &[AtomicU64; 2]| counters.iter().map(|counter| counter.load(Relaxed)).sum();
    Counts { handoffs: sum(&shared.resumed), switches: sum(&shared.switches), ..Counts::default() }
}
