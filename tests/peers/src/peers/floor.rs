//! What is left of an exchange where nobody hands over: what the loops of the bare switches cost by themselves.
//!
//! One flow of control does both sides' turns. In place of each switch stands what none can do without:
//! every register is destroyed, so that what lives is stored and loaded again, and an indirect jump leads
//! to where it goes on.

use switchlab_switch::switching_asm;

use super::bare_base;
use crate::Peer;
use crate::answer::About;
use crate::bare::{Live, Tally, alternate};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// Both sides' loops without a switch.
pub struct Floor(pub Live);

impl Peer for Floor {
    fn about(&self) -> About {
        let (id, title) = match self.0 {
            Live::Nothing => ("floor", "no switch: a jump, nothing live"),
            Live::SixValues => ("floor-six", "no switch: a jump, six values live"),
        };
        About { id, title, base: bare_base(self.0), version: of_crate("switchlab-switch") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let tally = Tally::default();
        // One branch here, so that each loop is compiled by itself.
        match self.0 {
            Live::Nothing => alternate(plan, Live::Nothing, &tally, jump),
            Live::SixValues => alternate(plan, Live::SixValues, &tally, jump),
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

/// Destroys every register as a switch does, and jumps to the next instruction by a register.
#[inline(always)]
fn jump() {
    // SAFETY: what is destroyed is declared, and nothing else is touched.
    unsafe {
        switching_asm!(
            {
                "lea {rbx}, [rip + 2f]",
                "jmp {rbx}",
                ".p2align 6",
                "2:",
            }
            out("rdx") _, out("rdi") _, out("rsi") _,
            out("r10") _, out("r11") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
        );
    }
}
