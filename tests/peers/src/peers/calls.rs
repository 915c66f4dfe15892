//! The floor of all: a function that is called, checks the number and gives the next. There is one flow of control,
//! so the call is a handoff there and its return the handoff back.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Instant;

use crate::Peer;
use crate::answer::About;
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// How the function is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// By an address in the instruction.
    Direct,
    /// By one that is read from memory.
    Indirect,
}

/// The side that is called.
#[derive(Debug, Default)]
struct Called {
    /// Of the last number that it was given.
    turns: Cell<u64>,
}

type Function = extern "C" fn(&Called, u64) -> u64;

/// Takes exchange `turn`, and says which is next: nothing of it can be known without the call.
#[inline(never)]
extern "C" fn answer(called: &Called, turn: u64) -> u64 {
    // Its own number and no sum: a sum in memory is a chain, which takes longer than a call.
    called.turns.set(turn);
    unknown(turn) + 1
}

/// Makes the compiler forget what it knows of a number, which stays in its register.
#[inline(always)]
fn unknown(mut number: u64) -> u64 {
    // SAFETY: no instruction at all.
    unsafe { core::arch::asm!("/* {} */", inout(reg) number, options(nomem, nostack, preserves_flags)) };
    number
}

impl Peer for Call {
    fn about(&self) -> About {
        let (id, title) = match self {
            Self::Direct => ("call-direct", "function, called and returning"),
            Self::Indirect => ("call-indirect", "function by pointer, called and returning"),
        };
        About { id, title, base: Some("ours-bare"), version: of_crate("switchlab-peers") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self {
            Self::Direct => calls(plan, |called, turn| answer(called, turn)),
            Self::Indirect => {
                let function: Cell<Function> = Cell::new(answer);
                calls(plan, |called, turn| black_box(&function).get()(called, turn))
            }
        }
    }
}

#[inline(always)]
fn calls(plan: Plan, call: impl Fn(&Called, u64) -> u64) -> Result<Times, Failure> {
    let (mut times, called, mut wrong) = (Times::new(), Called::default(), 0);
    for block in plan.blocks() {
        let started = Instant::now();
        for turn in block.clone() {
            wrong += u64::from(call(&called, turn) != turn + 1);
        }
        times.push(&block, started.elapsed());
        if called.turns.get() + 1 != block.end {
            return Err(Failure::Counts { ping: block.end, pong: called.turns.get() + 1, due: block.end });
        }
    }
    plan.check(plan.total(), called.turns.get() + 1, wrong)?;
    Ok(times)
}
