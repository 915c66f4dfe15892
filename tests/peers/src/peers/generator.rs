//! The crate `generator`: its switch is a function of assembly that saves and restores all that a call keeps.

use std::rc::Rc;

use generator::Gn;

use super::{STACK_BYTES, bare_base};
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// `resume` and `yield_with`.
pub struct Generator(pub Live);

impl Peer for Generator {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Live::Nothing => ("generator", "generator, nothing live"),
            Live::SixValues => ("generator-six", "generator, six values live"),
        };
        About { id, title, base: bare_base(self.0), version: of_crate("generator") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self.0 {
            Live::Nothing => between(plan, Live::Nothing),
            Live::SixValues => between(plan, Live::SixValues),
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

#[inline(always)]
fn between(plan: Plan, live: Live) -> Result<Times, Failure> {
    let tally = Rc::new(Tally::default());
    let shared = Rc::clone(&tally);
    let words = STACK_BYTES / size_of::<usize>();
    let mut answering = Gn::<()>::new_scoped_opt_local(words, move |mut scope| {
        pong(plan, live, &shared, || scope.yield_with(()));
    });
    let times = ping(plan, live, &tally, || {
        answering.resume();
    });
    // To its end, so that it is not torn down in the middle.
    answering.resume();
    times
}
