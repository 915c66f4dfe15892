//! The table of the runs, the same that the terminal shows, and what follows from it.

use crate::report::model::Boot;
use crate::report::table::{Table, spaced};
use crate::results::Results;
use crate::table::Report;

/// The runs.
pub(crate) struct Runs {
    pub(crate) table: Table,
    /// Label and text.
    pub(crate) findings: Vec<(&'static str, String)>,
}

/// Findings that stand in other sections.
const ELSEWHERE: [&str; 3] = ["Counts", "Skipped", "Reason"];

impl Runs {
    pub(crate) fn new(boot: &Boot<'_>, results: &Results<'_>) -> Self {
        let report = Report::new(results, boot.manifest.as_ref());
        let findings = report.findings.into_iter().filter(|(label, _)| !ELSEWHERE.contains(label));
        let caption =
            format!("Each run of {}: the whole block, and one switch of it", results.plan.experiment);
        Self {
            table: Table::of_sheet(caption, &report.runs).with_summary(),
            findings: findings.map(|(label, text)| (label, spaced(&text))).collect(),
        }
    }
}
