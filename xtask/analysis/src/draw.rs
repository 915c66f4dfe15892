//! The random numbers of the resampling. PCG XSL RR 128/64 is named by its algorithm, not "the
//! standard one", so a seed gives the same numbers with every version and on every host; a test
//! pins them. Rows are drawn in integers. Only a binomial, which more than 64 rows need, goes
//! through logarithms; all that comes out of it is a whole number too. Called by the bootstrap only.

use rand_core::{Rng, SeedableRng};
use rand_distr::{Binomial, Distribution};
use rand_pcg::Pcg64;

/// A stream of random numbers.
pub(super) struct Draw(Pcg64);

impl Draw {
    /// The stream of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    /// A number below `end`, each as likely as the others to 1 in 2^64 / `end`. By a product, not
    /// by the `rand` crate's range, whose method may change between versions.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u32
    }

    /// How many of `trials` succeed, each with the chance `part / whole`.
    pub(super) fn binomial(&mut self, trials: u64, part: u64, whole: u64) -> u64 {
        // A chance between 0 and 1 is all that it asks for; of no trials in nothing, none succeeds.
        Binomial::new(trials, part as f64 / whole as f64).map_or(0, |binomial| binomial.sample(&mut self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_gives_the_same_numbers_for_ever() {
        let mut draw = Draw::new(1);
        let numbers: Vec<u32> = (0..8).map(|_| draw.below(1_000_000)).collect();
        assert_eq!(numbers, [839_873, 17_298, 113_901, 983_015, 888_395, 475_850, 187_927, 388_258]);
        let mut draw = Draw::new(1);
        let counts: Vec<u64> = (0..8).map(|_| draw.binomial(1_000_000, 1, 3)).collect();
        assert_eq!(counts, [333_164, 332_475, 333_658, 333_189, 333_545, 332_511, 334_201, 333_607]);
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut draw = Draw::new(2);
        let mut counts = [0u32; 10];
        for _ in 0..100_000 {
            counts[draw.below(10) as usize] += 1;
        }
        // Standard deviation 95.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
    }

    #[test]
    fn certain_and_impossible_need_no_luck() {
        let mut draw = Draw::new(3);
        assert_eq!(draw.binomial(10, 7, 7), 10);
        assert_eq!(draw.binomial(10, 0, 7), 0);
        assert_eq!(draw.binomial(0, 3, 7), 0);
        assert_eq!(draw.binomial(0, 0, 0), 0);
    }
}
