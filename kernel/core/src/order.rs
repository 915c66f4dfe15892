//! The order of the modes in a run. It alternates from run to run, so that what drifts in a boot
//! does not favour one mode. The experiment asks; xtask learns it from the records.

use switchlab_records::Mode;

/// The modes of run `run`, counted from 1, without those in `skipped`.
///
/// Odd runs: same-core, cross-core, switch. Even runs: cross-core, same-core, switch.
///
/// ```
/// use switchlab_core::order::modes_of_run;
/// use switchlab_records::Mode::{CrossCore, SameCore, Switch};
///
/// assert!(modes_of_run(2, &[]).eq([CrossCore, SameCore, Switch]));
/// assert!(modes_of_run(2, &[CrossCore]).eq([SameCore, Switch]));
/// ```
pub fn modes_of_run(run: u32, skipped: &[Mode]) -> impl ExactSizeIterator<Item = Mode> + Clone + use<> {
    let order = if run.is_multiple_of(2) {
        [Mode::CrossCore, Mode::SameCore, Mode::Switch]
    } else {
        [Mode::SameCore, Mode::CrossCore, Mode::Switch]
    };
    let mut kept = order;
    let mut count = 0;
    for mode in order {
        if !skipped.contains(&mode) {
            kept[count] = mode;
            count += 1;
        }
    }
    kept.into_iter().take(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{CrossCore, SameCore, Switch};
    use std::vec::Vec;

    fn modes(run: u32, skipped: &[Mode]) -> Vec<Mode> {
        modes_of_run(run, skipped).collect()
    }

    #[test]
    fn order_alternates_from_run_to_run() {
        for run in [1, 3, 5, 999] {
            assert_eq!(modes(run, &[]), [SameCore, CrossCore, Switch]);
            assert_eq!(modes(run + 1, &[]), [CrossCore, SameCore, Switch]);
        }
    }

    #[test]
    fn one_cpu_leaves_the_cross_core_mode_out() {
        for run in [1, 2] {
            assert_eq!(modes(run, &[CrossCore]), [SameCore, Switch]);
        }
    }

    #[test]
    fn length_is_known_beforehand() {
        assert_eq!(modes_of_run(1, &[]).len(), 3);
        assert_eq!(modes_of_run(2, &[Switch, SameCore]).len(), 1);
        assert_eq!(modes_of_run(2, &[Switch, SameCore, CrossCore]).len(), 0);
        assert_eq!(modes_of_run(2, &[Switch, Switch]).len(), 2);
    }
}
