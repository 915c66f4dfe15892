//! How many instructions a switch takes, argument set-up, spills, checks and loop included: counted one at a time, of two
//! plans that differ in their exchanges alone. What comes before and after is the same for both, and cancels out.

use serde::Serialize;

use crate::Peer;

/// What became of the count.
#[derive(Debug, Serialize)]
pub struct Stepped<'a> {
    id: &'a str,
    /// Of one switch, half an exchange, as the mean; `None` where there is a reason.
    instructions: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> Stepped<'a> {
    /// Of the count of the peer `id`.
    pub fn new(id: &'a str, counted: Result<f64, String>) -> Self {
        let (instructions, reason) = match counted {
            Ok(instructions) => (Some(instructions), None),
            Err(reason) => (None, Some(reason)),
        };
        Self { id, instructions, reason }
    }
}

/// Exchanges of the smaller plan: whole turns of the loops, which do eight at once, and of their warm-up.
const FEW: u64 = 80;
/// So many times those are more in the larger plan, where that is no more than [`STEPS`].
const MORE: u64 = 10;
/// Steps that the larger plan is to take beyond the smaller at most: each is a signal, of 5 to 25 µs, and the peer has a
/// minute for all.
const STEPS: u64 = 300_000;

/// How many more exchanges the larger plan has, where the smaller took so many instructions: by that number and no clock,
/// so that it is the same on each host.
fn more(few: usize) -> u64 {
    FEW * (STEPS / (few as u64).max(1)).clamp(1, MORE)
}

/// Instructions of one switch.
///
/// # Errors
///
/// Its sides are threads of the system, an exchange got lost, or the system allows no single steps.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub fn instructions(peer: &dyn Peer) -> Result<f64, String> {
    use crate::plan::Plan;
    use crate::trap;

    if !peer.is_of_one_thread() {
        return Err("its sides are threads of the system".into());
    }
    let count = |exchanges| {
        let mut outcome = Ok(());
        let count = trap::count(|| outcome = peer.exchange(Plan::of(exchanges, 1)).map(drop))?;
        outcome.map_err(|failure| failure.to_string())?;
        Ok::<_, String>(count)
    };
    let plans = [FEW, FEW + more(count(FEW)?)];
    let mut counts = [0; 2];
    // Twice: what happens but once in a process happens in the first.
    for _ in 0..2 {
        counts = [count(plans[0])?, count(plans[1])?];
    }
    let [few, many] = plans.map(|exchanges| Plan::of(exchanges, 1).total());
    match counts[1].checked_sub(counts[0]) {
        Some(more) => Ok(more as f64 / (2 * (many - few)) as f64),
        None => {
            Err(format!("{} exchanges took {} instructions, and {} took {}", few, counts[0], many, counts[1]))
        }
    }
}

/// See above.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub fn instructions(_: &dyn Peer) -> Result<f64, String> {
    Err("single steps are taken on Linux on x86_64 alone".into())
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::answer::About;
    use crate::plan::{Failure, Plan, Times};

    /// A peer whose exchange is so many instructions.
    struct Planted {
        one_thread: bool,
        loses: bool,
    }

    impl Peer for Planted {
        fn about(&self) -> About {
            About { id: "planted", title: "planted", base: None, version: String::new() }
        }

        fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
            let rounds = plan.total();
            // SAFETY: changes no more than it declares.
            unsafe {
                core::arch::asm!(
                    "2: .rept 18", "nop", ".endr", "dec {}", "jnz 2b", inout(reg) rounds => _, options(nomem, nostack)
                );
            }
            plan.check(rounds, if self.loses { 0 } else { rounds }, 0)?;
            Ok(Times::new())
        }

        fn is_of_one_thread(&self) -> bool {
            self.one_thread
        }
    }

    #[test]
    fn instructions_are_those_of_half_an_exchange() {
        assert_eq!(instructions(&Planted { one_thread: true, loses: false }), Ok(10.0));
    }

    #[test]
    fn dear_peer_is_counted_by_fewer_exchanges() {
        assert_eq!([1_000, 30_000, 31_000, 120_000, 10_000_000].map(more), [800, 800, 720, 160, 80]);
    }

    #[test]
    fn threads_and_lost_exchanges_have_no_count() {
        let why = instructions(&Planted { one_thread: false, loses: false }).unwrap_err();
        assert!(why.contains("threads of the system"), "{why}");
        let why = instructions(&Planted { one_thread: true, loses: true }).unwrap_err();
        assert!(why.contains("lost exchanges"), "{why}");
    }
}
