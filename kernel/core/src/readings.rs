//! What readings of a counter that follow each other closely say of it: its step, what reading it
//! costs, whether it ever steps back. The kernel takes the readings, once at each boot.

/// A reading before and a reading after nothing at all, as a timed block has them around its work.
pub type Pair = [u64; 2];

/// What the readings say. Units are the counter's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// Greatest common divisor of all differences between readings that follow each other: the
    /// counter's step, as far as they show it. 0 where it stood still.
    pub step_ticks: u64,
    /// Readings below the one before them.
    pub steps_back: u64,
    /// The shortest pair: what a timed block of nothing measures at least.
    pub min_ticks: u64,
    /// The median pair.
    pub p50_ticks: u64,
    /// The pair that 99 % do not exceed.
    pub p99_ticks: u64,
}

impl Readings {
    /// Judges `pairs`, which stand in the order in which they were taken, and sorts them by length.
    ///
    /// A pair that steps back counts as one of 0 ticks. Of no pairs, all is 0.
    pub fn judge(pairs: &mut [Pair]) -> Self {
        let (mut step_ticks, mut steps_back) = (0, 0);
        let readings = pairs.iter().flatten();
        for (&before, &after) in readings.clone().zip(readings.skip(1)) {
            steps_back += u64::from(after < before);
            step_ticks = greatest_common_divisor(step_ticks, after.abs_diff(before));
        }
        pairs.sort_unstable_by_key(length);
        let at = |percent| pairs.get(rank(pairs.len(), percent)).map_or(0, length);
        Self { step_ticks, steps_back, min_ticks: at(0), p50_ticks: at(50), p99_ticks: at(99) }
    }
}

fn length(pair: &Pair) -> u64 {
    let [before, after] = *pair;
    after.saturating_sub(before)
}

/// The place, from 0, of the least of `count` sorted values that at least `percent` % do not exceed.
fn rank(count: usize, percent: usize) -> usize {
    (count * percent).div_ceil(100).saturating_sub(1)
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// Pairs of these lengths, 1,000 ticks from start to start.
    fn pairs(lengths: impl IntoIterator<Item = u64>) -> Vec<Pair> {
        lengths.into_iter().zip(0..).map(|(length, n)| [n * 1_000, n * 1_000 + length]).collect()
    }

    #[test]
    fn step_is_what_divides_all_differences() {
        assert_eq!(Readings::judge(&mut pairs([40, 60, 100])).step_ticks, 20);
        // The counter's own value does not matter, only what it moves by.
        let mut shifted: Vec<Pair> = pairs([40, 60, 100]).iter().map(|pair| pair.map(|r| r + 7)).collect();
        assert_eq!(Readings::judge(&mut shifted).step_ticks, 20);
        // The gaps between pairs count as well: 1,000 - 6 is not divided by 6.
        assert_eq!(Readings::judge(&mut pairs([6, 6])).step_ticks, 2);
    }

    #[test]
    fn percentiles_are_lengths_that_occurred() {
        let found = Readings::judge(&mut pairs((1..=200).rev()));
        assert_eq!((found.min_ticks, found.p50_ticks, found.p99_ticks), (1, 100, 198));
        let found = Readings::judge(&mut pairs([30]));
        assert_eq!((found.min_ticks, found.p50_ticks, found.p99_ticks), (30, 30, 30));
    }

    #[test]
    fn step_back_within_a_pair_and_between_two_is_counted() {
        let mut pairs = [[100, 90], [110, 120], [115, 130]];
        let found = Readings::judge(&mut pairs);
        assert_eq!(found.steps_back, 2);
        assert_eq!(found.step_ticks, 5);
        assert_eq!((found.min_ticks, found.p99_ticks), (0, 15));
    }

    #[test]
    fn counter_that_stands_still_has_no_step() {
        let still = Readings { step_ticks: 0, steps_back: 0, min_ticks: 0, p50_ticks: 0, p99_ticks: 0 };
        assert_eq!(Readings::judge(&mut [[5, 5], [5, 5]]), still);
        assert_eq!(Readings::judge(&mut []), still);
    }

    proptest! {
        #[test]
        fn planted_step_divides_the_one_found(step in 1u64..100, moves in prop::collection::vec(1u64..50, 4..40)) {
            let mut now = 0;
            let mut moved = |by: &u64| { now += by * step; now };
            let readings: Vec<u64> = moves.iter().map(&mut moved).collect();
            let mut pairs: Vec<Pair> = readings.as_chunks().0.to_vec();
            let found = Readings::judge(&mut pairs);
            prop_assert_eq!(found.step_ticks % step, 0);
            prop_assert_eq!(found.steps_back, 0);
            prop_assert!(found.min_ticks <= found.p50_ticks && found.p50_ticks <= found.p99_ticks);
        }

        #[test]
        fn nothing_panics(mut pairs: Vec<Pair>) {
            let _ = Readings::judge(&mut pairs);
        }
    }
}
