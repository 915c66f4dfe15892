//! What a barrier costs where nobody else is: one flow of control does both sides' turns, with an instruction that
//! orders memory in place of each handoff.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, alternate};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// The instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// A read, a change and a write that are one, as locks and channels do them.
    Locked,
    /// `mfence`.
    Fence,
}

impl Peer for Barrier {
    fn about(&self) -> About {
        let (id, title) = match self {
            Self::Locked => ("barrier-locked", "no switch: a locked instruction"),
            Self::Fence => ("barrier-mfence", "no switch: an mfence"),
        };
        About { id, title, base: Some("ours-bare"), version: of_crate("switchlab-peers") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let tally = Tally::default();
        match self {
            Self::Locked => {
                let word = AtomicU32::new(0);
                let times = alternate(plan, Live::Nothing, &tally, || {
                    word.fetch_add(1, Ordering::SeqCst);
                })?;
                let (found, due) = (word.into_inner(), (2 * plan.total()) as u32);
                let [found, due] = [found, due].map(|count| u64::from(count) / 2);
                if found == due { Ok(times) } else { Err(Failure::Counts { ping: found, pong: found, due }) }
            }
            Self::Fence => alternate(plan, Live::Nothing, &tally, mfence),
        }
    }
}

#[inline(always)]
fn mfence() {
    // SAFETY: orders memory, and changes none. SSE2 has it, which x86_64 has always.
    unsafe { core::arch::asm!("mfence", options(nostack, preserves_flags)) };
}
