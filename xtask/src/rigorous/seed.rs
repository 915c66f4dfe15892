//! The seeds: one for the whole, and from it one for each boot, which shuffles the order of its modes.

use std::time::{SystemTime, UNIX_EPOCH};

use switchlab_core::random::SplitMix64;

/// A seed that nobody named: from the clock. Never 0, which shuffles nothing.
pub fn drawn(now: SystemTime) -> u64 {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // Short enough to be typed in again.
    SplitMix64::new(since.as_nanos() as u64).draw() % 1_000_000_000 + 1
}

/// The seed of boot `number`, counted from 1, of a whole with `seed`. That of a whole with seed 0 is 0,
/// for every boot: the kernel's own order, which alternates from run to run.
pub fn of_boot(seed: u64, number: u32) -> u64 {
    if seed == 0 {
        return 0;
    }
    SplitMix64::new(seed).skip(u64::from(number).saturating_sub(1)).draw().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[test]
    fn boots_have_seeds_of_their_own_and_always_the_same() {
        let seeds: BTreeSet<u64> = (1..=1_000).map(|number| of_boot(7, number)).collect();
        assert_eq!(seeds.len(), 1_000);
        assert!(!seeds.contains(&0));
        assert_eq!(of_boot(7, 3), of_boot(7, 3));
        assert_ne!(of_boot(7, 3), of_boot(8, 3));
    }

    #[test]
    fn seed_0_shuffles_nothing() {
        assert!((1..=50).all(|number| of_boot(0, number) == 0));
    }

    #[test]
    fn drawn_seed_can_be_typed_and_shuffles() {
        for seconds in 0..1_000 {
            let seed = drawn(UNIX_EPOCH + Duration::from_secs(seconds));
            assert!((1..=1_000_000_000).contains(&seed));
        }
    }
}
