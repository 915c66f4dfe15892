//! The crate `corosensei`: stackful coroutines. Its switch is inlined as ours is.

use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult};

use super::{STACK_BYTES, bare_base};
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// `resume` and `suspend`.
pub struct Corosensei(pub Live);

impl Peer for Corosensei {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Live::Nothing => ("corosensei", "corosensei, nothing live"),
            Live::SixValues => ("corosensei-six", "corosensei, six values live"),
        };
        About { id, title, base: bare_base(self.0), version: of_crate("corosensei") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let live = self.0;
        let stack = DefaultStack::new(STACK_BYTES).map_err(|why| Failure::System { what: "a stack", why })?;
        // One branch here, so that each loop is compiled by itself.
        match live {
            Live::Nothing => between(plan, Live::Nothing, stack),
            Live::SixValues => between(plan, Live::SixValues, stack),
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

#[inline(always)]
fn between(plan: Plan, live: Live, stack: DefaultStack) -> Result<Times, Failure> {
    let tally = Rc::new(Tally::default());
    let shared = Rc::clone(&tally);
    let mut answering = Coroutine::with_stack(stack, move |yielder, ()| {
        pong(plan, live, &shared, || yielder.suspend(()));
    });
    let times = ping(plan, live, &tally, || {
        answering.resume(());
    });
    match answering.resume(()) {
        CoroutineResult::Return(()) => times,
        CoroutineResult::Yield(()) => {
            Err(Failure::Counts { ping: plan.total(), pong: plan.total() + 1, due: plan.total() })
        }
    }
}
