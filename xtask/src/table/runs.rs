//! The table of the runs, as the original had it, with its averages. What is void names no winner.

use std::collections::BTreeSet;

use switchlab_core::format::Hundredths;
use switchlab_core::stats::{mean, ratio_hundredths};
use switchlab_records::{Mode, Unit};

use super::Sheet;
use crate::analysis::Verdict;
use crate::results::Results;
use crate::verdict::{RunsVerdict, Standing};

pub(super) fn runs(results: &Results<'_>, void: &BTreeSet<u32>, verdict: Option<&RunsVerdict>) -> Sheet {
    let total = results.ruler.total_name();
    let columns =
        ["Same-Core", "Cross-Core"].map(|name| [format!("{name} {total}"), format!("{name} Switch")]);
    let header = ["Run".into()].into_iter().chain(columns.into_iter().flatten());
    let header = header.chain(["Free Switch".into(), "Winner".into()]);
    let name = |run: u32| if void.contains(&run) { format!("{run} (void)") } else { run.to_string() };
    let rows = (1..=results.plan.runs).map(|run| {
        let measured = COLUMNS.map(|mode| of_run(results, run, mode));
        row(name(run), results, measured, Standing::of(run, void))
    });
    let (averages, standing) = averages(results, void);
    let average = row("Average".into(), results, averages, standing);
    let mut sheet = Sheet { header: header.collect(), rows: rows.chain([average]).collect(), words: 1 };
    if let Some(RunsVerdict::Compared(comparison)) = verdict {
        call_ties(&mut sheet, comparison.verdict);
    }
    sheet
}

/// Where no difference is shown, a row that is ahead is a tie, and the averages have no winner.
fn call_ties(sheet: &mut Sheet, verdict: Verdict) {
    let word = match verdict {
        Verdict::Faster | Verdict::Slower => return,
        Verdict::NoDifferenceShown => "tie",
        Verdict::NotEnoughRuns => "not judged",
    };
    let last = sheet.rows.len().saturating_sub(1);
    for (index, row) in sheet.rows.iter_mut().enumerate() {
        // A row that is void, skipped or equal has no ratio in brackets, and names no winner already.
        if let Some(winner) = row.last_mut()
            && let Some((_, ratio)) = winner.split_once('(')
        {
            let ratio = ratio.split(' ').next().unwrap_or_default();
            *winner = if index == last { verdict.words().into() } else { format!("{word} ({ratio})") };
        }
    }
}

/// The modes that have columns; the first two have a winner.
const COLUMNS: [Mode; 3] = [Mode::SameCore, Mode::CrossCore, Mode::Free];

/// The mean of same-core, of cross-core and of free over the runs that are not void. Where all are void, of all:
/// they stand and name no winner.
pub(super) fn averages(results: &Results<'_>, void: &BTreeSet<u32>) -> ([Measured; 3], Standing) {
    let counted: Vec<u32> = (1..=results.plan.runs).filter(|run| !void.contains(run)).collect();
    let (runs, standing) = match counted.as_slice() {
        [] => ((1..=results.plan.runs).collect(), Standing::Void),
        _ => (counted, Standing::Counts),
    };
    let averages = COLUMNS.map(|mode| {
        let blocks: Vec<_> = runs.iter().filter_map(|run| of_run(results, *run, mode)).collect();
        Some((mean(blocks.iter().map(|(ticks, _)| *ticks))?, blocks.first()?.1))
    });
    (averages, standing)
}

fn of_run(results: &Results<'_>, run: u32, mode: Mode) -> Measured {
    let block = &results.block(run, mode)?.block;
    Some((block.ticks, block.exchanges))
}

/// Ticks and exchanges of a block.
pub(super) type Measured = Option<(u64, u64)>;

fn row(name: String, results: &Results<'_>, measured: [Measured; 3], standing: Standing) -> Vec<String> {
    let [same, cross, free] = measured;
    let cells = |measured: Measured, mode| match measured {
        Some((ticks, exchanges)) => {
            [results.ruler.total(ticks).to_string(), results.ruler.switch(ticks, exchanges).to_string()]
        }
        None => {
            let why = results.skipped(mode).unwrap_or("no block");
            [format!("skipped: {why}"), "-".into()]
        }
    };
    let winner = match (same, cross) {
        _ if standing == Standing::Void => "void".into(),
        (Some((same, _)), Some((cross, _))) => winner(same, cross, results.plan.unit),
        _ => "-".into(),
    };
    [name]
        .into_iter()
        .chain(cells(same, Mode::SameCore))
        .chain(cells(cross, Mode::CrossCore))
        .chain(cells(free, Mode::Free).into_iter().skip(1))
        .chain([winner])
        .collect()
}

/// Less time is faster; fewer instructions are fewer.
const fn better(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "faster",
        Unit::Instructions => "fewer",
    }
}

pub(super) fn winner(same: u64, cross: u64, unit: Unit) -> String {
    let (name, less, more) = match same.cmp(&cross) {
        std::cmp::Ordering::Less => ("Same-Core", same, cross),
        std::cmp::Ordering::Greater => ("Cross-Core", cross, same),
        std::cmp::Ordering::Equal => return "none (equal)".into(),
    };
    match ratio_hundredths(more, less) {
        Some(ratio) => format!("{name} ({}x {})", Hundredths(ratio), better(unit)),
        None => name.into(),
    }
}
