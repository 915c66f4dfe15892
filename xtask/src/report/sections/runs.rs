//! The table of the runs or of the boots, the same that the terminal shows.

use crate::report::model::{Measured, Run};
use crate::report::table::{Table, prose};
use crate::table::Report;

/// The runs.
pub(crate) struct Runs {
    pub(crate) table: Table,
    /// Label and text.
    pub(crate) findings: Vec<(&'static str, String)>,
}

/// Findings that stand in other sections.
const ELSEWHERE: [&str; 8] =
    ["Counts", "Skipped", "Void", "Reason", "Method", "Stability", "Void boots", "Spread"];

impl Runs {
    pub(crate) fn new(run: &Run<'_>, measured: &Measured<'_>) -> Self {
        let (report, caption) = match measured {
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
        let findings = report.findings.into_iter().filter(|(label, _)| !ELSEWHERE.contains(label));
        Self {
            table: Table::of_sheet(caption, &report.runs).with_summary(),
            findings: findings.map(|(label, text)| (label, prose(&text))).collect(),
        }
    }
}
