//! How the exchanges are distributed, by the sampled pass.

use crate::report::model::Boot;
use crate::report::plots::Figure;
use crate::report::plots::distribution::Distribution;
use crate::report::table::Table;
use crate::results::Results;
use crate::table::Report;

/// The distributions; without figures where there was no sampled pass.
pub(crate) struct Distributions {
    /// One for each mode, on one axis.
    pub(crate) figures: Vec<Figure>,
    /// Their percentiles.
    pub(crate) table: Option<Table>,
}

impl Distributions {
    pub(crate) fn new(boot: &Boot<'_>, results: &Results<'_>) -> Self {
        let quantity = results.quantity();
        let distributions: Vec<_> = results
            .modes
            .iter()
            .filter_map(|mode| {
                let samples = &mode.sampled.as_ref()?.histogram;
                Some((mode.mode, Distribution::new(mode.mode, samples, results.ruler, quantity)?))
            })
            .collect();
        let reach = distributions.iter().map(|(_, distribution)| distribution.reach());
        let reach = reach.reduce(|(low, high), (least, most)| (low.min(least), high.max(most)));
        let figures = distributions.iter().filter_map(|(mode, distribution)| {
            distribution.figure(&format!("{}-distribution-{}", boot.id, mode.name()), reach?).ok()
        });
        let report = Report::new(results, boot.manifest.as_ref());
        let caption = "One exchange (two switches), each figure to within 1.57 %";
        Self {
            figures: figures.collect(),
            table: report.costs.get(1).map(|sheet| Table::of_sheet(caption.into(), sheet)),
        }
    }
}
