//! Results in the forms that trackers of benchmarks read: Bencher's and github-action-benchmark's.
//! Called by `output`; `compare` calls its rows by the same names. A figure's name never changes, since a tracker knows it by that; it is the same
//! of one boot and of many ([`boots`]).

pub mod boots;
pub mod points;

use serde::{Serialize, Serializer};
use switchlab_core::format::Grouped;
use switchlab_records::{Mode, Pass, Subject, Unit};

use crate::manifest::{Manifest, plural};
use crate::results::percentiles::{Percentile, tracked};
use crate::results::{ModeResult, Results};

/// [Bencher Metric Format](https://bencher.dev/docs/reference/bencher-metric-format): an object of
/// benchmarks, each an object of measures, each with its value and, of a mean, its least and its most
/// run. The measure is `latency`, in nanoseconds, or `instructions`.
///
/// # Errors
///
/// None that a valid log can cause.
pub fn bencher(results: &Results<'_>) -> anyhow::Result<String> {
    as_bencher(results.plan.unit, &figures(results))
}

/// The form of
/// [github-action-benchmark](https://github.com/benchmark-action/github-action-benchmark)'s tool
/// `customSmallerIsBetter`: an array of figures with unit, range, and what they hang on.
///
/// # Errors
///
/// None that a valid log can cause.
pub fn github(results: &Results<'_>, manifest: Option<&Manifest>) -> anyhow::Result<String> {
    let conditions = manifest.map(Manifest::conditions).unwrap_or_default();
    as_github(results.unit, figures(results), &conditions)
}

fn as_bencher(unit: Unit, figures: &[Figure]) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(&Benchmarks { measure: measure(unit), figures })? + "\n")
}

fn as_github(
    unit: &'static str,
    figures: Vec<Figure>,
    conditions: &[(&'static str, String)],
) -> anyhow::Result<String> {
    // A chart's tooltip has them: the command is too long for that, and the manifest has it.
    let conditions = conditions.iter().filter(|(label, _)| *label != "Command");
    let conditions: Vec<_> = conditions.map(|(label, text)| format!("{label}: {text}")).collect();
    let entry = |figure: Figure| Entry {
        range: figure.span.map(|span| format!("± {:.3}", span.reach(figure.value))),
        name: figure.name,
        unit,
        value: figure.value,
        extra: [&[figure.what], &*conditions].concat().join("\n"),
    };
    let entries: Vec<_> = figures.into_iter().map(entry).collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

const fn measure(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "latency",
        Unit::Instructions => "instructions",
    }
}

/// One figure that is tracked, in the results' unit.
struct Figure {
    name: String,
    value: f64,
    /// Its least and its most run, or the interval over boots; `None` where there is neither: of one run,
    /// of a percentile of one boot, which is of all runs together, and of few boots.
    span: Option<Span>,
    /// What it is a figure of.
    what: String,
}

#[derive(Clone, Copy)]
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    /// How far its further end is from `value`.
    fn reach(self, value: f64) -> f64 {
        (self.high - value).max(value - self.low)
    }
}

fn figures(results: &Results<'_>) -> Vec<Figure> {
    let percentiles = results.modes.iter().flat_map(|mode| percentiles(results, mode));
    results.modes.iter().map(|mode| switch(results, mode)).chain(percentiles).collect()
}

/// One switch, raw, as the table has it.
fn switch(results: &Results<'_>, mode: &ModeResult) -> Figure {
    let blocks = results
        .blocks
        .iter()
        .filter(|result| result.block.mode == mode.mode && result.is_of(Subject::Handoff, Pass::Batch))
        .filter(|result| !results.void_runs.contains(&result.block.run));
    let (low, high) = blocks.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), block| {
        (low.min(block.switch), high.max(block.switch))
    });
    Figure {
        name: switch_name(mode.mode),
        value: mode.switch.raw,
        // One run has no spread, which is not a spread of nothing.
        span: (mode.blocks > 1).then_some(Span { low, high }),
        what: format!(
            "mean of {} of {} exchanges, raw, of one switch (half an exchange)",
            plural(u64::from(mode.blocks), "run"),
            Grouped(mode.exchanges)
        ),
    }
}

/// What one switch of `mode` is called wherever figures have names: `same-core switch`,
/// `cross-core switch`, `switch`, `free switch`.
pub fn switch_name(mode: Mode) -> String {
    match mode {
        Mode::Switch => mode.name().into(),
        Mode::SameCore | Mode::CrossCore | Mode::Free => format!("{} switch", mode.name()),
    }
}

fn percentiles(results: &Results<'_>, mode: &ModeResult) -> Vec<Figure> {
    let samples = mode.sampled.as_ref().map_or(0, |sampled| sampled.samples);
    let figure = |Percentile { mode, name, value }| Figure {
        name: exchange_name(mode, name),
        value,
        span: None,
        what: format!("{name} of {} exchanges, raw, to within 1/64", Grouped(samples)),
    };
    tracked(results, mode).into_iter().map(figure).collect()
}

/// What a percentile of the exchanges of `mode` is called: `same-core exchange p99`.
fn exchange_name(mode: Mode, percentile: &str) -> String {
    format!("{} exchange {percentile}", mode.name())
}

/// Figures as Bencher takes them, in the table's order.
struct Benchmarks<'a> {
    measure: &'static str,
    figures: &'a [Figure],
}

impl Serialize for Benchmarks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let metric = |figure: &Figure| Metric {
            value: figure.value,
            lower_value: figure.span.map(|span| span.low),
            upper_value: figure.span.map(|span| span.high),
        };
        let measures = |figure| Measures { name: self.measure, metric: metric(figure) };
        serializer.collect_map(self.figures.iter().map(|figure| (&figure.name, measures(figure))))
    }
}

struct Measures {
    name: &'static str,
    metric: Metric,
}

impl Serialize for Measures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.name, &self.metric)])
    }
}

#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

#[cfg(test)]
mod tests;
