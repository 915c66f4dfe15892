//! In which order a CPU looks into the others' queues.

use crate::random::SplitMix64;

/// All CPUs but one, each once, from a random one on in random steps: as Go's scheduler goes, so that it
/// takes no memory, and thieves do not follow each other.
#[derive(Clone, Debug)]
pub struct Victims {
    next: usize,
    step: usize,
    cpus: usize,
    left: usize,
    me: usize,
}

impl Victims {
    /// Numbers that [`of`](Self::of) draws.
    pub const DRAWS: u64 = 2;

    /// For CPU `me`, one of `cpus`.
    pub fn of(me: usize, cpus: usize, random: &mut SplitMix64) -> Self {
        let next = below(cpus, random);
        // From 1 on: a step of the number of CPUs would stand still.
        let mut step = 1 + below(cpus, random);
        while has_common_divisor(step, cpus) {
            step = step % cpus + 1;
        }
        Self { next, step, cpus, left: cpus, me }
    }
}

impl Iterator for Victims {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.left > 0 {
            let victim = self.next;
            self.next = (victim + self.step) % self.cpus;
            self.left -= 1;
            if victim != self.me {
                return Some(victim);
            }
        }
        None
    }
}

fn below(cpus: usize, random: &mut SplitMix64) -> usize {
    (random.draw() % cpus as u64) as usize
}

fn has_common_divisor(mut a: usize, mut b: usize) -> bool {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a != 1
}
