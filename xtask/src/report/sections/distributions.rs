//! How the exchanges are distributed, by the sampled pass; those of several boots together.

use switchlab_core::format::Grouped;
use switchlab_core::histogram::Histogram;
use switchlab_core::ruler::Ruler;
use switchlab_records::Mode;

use crate::report::model::{Measured, Run};
use crate::report::plots::Plot;
use crate::report::plots::distribution::Distribution;
use crate::report::table::Table;
use crate::results::cost::RANKS;
use crate::table::{Report, Sheet};

/// The distributions; without figures where there was no sampled pass.
pub(crate) struct Distributions {
    /// One for each mode, on one axis.
    pub(crate) figures: Vec<Plot>,
    /// Their percentiles.
    pub(crate) table: Option<Table>,
}

const CAPTION: &str = "One exchange (two switches), each figure to within 1.57 %";

impl Distributions {
    pub(crate) fn new(run: &Run<'_>, measured: &Measured<'_>) -> Self {
        let ruler = measured.first().ruler;
        let samples: Vec<_> =
            Mode::ALL.into_iter().filter_map(|mode| Some((mode, merged(measured, mode)?))).collect();
        let distributions: Vec<_> = samples
            .iter()
            .filter_map(|(mode, samples)| {
                Some((mode, Distribution::new(*mode, samples, ruler, measured.quantity())?))
            })
            .collect();
        let reach = distributions.iter().map(|(_, distribution)| distribution.reach());
        let reach = reach.reduce(|(low, high), (least, most)| (low.min(least), high.max(most)));
        let figures = distributions.iter().filter_map(|(mode, distribution)| {
            let id = format!("{}-distribution-{}", run.id, mode.name());
            Some(Plot::new(format!("the exchanges of {}", mode.name()), distribution.figure(&id, reach?)))
        });
        let table = match measured {
            Measured::Once(results) => {
                let report = Report::new(results, run.manifest.as_ref());
                report.costs.get(1).map(|sheet| Table::of_sheet(CAPTION.into(), sheet))
            }
            Measured::Often(_) => Some(Table::of_sheet(CAPTION.into(), &sheet(&samples, ruler))),
        };
        Self { figures: figures.collect(), table: table.filter(|_| !samples.is_empty()) }
    }
}

/// The samples of `mode` in all boots; `None` without any. Ticks of different boots are told by the
/// first one's clock: boots differ by millionths there, and a bucket by hundredths.
fn merged(measured: &Measured<'_>, mode: Mode) -> Option<Histogram> {
    let mut all = Histogram::new();
    let modes = measured.all().iter().filter_map(|results| results.mode(mode)?.sampled.as_ref());
    modes.for_each(|sampled| all.merge(&sampled.histogram));
    (all.samples() > 0).then_some(all)
}

fn sheet(samples: &[(Mode, Histogram)], ruler: Ruler) -> Sheet {
    let header = ["One exchange"].into_iter().chain(RANKS.map(|(_, name)| name)).chain(["Samples"]);
    let rows = samples.iter().map(|(mode, samples)| {
        let at =
            RANKS.iter().filter_map(|(rank, _)| Some(ruler.total(samples.percentile(*rank)?).to_string()));
        let count = Grouped(samples.samples()).to_string();
        [mode.name().to_owned()].into_iter().chain(at).chain([count]).collect()
    });
    Sheet { header: header.map(str::to_owned).collect(), rows: rows.collect(), words: 0 }
}
