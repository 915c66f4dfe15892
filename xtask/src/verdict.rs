//! Which mode the runs of one boot call faster, and how sure that is: the runs that are not void,
//! resampled as pairs. The table and the report say it; what many boots come to, rigorous mode says.

use std::collections::BTreeSet;

use switchlab_records::{Mode, Unit};

use crate::analysis::{Bootstrap, Comparison, Series, compare};
use crate::results::Results;

/// Whether a repetition, a run or a boot, counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Counts,
    /// It was disturbed: shown, and out of the verdict.
    Void,
}

impl Standing {
    /// Of a run, where those in `void` are.
    pub fn of(run: u32, void: &BTreeSet<u32>) -> Self {
        if void.contains(&run) { Self::Void } else { Self::Counts }
    }
}

/// What the runs of a boot come to.
#[derive(Clone, Debug, PartialEq)]
pub enum RunsVerdict {
    /// Cross-core against same-core.
    Compared(Box<Comparison>),
    /// Every run was void: there is nothing to go by.
    AllVoid,
    /// Instructions are counted, not sampled: the figures stand for themselves.
    Exact,
}

/// Compares the modes over the runs that are not in `void`; `None` where a mode did not run.
pub fn of_runs(results: &Results<'_>, void: &BTreeSet<u32>) -> Option<RunsVerdict> {
    results.mode(Mode::SameCore)?;
    results.mode(Mode::CrossCore)?;
    if results.plan.unit == Unit::Instructions {
        return Some(RunsVerdict::Exact);
    }
    let (same, cross): (Vec<f64>, Vec<f64>) = (1..=results.plan.runs)
        .filter(|run| !void.contains(run))
        .filter_map(|run| {
            let switch = |mode| results.block(run, mode).map(|block| block.switch);
            switch(Mode::SameCore).zip(switch(Mode::CrossCore))
        })
        .unzip();
    if same.is_empty() {
        return Some(RunsVerdict::AllVoid);
    }
    let series = |mode: Mode, values| Series { name: mode.name(), values };
    let (base, other) = (series(Mode::SameCore, &same), series(Mode::CrossCore, &cross));
    // A block that took no time has no ratio to anything.
    let comparison = compare(base, other, Bootstrap::default()).ok()?;
    Some(RunsVerdict::Compared(Box::new(comparison)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Verdict;
    use crate::golden;
    use switchlab_records::read_log;

    fn verdict(unit: Unit, cpus: u32, runs: u32, void: &[u32]) -> Option<RunsVerdict> {
        let text = golden::ended(golden::classic_in(unit, cpus, runs, 1_000));
        let results = Results::from_log(&read_log(&text)).unwrap();
        of_runs(&results, &void.iter().copied().collect())
    }

    fn compared(runs: u32, void: &[u32]) -> Comparison {
        match verdict(Unit::Time, 12, runs, void) {
            Some(RunsVerdict::Compared(comparison)) => *comparison,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn runs_are_compared_as_pairs() {
        let comparison = compared(5, &[]);
        // 206 and 7,970 ticks are the medians.
        assert!((comparison.ratio - 7_970.0 / 206.0).abs() < 1e-9, "{}", comparison.ratio);
        assert_eq!((comparison.verdict, comparison.base_runs), (Verdict::Slower, 5));
    }

    #[test]
    fn void_runs_are_left_out() {
        let comparison = compared(7, &[1, 2]);
        assert_eq!(comparison.base_runs, 5);
        assert!((comparison.ratio - 7_950.0 / 210.0).abs() < 1e-9, "{}", comparison.ratio);
        assert_eq!(compared(5, &[3]).verdict, Verdict::NotEnoughRuns);
        assert_eq!(verdict(Unit::Time, 12, 2, &[1, 2]), Some(RunsVerdict::AllVoid));
    }

    #[test]
    fn instructions_are_exact_and_a_skipped_mode_is_not_compared() {
        assert_eq!(verdict(Unit::Instructions, 12, 1, &[]), Some(RunsVerdict::Exact));
        assert_eq!(verdict(Unit::Time, 1, 5, &[]), None);
    }
}
