//! Numbers that look random and are the same for the same seed: SplitMix64 (Steele, Lea, Flood: Fast
//! Splittable Pseudorandom Number Generators, 2014). The order of the modes is drawn from it, and xtask
//! draws the seeds of boots.

/// 2^64 over the golden ratio, odd: what the state goes on by.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of numbers. Near seeds give streams that are far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The same stream from behind its first `numbers` on.
    pub const fn skip(self, numbers: u64) -> Self {
        Self { state: self.state.wrapping_add(numbers.wrapping_mul(STEP)) }
    }

    /// The next number.
    pub const fn draw(&mut self) -> u64 {
        *self = self.skip(1);
        let mut word = self.state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the algorithm's other implementations give for this seed.
    const OF_1234567: [u64; 5] = [
        6_457_827_717_110_365_317,
        3_203_168_211_198_807_973,
        9_817_491_932_198_370_423,
        4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
    ];

    #[test]
    fn seed_gives_the_numbers_of_the_published_algorithm() {
        let mut stream = SplitMix64::new(1_234_567);
        assert_eq!([(); 5].map(|()| stream.draw()), OF_1234567);
    }

    #[test]
    fn skipped_numbers_are_those_that_would_have_been_drawn() {
        for (skipped, number) in (0..).zip(OF_1234567) {
            assert_eq!(SplitMix64::new(1_234_567).skip(skipped).draw(), number);
        }
    }
}
