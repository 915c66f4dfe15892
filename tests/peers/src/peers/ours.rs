//! Ours, bare: the switch routine of the kernel, without scheduler or channel.

use corosensei::stack::{DefaultStack, Stack};
use switchlab_switch::{Context, switch_context};

use super::STACK_BYTES;
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// `switch_context` between two contexts.
pub struct Bare(pub Live);

/// What the two sides share.
struct Pair {
    plan: Plan,
    tally: Tally,
    ping: Context,
    pong: Context,
}

impl Peer for Bare {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Live::Nothing => ("ours-bare", "ours, bare, nothing live"),
            Live::SixValues => ("ours-bare-six", "ours, bare, six values live"),
        };
        About { id, title, base: None, version: of_crate("switchlab-switch") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self.0 {
            Live::Nothing => between(plan, Live::Nothing, answer_with_nothing),
            Live::SixValues => between(plan, Live::SixValues, answer_with_six),
        }
    }
}

#[inline(always)]
fn between(plan: Plan, live: Live, answer: extern "C" fn(usize) -> !) -> Result<Times, Failure> {
    // The peer's own stack, so that both stand on the same ground.
    let stack = DefaultStack::new(STACK_BYTES).map_err(|why| Failure::System { what: "a stack", why })?;
    let pair = Pair { plan, tally: Tally::default(), ping: Context::empty(), pong: Context::empty() };
    let top = std::ptr::with_exposed_provenance_mut(stack.base().get());
    // SAFETY: the stack is ours, page-aligned at its top, and outlives the exchanges; nobody has restored
    // the context yet.
    unsafe { pair.pong.prepare(top, answer, (&raw const pair).expose_provenance()) };
    ping(plan, live, &pair.tally, || {
        // SAFETY: the other side is suspended, by `prepare` or by its own switch, and on this thread.
        unsafe { switch_context(&pair.ping, &pair.pong) };
    })
}

extern "C" fn answer_with_nothing(pair: usize) -> ! {
    answer(pair, Live::Nothing)
}

extern "C" fn answer_with_six(pair: usize) -> ! {
    answer(pair, Live::SixValues)
}

#[inline(always)]
fn answer(pair: usize, live: Live) -> ! {
    // SAFETY: `between` passed the address of its pair, which lives until the exchanges are over.
    let pair = unsafe { &*std::ptr::with_exposed_provenance::<Pair>(pair) };
    // SAFETY: as in `between`.
    pong(pair.plan, live, &pair.tally, || unsafe { switch_context(&pair.pong, &pair.ping) });
    unreachable!("the side that starts does not hand over after the last exchange")
}
