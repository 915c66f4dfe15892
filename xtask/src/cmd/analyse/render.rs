//! How an analysis is shown: verdicts first, then the columns, then how all of it was computed.

use switchlab_core::format::{Grouped, Nanoseconds};

use super::{Analysis, Summarised};
use crate::analysis::measurements::{RunOrder, Unit};
use crate::analysis::{Comparison, Drift, LEAST_RUNS, Pairing, SignFlipMethod, SlopeOf, Trend, TrendTest};
use crate::manifest::plural;
use crate::table::{Sheet, labelled};

const HEADER: [&str; 9] =
    ["Column", "Median", "Quartiles", "Mean", "Min", "Max", "Spread", "Outliers", "Drift"];

/// For a terminal.
pub(super) fn text(analysis: &Analysis) -> String {
    let sentences: String = sentences(analysis).map(|sentence| sentence + "\n").collect();
    format!(
        "{}\n\n{sentences}\n{}\n\n{}",
        title(analysis),
        columns(analysis).text(),
        labelled(&notes(analysis))
    )
}

/// For a document.
pub(super) fn markdown(analysis: &Analysis) -> String {
    let sentences: String = sentences(analysis).map(|sentence| format!("- **{sentence}**\n")).collect();
    let notes: String = notes(analysis).iter().map(|(label, note)| format!("- {label}: {note}\n")).collect();
    format!("{}\n\n{sentences}\n{}\n\n{notes}", title(analysis), columns(analysis).markdown())
}

fn title(analysis: &Analysis) -> String {
    let order = match &analysis.order {
        RunOrder::AsInFile => "in the order of the rows".into(),
        RunOrder::ByColumn { header } => format!("in the order of column `{header}`"),
        RunOrder::Counted { header } => {
            format!("in the order of the rows, which column `{header}` counts (no measurement)")
        }
    };
    format!("{}: {}, {order}", analysis.file, plural(analysis.runs as u64, "run"))
}

fn sentences(analysis: &Analysis) -> impl Iterator<Item = String> {
    analysis.comparisons.iter().map(|comparison| match &comparison.paired {
        Some(test) => format!("{comparison}, p {}", p(test.p)),
        None => comparison.to_string(),
    })
}

fn columns(analysis: &Analysis) -> Sheet {
    Sheet {
        header: HEADER.map(str::to_owned).into(),
        rows: analysis.columns.iter().map(|column| row(column).into()).collect(),
        words: 1,
    }
}

fn row(Summarised { name, unit, summary }: &Summarised) -> [String; 9] {
    let value = |value| quantity(value, unit);
    [
        // A bar would end the cell of a document's table.
        name.replace('|', "\\|"),
        value(summary.median),
        format!("{} to {}", value(summary.lower_quartile), value(summary.upper_quartile)),
        value(summary.mean),
        value(summary.min),
        value(summary.max),
        format!("{:.1} %", 100.0 * summary.spread),
        summary.outliers.to_string(),
        drift(&summary.drift, unit),
    ]
}

fn drift(drift: &Drift, unit: &Unit) -> String {
    let way = match drift.trend {
        Trend::TooFewRuns => return "too few runs".into(),
        Trend::NotShown => return format!("none shown, p {}", p(drift.p)),
        Trend::Rising => "rising",
        Trend::Falling => "falling",
    };
    let step = drift.slope_per_run.map(|slope| format!(" {} a run", quantity(slope.abs(), unit)));
    format!("{way}{}, p {}", step.unwrap_or_default(), p(drift.p))
}

/// How it was computed: what a reader has to know to compute it again.
fn notes(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let mut notes = vec![
        ("Spread", "distance of the quartiles over the median; quartiles by Hyndman and Fan's type 7".into()),
        (
            "Outliers",
            "counted and not dropped; below and above: beyond 1.5 quartile distances from a quartile, far: beyond 3"
                .into(),
        ),
        ("Drift", drift_note(analysis)),
    ];
    let Some(first) = analysis.comparisons.first() else { return notes };
    notes.push(("Interval", interval_note(first)));
    if let Some(test) = first.paired {
        let how = match test.method {
            SignFlipMethod::Exact => "exact",
            SignFlipMethod::Normal => "normal approximation",
        };
        notes.push((
            "p of pairs",
            format!(
                "sign-flip test of the log ratios, two-sided, {how}; the least that {} give is {}; the verdict stands on the interval",
                plural(test.pairs as u64, "pair"),
                p(test.least_p)
            ),
        ));
    }
    if let count @ 2.. = analysis.comparisons.len() {
        notes.push((
            "Of many",
            format!(
                "each interval is for itself; of {count} comparisons without a difference up to {:.2} show one on average",
                0.05 * count as f64
            ),
        ));
    }
    notes
}

fn drift_note(analysis: &Analysis) -> String {
    let Some(Summarised { summary, .. }) = analysis.columns.first() else { return String::new() };
    if summary.drift.trend == Trend::TooFewRuns {
        return "trend over run order; no order of fewer than 5 runs can show one".into();
    }
    let tests = analysis.columns.iter().map(|column| column.summary.drift.test);
    let (exact, normal) = tests.partition::<Vec<_>, _>(|test| *test == TrendTest::Exact);
    let how = match (exact.is_empty(), normal.is_empty()) {
        (_, true) => "exact p",
        (true, _) => "p by the normal distribution, corrected for equal values",
        _ => "exact p, or where values are equal by the corrected normal distribution",
    };
    let slope = match summary.drift.slope_of {
        SlopeOf::AllPairs => "of all pairs of runs",
        SlopeOf::HalfApart => "of runs half the series apart",
    };
    format!(
        "trend over run order by Mann and Kendall, {how}, named below 0.05; Theil and Sen's slope {slope}"
    )
}

fn interval_note(comparison: &Comparison) -> String {
    if comparison.interval.is_none() {
        return format!("none: it takes {LEAST_RUNS} runs, since fewer differ by chance too often");
    }
    let bootstrap = comparison.bootstrap;
    let drawn = match bootstrap.pairing {
        Pairing::Paired => "runs drawn as pairs",
        Pairing::Independent => "columns drawn independently",
    };
    format!(
        "95 %, percentile bootstrap of the ratio of medians, levels expanded for few runs; {} resamples, {drawn}, seed {}",
        Grouped(u64::from(bootstrap.resamples)),
        bootstrap.seed
    )
}

/// A p with the digits that matter.
fn p(p: f64) -> String {
    match p {
        _ if p < 0.001 => "<0.001".into(),
        _ if p < 0.1 => format!("{p:.3}"),
        _ => format!("{p:.2}"),
    }
}

/// A value with its unit: a time in the unit of which there is at least one.
fn quantity(value: f64, unit: &Unit) -> String {
    match unit {
        Unit::Time if value < 999.995 => format!("{}ns", digits(value)),
        // 2^63 ns are 292 years.
        Unit::Time if value < 9.2e18 => Nanoseconds(value.round() as u64).to_string(),
        Unit::Time => format!("{:.3e}s", value / 1e9),
        Unit::Named(unit) => format!("{} {unit}", digits(value)),
        Unit::None => digits(value),
    }
}

/// Whole numbers as they are, others with two decimals, or with what shows three digits.
fn digits(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        _ if value.fract() == 0.0 && value < 9e15 => Grouped(value as u64).to_string(),
        _ if (0.1..1e15).contains(&value) => format!("{value:.2}"),
        _ if (1e-6..0.1).contains(&value) => {
            let decimals = 2 - value.log10().floor() as i32;
            format!("{value:.*}", usize::try_from(decimals).unwrap_or_default())
        }
        _ => format!("{value:.2e}"),
    }
}
