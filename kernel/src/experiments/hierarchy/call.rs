//! The floor: a function that is called, checks the number and returns it. There is one flow of control, so a call
//! is a handoff there, and its return the handoff back.

use alloc::borrow::Cow;
use core::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_records::Mode;

use super::{Context, Level, Taken};
use crate::{
    measure::{
        Wrong,
        probe::{Batch, Probe},
    },
    sched::Cpu,
};

/// A call in one of its forms.
pub struct Call {
    name: &'static str,
    hand_over: fn(&mut Called, u64, u64, &mut Batch) -> Option<Wrong>,
}

/// The address is part of the instruction.
pub static DIRECT: Call = Call { name: "call", hand_over: call_directly };
/// The address is read from memory.
pub static INDIRECT: Call = Call { name: "call-indirect", hand_over: call_indirectly };

impl Level for Call {
    fn name(&self) -> &'static str {
        self.name
    }

    /// What a call leaves on the stack, an address. What else lives, its caller knows and keeps where the callee does
    /// not reach.
    fn context(&self, _: Mode) -> Context {
        Context::of_words(size_of::<Function>() / size_of::<u64>())
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        // Each number that is due next was called for: a call and its return.
        let handoffs = |called: &Called| 2 * called.due.load(Relaxed);
        Taken::by_one_task(cpus[0], (warm_up, exchanges), || Ok(Called::default()), handoffs, self.hand_over)
    }
}

/// The side that is called.
#[derive(Default)]
#[repr(align(64))]
struct Called {
    /// The number that is due.
    due: AtomicU64,
}

type Function = extern "C" fn(&Called, u64) -> u64;

/// Checks the number and returns it; a wrong one makes the one that was due come back.
#[inline(never)]
extern "C" fn answer(called: &Called, number: u64) -> u64 {
    let due = called.due.load(Relaxed);
    called.due.store(due + 1, Relaxed);
    if number == due { number } else { !number }
}

#[inline(never)]
fn call_directly(called: &mut Called, from: u64, to: u64, probe: &mut Batch) -> Option<Wrong> {
    for number in from..to {
        Batch::before_handoff();
        let found = answer(called, number);
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        probe.exchange();
    }
    None
}

#[inline(never)]
fn call_indirectly(called: &mut Called, from: u64, to: u64, probe: &mut Batch) -> Option<Wrong> {
    for number in from..to {
        Batch::before_handoff();
        // Read anew each time, as a method of a trait object is.
        let function: Function = black_box(answer);
        let found = function(called, number);
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        probe.exchange();
    }
    None
}
