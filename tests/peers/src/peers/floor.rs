//! What is left of an exchange where nobody hands over: what the loops of the bare switches cost by themselves.
//!
//! One flow of control does both sides' turns. In place of each switch stands what none can do without:
//! every register is destroyed, so that what lives is stored and loaded again, and an indirect jump leads
//! to where it goes on.

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
        core::arch::asm!(
            "lea {rbx}, [rip + 2f]",
            "jmp {rbx}",
            ".p2align 5",
            "2:",
            rbx = out(reg_abcd) _,
            out("rax") _, out("rcx") _, out("rdx") _, out("rdi") _, out("rsi") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            // Vector, mask and x87 registers: where the target has or uses none, nothing is saved for them.
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            out("xmm16") _, out("xmm17") _, out("xmm18") _, out("xmm19") _,
            out("xmm20") _, out("xmm21") _, out("xmm22") _, out("xmm23") _,
            out("xmm24") _, out("xmm25") _, out("xmm26") _, out("xmm27") _,
            out("xmm28") _, out("xmm29") _, out("xmm30") _, out("xmm31") _,
            out("k1") _, out("k2") _, out("k3") _, out("k4") _, out("k5") _, out("k6") _, out("k7") _,
            out("mm0") _, out("mm1") _, out("mm2") _, out("mm3") _,
            out("mm4") _, out("mm5") _, out("mm6") _, out("mm7") _,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
        );
    }
}
