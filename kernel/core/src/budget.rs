//! How much of an experiment there is time for. The experiments ask, behind a trial or a warm-up.

/// How many of `most` a budget of ticks allows, where `done` of the same took `ticks`: rounded down, and one at least.
///
/// ```
/// use switchlab_core::budget::affordable;
///
/// assert_eq!(affordable(1_000, 10, 25, 1_000_000), 400);
/// ```
pub const fn affordable(budget_ticks: u64, done: u64, ticks: u64, most: u64) -> u64 {
    let ticks = if ticks == 0 { 1 } else { ticks };
    let allowed = budget_ticks as u128 * done as u128 / ticks as u128;
    let allowed = if allowed < most as u128 { allowed as u64 } else { most };
    if allowed == 0 { 1 } else { allowed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_shared_out_by_what_the_trial_took() {
        assert_eq!(affordable(900, 10, 100, 1_000), 90);
        assert_eq!(affordable(909, 10, 100, 1_000), 90);
        assert_eq!(affordable(900, 10, 100, 50), 50);
    }

    #[test]
    fn one_is_done_however_small_the_budget_and_none_is_wanted_less() {
        assert_eq!(affordable(0, 10, 100, 1_000), 1);
        assert_eq!(affordable(900, 0, 100, 1_000), 1);
        assert_eq!(affordable(900, 10, 100, 0), 1);
    }

    #[test]
    fn no_end_of_time_and_no_time_at_all_allow_everything() {
        assert_eq!(affordable(u64::MAX, u64::MAX, 1, u64::MAX), u64::MAX);
        assert_eq!(affordable(u64::MAX, 200, 5_000, 1_000_000), 1_000_000);
        assert_eq!(affordable(1_000, 10, 0, 1_000_000), 10_000);
    }
}
