//! Boost.Context's `fcontext`, by the crate `context`: a hand-written function of assembly.

use context::stack::ProtectedFixedSizeStack;
use context::{Context, Transfer};

use super::{STACK_BYTES, bare_base};
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// `resume`, from both sides.
pub struct Fcontext(pub Live);

struct Pair {
    plan: Plan,
    tally: Tally,
}

impl Peer for Fcontext {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Live::Nothing => ("fcontext", "boost fcontext, nothing live"),
            Live::SixValues => ("fcontext-six", "boost fcontext, six values live"),
        };
        About { id, title, base: bare_base(self.0), version: of_crate("context") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self.0 {
            Live::Nothing => between(plan, Live::Nothing, answer_with_nothing),
            Live::SixValues => between(plan, Live::SixValues, answer_with_six),
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

#[inline(always)]
fn between(plan: Plan, live: Live, answer: extern "C" fn(Transfer) -> !) -> Result<Times, Failure> {
    let stack = ProtectedFixedSizeStack::new(STACK_BYTES)
        .map_err(|_| Failure::Unavailable { why: "it could not map a stack" })?;
    let pair = Pair { plan, tally: Tally::default() };
    let data = (&raw const pair).expose_provenance();
    // SAFETY: the stack outlives the exchanges.
    let mut other = Some(unsafe { Context::new(&stack, answer) });
    ping(plan, live, &pair.tally, || other = other.take().map(|other| resume(other, data)))
}

/// Goes on with `other`; what it was then is returned.
#[inline(always)]
fn resume(other: Context, data: usize) -> Context {
    // SAFETY: each side's context is resumed once, by the other, on this thread.
    unsafe { other.resume(data) }.context
}

extern "C" fn answer_with_nothing(transfer: Transfer) -> ! {
    answer(transfer, Live::Nothing)
}

extern "C" fn answer_with_six(transfer: Transfer) -> ! {
    answer(transfer, Live::SixValues)
}

#[inline(always)]
fn answer(transfer: Transfer, live: Live) -> ! {
    let data = transfer.data;
    // SAFETY: `between` passed the address of its pair, which lives until the exchanges are over.
    let pair = unsafe { &*std::ptr::with_exposed_provenance::<Pair>(data) };
    let mut other = Some(transfer.context);
    pong(pair.plan, live, &pair.tally, || other = other.take().map(|other| resume(other, data)));
    unreachable!("the side that starts does not hand over after the last exchange")
}
