//! The ways to wait: a table of what each costs alone, one of what it does to the CPUs beside it, and the sentences
//! that say what is in them.

use std::collections::BTreeMap;

use switchlab_core::format::Grouped;
use switchlab_records::Unit;

use super::super::cells::{cost_text, groups};
use super::super::hierarchy::is_hierarchy;
use super::super::waiting::{also, bystanders, cpus_at_work, place_text, sum};
use super::super::{Cell, Survey};
use super::plain::capital;
use super::{Part, cost_name, cost_of, is_matrix, matrices};
use crate::analysis::Summary;
use crate::manifest::plural;
use crate::results::cost::UnitValue;
use crate::table::Sheet;
use crate::watch::HostTime;

/// Cells with no CPU at work beside them, and the others.
fn split<'c>(group: &[&'c Cell]) -> (Vec<&'c Cell>, Vec<&'c Cell>) {
    group.iter().partition(|cell| bystanders(cell) == Some(0))
}

/// The cells of a pair alone, which are those that a verdict is about.
pub(super) fn alone<'c>(group: &[&'c Cell]) -> Vec<&'c Cell> {
    split(group).0
}

/// The tables.
pub(super) fn parts(survey: &Survey<'_>, group: &[&Cell]) -> Vec<Part> {
    let (alone, beside) = split(group);
    let mut parts = Vec::new();
    if let Some(first) = alone.first() {
        parts.push(Part { caption: capital(&place_text(first)), sheet: alone_sheet(survey, &alone) });
    }
    if let Some(first) = beside.first() {
        let at_work = plural(bystanders(first).unwrap_or_default(), "CPU");
        let caption = format!("The same beside {at_work} at work, and what it leaves of their work");
        parts.push(Part { caption, sheet: beside_sheet(survey, &beside, &alone) });
    }
    parts
}

fn alone_sheet(survey: &Survey<'_>, cells: &[&Cell]) -> Sheet {
    let has_host = has_host(survey, cells);
    let has_interval = cells.iter().any(|cell| cell.interval.is_some());
    let mut header = vec!["Way to wait".to_owned(), cost_name(survey.plan.unit).to_owned()];
    header.extend(has_interval.then(|| "95 % interval".to_owned()));
    header.push("To the least".into());
    header.extend(has_host.then_some(HOST).into_iter().flatten().map(str::to_owned));
    header.push("Handoffs".into());
    let least = cells.iter().map(|cell| cell.one_way).fold(f64::INFINITY, f64::min);
    let text = |value| cost_text(survey.plan.unit, value);
    let row = |cell: &&Cell| {
        let mut row = vec![cell.series.clone(), cost_of(survey, cell)];
        row.extend(has_interval.then(|| {
            let interval = cell.interval;
            interval.map_or_else(|| "-".into(), |of| format!("{} to {}", text(of.low), text(of.high)))
        }));
        row.push(times(cell.one_way, least));
        row.extend(has_host.then(|| host_of(survey, cell)).into_iter().flatten());
        row.push(Grouped(cell.handoffs).to_string());
        row
    };
    Sheet { header, rows: cells.iter().map(row).collect(), words: 0 }
}

fn beside_sheet(survey: &Survey<'_>, cells: &[&Cell], alone: &[&Cell]) -> Sheet {
    let has_host = has_host(survey, cells);
    let mut header = vec!["Way to wait".to_owned(), cost_name(survey.plan.unit).to_owned()];
    header.push("To alone".into());
    header.extend(has_host.then_some(HOST).into_iter().flatten().map(str::to_owned));
    header.extend(["Left to them", "Handoffs"].map(str::to_owned));
    let row = |cell: &&Cell| {
        let quiet = alone.iter().find(|of| of.series == cell.series).map_or(0.0, |of| of.one_way);
        let mut row = vec![cell.series.clone(), cost_of(survey, cell), times(cell.one_way, quiet)];
        row.extend(has_host.then(|| host_of(survey, cell)).into_iter().flatten());
        row.push(cell.left.map_or_else(|| "-".into(), percent));
        row.push(Grouped(cell.handoffs).to_string());
        row
    };
    Sheet { header, rows: cells.iter().map(row).collect(), words: 0 }
}

fn times(value: f64, of: f64) -> String {
    if of > 0.0 { ratio(value / of) + "x" } else { "-".into() }
}

/// `2.54`, `25,427`.
fn ratio(ratio: f64) -> String {
    if ratio < 100.0 { format!("{ratio:.2}") } else { Grouped(ratio.round() as u64).to_string() }
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        percent @ 10.0.. => format!("{percent:.0} %"),
        percent @ 0.01.. => format!("{percent:.2} %"),
        _ => "<0.01 %".into(),
    }
}

/// Columns of what waiting takes of the host.
const HOST: [&str; 2] = ["Host CPU time", "Host CPUs"];

/// Whether anything can be told of the host.
fn has_host(survey: &Survey<'_>, cells: &[&Cell]) -> bool {
    survey.plan.unit == Unit::Time && cells.iter().any(|cell| cell.host.is_some())
}

fn host_of(survey: &Survey<'_>, cell: &Cell) -> [String; 2] {
    host_text(survey, cell.host, cell.one_way)
}

/// CPU time for a handoff that takes `one_way`, and CPUs at work.
fn host_text(survey: &Survey<'_>, host: Option<HostTime>, one_way: f64) -> [String; 2] {
    match host.and_then(cpus_at_work) {
        Some(cpus) => [cost_text(survey.plan.unit, cpus * one_way), format!("{cpus:.2}")],
        None => ["-", "-"].map(str::to_owned),
    }
}

/// What was found, in parts of a sentence.
pub(super) fn answer(survey: &Survey<'_>, group: &[&Cell]) -> Vec<String> {
    let (alone, beside) = split(group);
    let unit = if survey.plan.unit == Unit::Instructions { " instructions" } else { "" };
    let text = |value| cost_text(survey.plan.unit, value) + unit;
    let mut parts = Vec::new();
    let by = |a: &&&Cell, b: &&&Cell| a.one_way.total_cmp(&b.one_way);
    match (alone.iter().min_by(by), alone.iter().max_by(by)) {
        (Some(least), Some(most)) if alone.len() > 1 => {
            let (least_text, times) = (text(least.one_way), ratio(most.one_way / least.one_way));
            let (least, most) = (&least.series, &most.series);
            parts.push(format!(
                "{least} takes least, {least_text} one way; {most} takes most, {times} times that"
            ));
        }
        (Some(only), _) => parts.push(format!("{} takes {} one way", only.series, text(only.one_way))),
        _ => {}
    }
    let mut left: Vec<(&str, f64)> =
        beside.iter().filter_map(|cell| Some((&*cell.series, cell.left?))).collect();
    left.sort_by(|a, b| b.1.total_cmp(&a.1));
    match &left[..] {
        [] => {}
        [(name, share)] => {
            parts.push(format!("{name} leaves {} of the work of the CPUs beside it", percent(*share)));
        }
        [(_, most), .., (_, least)] if percent(*most) == percent(*least) => {
            parts.push(format!("each way leaves {} of the work of the CPUs beside it", percent(*most)));
        }
        [(first, most), .., (last, least)] => parts.push(format!(
            "of the work of the CPUs beside it {first} leaves most ({}), {last} least ({})",
            percent(*most),
            percent(*least)
        )),
    }
    parts
}

/// What is told below the tables of waits, label and text.
pub(super) fn findings(survey: &Survey<'_>) -> Vec<(&'static str, String)> {
    let told = [
        ("Host CPU", host(survey)),
        ("Break-even", break_even(survey)),
        ("MWAIT", mwait(survey)),
        ("Budget", budget(survey)),
    ];
    told.into_iter().filter_map(|(label, text)| Some((label, text?))).collect()
}

/// How CPU time was found, or why it was not.
fn host(survey: &Survey<'_>) -> Option<String> {
    if !survey.points.iter().any(|result| also(&result.point, "budget-ticks").is_some()) {
        return None;
    }
    let all = survey.points.len();
    let told = survey.points.iter().filter(|result| result.host.is_some()).count();
    Some(match (survey.plan.unit, told) {
        (Unit::Instructions, _) => {
            "not told: where instructions are counted, one thread runs without a rest".into()
        }
        (Unit::Time, 0) => {
            format!("not told: {SHORT}, or QEMU was not watched; a longer --budget and more --exchanges help")
        }
        (Unit::Time, _) => {
            let pairs = of_all_pairs(survey);
            let rest = if told < all {
                format!("; not told of {} of {all} points: {SHORT}", all - told)
            } else {
                String::new()
            };
            format!(
                "what all threads of QEMU ran for one handoff, and how many host CPUs that kept at work, warm-up included{pairs}{rest}"
            )
        }
    })
}

/// CPU time of each way between all pairs, which has no column; nothing where there is one pair.
fn of_all_pairs(survey: &Survey<'_>) -> String {
    let told = groups(&survey.cells).into_iter().filter(|group| is_matrix(group)).flat_map(|group| {
        let told = matrices(&group).into_iter().filter_map(|matrix| {
            let values: Vec<f64> = matrix.cells.iter().map(|cell| cell.one_way).collect();
            let host = sum(matrix.cells.iter().filter_map(|cell| cell.host))?;
            let [time, cpus] = host_text(survey, Some(host), Summary::of(&values).ok()?.median);
            Some(format!("{} {time}, {cpus} CPUs", matrix.series))
        });
        told.collect::<Vec<_>>()
    });
    let told: Vec<_> = told.collect();
    if told.is_empty() { String::new() } else { format!(": {}", told.join("; ")) }
}

/// Why CPU time is not told.
const SHORT: &str = "what is over in less than 20 ms can not be told from what comes before and after it";

/// How long who spins, then halts, spins, and what came of it.
fn break_even(survey: &Survey<'_>) -> Option<String> {
    let points = || survey.points.iter().map(|result| &result.point);
    let mut ticks: Vec<u64> = points().filter_map(|point| also(point, "break-even-ticks")).collect();
    ticks.sort_unstable();
    let text = |ticks: u64| {
        let words = cost_text(survey.plan.unit, survey.ruler.value(i128::from(ticks), 1));
        if survey.plan.unit == Unit::Instructions { words + " instructions" } else { words }
    };
    let (first, last) = (*ticks.first()?, *ticks.last()?);
    let range = if first == last { text(first) } else { format!("{} to {}", text(first), text(last)) };
    let mut halted: BTreeMap<u64, [u64; 2]> = BTreeMap::new();
    for point in points() {
        let beside = point.at.iter().find(|(name, _)| name == "bystanders").map_or(0, |(_, number)| *number);
        if let Some(count) = also(point, "halted") {
            let [sum, waits] = halted.entry(beside).or_default();
            *sum = sum.saturating_add(count);
            *waits = waits.saturating_add(point.handoffs);
        }
    }
    let told = halted.iter().map(|(beside, [sum, waits])| {
        let share = format!("{} of {}", Grouped(*sum), Grouped(*waits));
        match *beside {
            0 => format!("{share} waits halted"),
            beside => format!("beside {} at work {share}", plural(beside, "CPU")),
        }
    });
    let told: Vec<_> = told.collect();
    let told = if told.is_empty() { String::new() } else { format!("; {}", told.join(", ")) };
    Some(format!(
        "spin-halt spins for {range}, what a handoff by halt took right before, and then halts: so a wait takes at \
         most about twice what the better of spinning on and halting at once would{told}"
    ))
}

/// What MWAIT does here.
fn mwait(survey: &Survey<'_>) -> Option<String> {
    let cell = survey.cells.iter().find(|cell| cell.also("true-wait").is_some())?;
    let returns = cell.also("untouched-returns")?;
    let returns = format!("{} {}", Grouped(returns), if returns == 1 { "time" } else { "times" });
    Some(match cell.also("true-wait")? {
        0 => format!(
            "acts as PAUSE here: it returned {returns} from a line that nobody wrote to, so `mwait` is spinning by other instructions"
        ),
        _ => {
            format!("truly waits here: it returned {returns} from a line that nobody wrote to until the end")
        }
    })
}

/// When a point ends, and which ended before all of their exchanges were done.
fn budget(survey: &Survey<'_>) -> Option<String> {
    let points = || survey.points.iter().map(|result| &result.point);
    let ticks = points().find_map(|point| also(point, "budget-ticks"));
    if ticks.is_none() && !is_hierarchy(survey) {
        return None;
    }
    let mut cut: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for point in points() {
        // Both ways of a block are points of their own.
        let exchanges = if also(point, "block").is_some() { point.handoffs } else { point.handoffs / 2 };
        if exchanges < survey.plan.exchanges {
            let [least, most] = cut.entry(&*point.series).or_insert([exchanges, exchanges]);
            (*least, *most) = ((*least).min(exchanges), (*most).max(exchanges));
        }
    }
    let told = cut.iter().map(|(series, [least, most])| match least == most {
        true => format!("{series} {}", Grouped(*least)),
        false => format!("{series} {} to {}", Grouped(*least), Grouped(*most)),
    });
    let told: Vec<_> = told.collect();
    let end = match (ticks, survey.plan.unit) {
        (Some(ticks), Unit::Time) => {
            let ns = survey.ruler.value(i128::from(ticks), 1);
            format!("after {} ms", Grouped((ns / 1e6).round() as u64))
        }
        (Some(ticks), Unit::Instructions) => format!("after {} instructions", Grouped(ticks)),
        (None, _) => "with its budget".into(),
    };
    let cut = if told.is_empty() { "none came to that".into() } else { told.join(", ") };
    Some(format!("a block ends with its {} exchanges, or {end}: {cut}", Grouped(survey.plan.exchanges)))
}
