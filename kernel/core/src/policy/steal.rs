//! How a CPU without tasks comes to another's: the one loop, for the kernel's pool, whose queues are locked, and for the
//! test of the policies, whose are not.

use super::{Policy, Queue, Victims};
use crate::random::SplitMix64;

/// The queues of all CPUs.
pub trait Queues {
    /// How many CPUs there are.
    fn cpus(&self) -> usize;

    /// Tasks in CPU `cpu`'s queue at this moment.
    fn len(&self, cpu: usize) -> usize;

    /// Hands out both queues at once, the thief's own first. The two CPUs differ.
    fn with_both<T>(
        &mut self,
        thief: usize,
        victim: usize,
        act: impl FnOnce(&mut Queue<'_>, &mut Queue<'_>) -> T,
    ) -> T;
}

/// Takes half of the first queue that has a task to spare, in the order of [`Victims`], and the thief's next task of
/// that; `None` where no queue has one.
#[inline(always)]
pub fn steal<P: Policy>(queues: &mut impl Queues, thief: usize, random: &mut SplitMix64) -> Option<u32> {
    Victims::of(thief, queues.cpus(), random).find_map(|victim| {
        if queues.len(victim) < 2 {
            return None;
        }
        queues.with_both(
            thief,
            victim,
            |own, other| if other.give_half(own) == 0 { None } else { P::next(own) },
        )
    })
}
