//! The same figures of a rigorous run: each by its median over the boots that are not void, with the 95 %
//! interval of that median.

use switchlab_core::format::Grouped;
use switchlab_records::{Mode, Unit};

use super::{Figure, Span, as_bencher, as_github, exchange_name, switch_name};
use crate::analysis::{Bootstrap, LEAST_RUNS, Summary};
use crate::manifest::plural;
use crate::results::{self, percentiles::TRACKED_RANKS};
use crate::rigorous::{BootResult, Findings};

/// As [`bencher`](super::bencher) has one boot; the least and the most are the ends of the interval. `None`
/// where no boot counts.
///
/// # Errors
///
/// None that valid logs can cause.
pub fn bencher(findings: &Findings<'_>) -> anyhow::Result<Option<String>> {
    let figures = figures(findings);
    (!figures.is_empty()).then(|| as_bencher(unit(findings), &figures)).transpose()
}

/// As [`github`](super::github) has one boot; the range is the interval's. `None` where no boot counts.
///
/// # Errors
///
/// None that valid logs can cause.
pub fn github(findings: &Findings<'_>) -> anyhow::Result<Option<String>> {
    let figures = figures(findings);
    let name = results::unit_name(unit(findings));
    (!figures.is_empty()).then(|| as_github(name, figures, &findings.conditions())).transpose()
}

fn unit(findings: &Findings<'_>) -> Unit {
    findings.results.first().map_or(Unit::Time, |boot| boot.title.unit)
}

fn figures(findings: &Findings<'_>) -> Vec<Figure> {
    let exchanges = findings.results.first().map_or(0, |boot| boot.title.exchanges);
    let switch = |mode: Mode| {
        let each = format!(
            "each the median of its runs of {} exchanges, raw, of one switch (half an exchange)",
            Grouped(exchanges)
        );
        figure(switch_name(mode), findings.results.iter().filter_map(|boot| boot.value(mode)), &each)
    };
    let percentile = |mode: Mode, name: &'static str| {
        let is_it = |boot: &BootResult| {
            let found = boot.percentiles.iter().find(|it| (it.mode, it.name) == (mode, name));
            found.map(|percentile| percentile.value)
        };
        let each = format!("each the {name} of its exchanges, raw, to within 1/64");
        figure(exchange_name(mode, name), findings.results.iter().filter_map(is_it), &each)
    };
    let percentiles =
        Mode::ALL.into_iter().flat_map(|mode| TRACKED_RANKS.map(|(_, name)| percentile(mode, name)));
    Mode::ALL.into_iter().map(switch).chain(percentiles).flatten().collect()
}

/// `None` where no boot has it: what was not measured is no zero.
fn figure(name: String, of_boots: impl Iterator<Item = f64>, each: &str) -> Option<Figure> {
    let values: Vec<f64> = of_boots.collect();
    let value = Summary::of(&values).ok()?.median;
    let interval = (values.len() >= LEAST_RUNS).then(|| Bootstrap::default().median(&values).ok()).flatten();
    let boots = plural(values.len() as u64, "boot");
    let with = if interval.is_some() { ", with its 95 % interval" } else { "" };
    Some(Figure {
        name,
        value,
        span: interval.map(|interval| Span { low: interval.low, high: interval.high }),
        what: format!("median of {boots}{with}, {each}"),
    })
}

#[cfg(test)]
mod tests;
