//! The table of the runs or of the boots, the same that the terminal shows, but that where no
//! difference is shown, no row of it has a winner.

use crate::analysis::{Comparison, Verdict};
use crate::report::model::{Measured, Run};
use crate::report::table::{Table, prose};
use crate::table::{Report, Sheet};
use crate::verdict::{self, RunsVerdict};

/// The runs.
pub(crate) struct Runs {
    pub(crate) table: Table,
    /// Label and text.
    pub(crate) findings: Vec<(&'static str, String)>,
}

/// Findings that stand in other sections.
const ELSEWHERE: [&str; 7] = ["Counts", "Skipped", "Reason", "Method", "Stability", "Void boots", "Spread"];

impl Runs {
    pub(crate) fn new(run: &Run<'_>, measured: &Measured<'_>) -> Self {
        let (mut report, caption) = match measured {
            Measured::Once(results) => {
                let report = Report::new(results, run.manifest.as_ref());
                (
                    report,
                    format!("Each run of {}: the whole block, and one switch of it", results.plan.experiment),
                )
            }
            Measured::Often(often) => (
                often.findings().report(),
                "Each boot: one switch of each mode, by the median of its runs that count".into(),
            ),
        };
        if let Some(comparison) = comparison(run, measured) {
            call_ties(&mut report, &comparison);
        }
        let findings = report.findings.into_iter().filter(|(label, _)| !ELSEWHERE.contains(label));
        Self {
            table: Table::of_sheet(caption, &report.runs).with_summary(),
            findings: findings.map(|(label, text)| (label, prose(&text))).collect(),
        }
    }
}

/// How the runs of one boot compare; the rows of several boots name no winner.
fn comparison(run: &Run<'_>, measured: &Measured<'_>) -> Option<Comparison> {
    let Measured::Once(results) = measured else { return None };
    let watch = run.manifest.as_ref().and_then(|manifest| manifest.watch.as_ref());
    match verdict::of_runs(results, &watch.map(|watch| watch.void_runs()).unwrap_or_default())? {
        RunsVerdict::Compared(comparison) => Some(*comparison),
        RunsVerdict::AllVoid | RunsVerdict::Exact => None,
    }
}

/// Where no difference is shown, a row that is ahead is a tie, and nothing is said to be faster.
fn call_ties(report: &mut Report, comparison: &Comparison) {
    let all = match comparison.verdict {
        Verdict::Faster | Verdict::Slower => return,
        Verdict::NoDifferenceShown => "no difference shown",
        Verdict::NotEnoughRuns => "not enough runs",
    };
    let Sheet { rows, .. } = &mut report.runs;
    let last = rows.len().saturating_sub(1);
    for (index, row) in rows.iter_mut().enumerate() {
        if let Some(winner) = row.last_mut()
            && let Some((_, ratio)) = winner.split_once('(')
        {
            let ratio = ratio.split(' ').next().unwrap_or_default();
            *winner = match comparison.verdict {
                _ if index == last => all.into(),
                Verdict::NoDifferenceShown => format!("tie ({ratio})"),
                _ => format!("not judged ({ratio})"),
            };
        }
    }
    report.findings.retain(|(label, _)| *label != "Overall");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Bootstrap, Series, compare};
    use crate::golden;
    use crate::results::Results;
    use switchlab_records::read_log;

    fn winners(values: [&[f64]; 2]) -> (Vec<String>, bool) {
        let text = golden::ended(golden::classic(12, 3, 1_000));
        let mut report = Report::new(&Results::from_log(&read_log(&text)).unwrap(), None);
        let [base, other] = values.map(|values| Series { name: "a mode", values });
        call_ties(&mut report, &compare(base, other, Bootstrap::default()).unwrap());
        let winners = report.runs.rows.iter().map(|row| row.last().unwrap().clone()).collect();
        (winners, report.findings.iter().any(|(label, _)| *label == "Overall"))
    }

    #[test]
    fn ties_are_called_ties() {
        // The original's own five runs.
        let single = [639.96, 568.30, 554.18, 638.69, 556.24];
        let multi = [896.70, 588.72, 610.07, 592.50, 593.79];
        let (rows, is_overall) = winners([&single, &multi]);
        assert_eq!(rows, ["tie (39.55x)", "tie (39.12x)", "tie (38.69x)", "no difference shown"]);
        assert!(!is_overall, "nothing is said to be faster");
        assert_eq!(winners([&single[..3], &multi[..3]]).0[2..], ["not judged (38.69x)", "not enough runs"]);
    }

    #[test]
    fn difference_that_is_shown_keeps_its_winners() {
        let (rows, is_overall) = winners([&[1.0, 1.1, 1.2, 1.3, 1.4], &[2.0, 2.1, 2.2, 2.3, 2.4]]);
        assert!(rows.iter().all(|row| row.starts_with("Same-Core (")), "{rows:?}");
        assert!(is_overall);
    }
}
