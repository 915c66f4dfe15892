//! The levels of isolation: the original's table of guesses with what was measured, what each level adds to the one
//! that it builds on, and what share of a core a rate of handoffs takes at each.

use switchlab_core::format::Grouped;
use switchlab_records::Unit;

use super::super::cells::cost_text;
use super::super::hierarchy::{
    CONTEXT_BYTES, CONTEXT_REGISTERS, cell, in_order, level, off_text, times_text,
};
use super::super::{Cell, Survey};
use super::{Part, cost_name, cost_of};
use crate::clock::time_text;
use crate::guesses::{Guess, ORIGINAL_BASE_NS};
use crate::table::Sheet;

/// The level that factors are told against.
const BASE: &str = "task";

/// Handoffs a second of which the share of a core is told.
const RATES: [u64; 3] = [10_000, 100_000, 1_000_000];

/// Counts that stand in these tables.
pub(super) const TOLD: [&str; 2] = [CONTEXT_BYTES, CONTEXT_REGISTERS];

/// The tables.
pub(super) fn parts(survey: &Survey<'_>) -> Vec<Part> {
    let mut parts = vec![costs(survey), additions(survey)];
    if survey.plan.unit == Unit::Time {
        parts.push(shares(survey));
    }
    parts.extend([contexts(survey), policies(survey)]);
    parts.retain(|part| !part.sheet.rows.is_empty());
    parts
}

/// `process, 2 CPUs`.
fn name(cell: &Cell) -> String {
    match cell.coordinate("cpus") {
        Some(2) => format!("{}, two CPUs", cell.series),
        _ => cell.series.clone(),
    }
}

fn costs(survey: &Survey<'_>) -> Part {
    let is_time = survey.plan.unit == Unit::Time;
    let base = cell(survey, BASE, 1).map(|cell| cell.one_way).filter(|base| *base > 0.0);
    let mut header = vec!["Level".to_owned(), cost_name(survey.plan.unit).to_owned()];
    let has_interval = survey.cells.iter().any(|cell| cell.interval.is_some());
    header.extend(has_interval.then(|| "95 % interval".to_owned()));
    let has_instructions = has_instructions(survey);
    header.extend(has_instructions.then(|| "Instructions".to_owned()));
    header.extend([format!("To {BASE}"), "Saved".into(), "Registers".into()]);
    if is_time {
        header.extend(["Guessed", "The guess is", "Guessed factor", "The factor is"].map(str::to_owned));
    }
    header.push("Handoffs".into());
    let text = |value| cost_text(survey.plan.unit, value);
    let row =
        |cell: &&Cell| {
            let factor = base.map(|base| cell.one_way / base);
            let mut row = vec![name(cell), cost_of(survey, cell)];
            row.extend(has_interval.then(|| {
                cell.interval.map_or_else(nothing, |of| format!("{} to {}", text(of.low), text(of.high)))
            }));
            row.extend(has_instructions.then(|| {
                cell.instructions.map_or_else(nothing, |count| cost_text(Unit::Instructions, count))
            }));
            row.push(factor.map_or_else(nothing, times_text));
            row.extend(saved(cell));
            if is_time {
                let guess = level(&cell.series).and_then(|level| level.guess.as_ref());
                row.extend(guessed(guess, cell.one_way, factor));
            }
            row.push(Grouped(cell.handoffs).to_string());
            row
        };
    let rows = in_order(survey).iter().map(row).collect();
    Part { caption: String::new(), sheet: Sheet { header, rows, words: 0 } }
}

/// Whether a boot beside it counted them.
fn has_instructions(survey: &Survey<'_>) -> bool {
    survey.cells.iter().any(|cell| cell.instructions.is_some())
}

fn nothing() -> String {
    "-".into()
}

fn guessed(guess: Option<&Guess>, one_way: f64, factor: Option<f64>) -> [String; 4] {
    let Some(Guess { ns, factors, .. }) = guess else { return [(); 4].map(|()| nothing()) };
    [
        range([ns.low, ns.high].map(time_text)),
        off_text(*ns, one_way),
        range([factors.low, factors.high].map(|factor| format!("{}x", Grouped(factor as u64)))),
        factor.map_or_else(nothing, |factor| off_text(*factors, factor)),
    ]
}

fn range([low, high]: [String; 2]) -> String {
    if low == high { low } else { format!("{low} to {high}") }
}

/// What each level takes beyond the one that it builds on, in the same form.
fn additions(survey: &Survey<'_>) -> Part {
    let mut header: Vec<String> =
        ["What a level adds", "Over", "Adds", "Of its cost"].map(str::to_owned).into();
    let has_instructions = has_instructions(survey);
    header.extend(has_instructions.then(|| "Adds instructions".to_owned()));
    let text = |unit, value: f64| {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}{}", cost_text(unit, value.abs()))
    };
    let rows = in_order(survey).into_iter().filter_map(|of| {
        let cpus = of.coordinate("cpus")?;
        let over = level(&of.series)?.over.on(cpus)?;
        let below = cell(survey, over, cpus)?;
        let adds = of.one_way - below.one_way;
        let share = if of.one_way > 0.0 { format!("{:.0} %", 100.0 * adds / of.one_way) } else { nothing() };
        let mut row = vec![name(of), over.into(), text(survey.plan.unit, adds), share];
        row.extend(has_instructions.then(|| match (of.instructions, below.instructions) {
            (Some(all), Some(below)) => text(Unit::Instructions, all - below),
            _ => nothing(),
        }));
        Some(row)
    });
    Part { caption: String::new(), sheet: Sheet { header, rows: rows.collect(), words: 0 } }
}

/// What share of one core so many handoffs a second take.
fn shares(survey: &Survey<'_>) -> Part {
    let mut header = vec!["Of one core, at so many handoffs a second".to_owned()];
    header.extend(RATES.map(|rate| Grouped(rate).to_string()));
    let share = |one_way: f64, rate: u64| match one_way * rate as f64 / 1e9 {
        share if share > 1.0 => format!("{} cores", ceiling(share)),
        share if share < 0.000_1 => "<0.01 %".into(),
        share => format!("{:.2} %", 100.0 * share),
    };
    let row = |cell: &Cell| {
        let mut row = vec![name(cell)];
        row.extend(RATES.map(|rate| share(cell.one_way, rate)));
        row
    };
    let rows = in_order(survey).into_iter().map(row).collect();
    Part { caption: String::new(), sheet: Sheet { header, rows, words: 0 } }
}

/// `1.5`: more than one core, to a tenth, never less than it is.
fn ceiling(share: f64) -> String {
    format!("{:.1}", (10.0 * share).ceil() / 10.0)
}

/// What the original says that is exchanged, beside what is saved and restored.
fn contexts(survey: &Survey<'_>) -> Part {
    let header = ["Context", "Saved", "Registers", "Guessed"].map(str::to_owned).into();
    let rows = in_order(survey).into_iter().filter_map(|cell| {
        let guessed = level(&cell.series)?.guess?.context?;
        let [bytes, registers] = saved(cell);
        Some(vec![name(cell), bytes, registers, guessed.into()])
    });
    Part { caption: String::new(), sheet: Sheet { header, rows: rows.collect(), words: 1 } }
}

/// Bytes and registers that a level saves.
fn saved(cell: &Cell) -> [String; 2] {
    let [bytes, registers] = TOLD.map(|name| cell.also(name).map(Grouped));
    [
        bytes.map_or_else(nothing, |bytes| format!("{bytes} B")),
        registers.map_or_else(nothing, |registers| registers.to_string()),
    ]
}

/// What a level does with what it does not save: once where its two forms do the same.
fn policies(survey: &Survey<'_>) -> Part {
    let header: Vec<String> =
        ["Level", "Floating point", "Address space", "Who waits is"].map(str::to_owned).into();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for cell in in_order(survey) {
        let (Some(level), Some(cpus)) = (level(&cell.series), cell.coordinate("cpus")) else { continue };
        let words = [level.fpu, level.memory, level.waits].map(|said| said.on(cpus).to_owned());
        if rows.last().is_none_or(|row| row[0] != level.name || row[1..] != words) {
            rows.push([name(cell)].into_iter().chain(words).collect());
        }
    }
    let words = header.len() - 1;
    Part { caption: String::new(), sheet: Sheet { header, rows, words } }
}

/// What follows, label and text.
pub(super) fn findings(survey: &Survey<'_>) -> Vec<(&'static str, String)> {
    let mut findings = Vec::new();
    let time = survey.plan.unit == Unit::Time;
    if time {
        let factor = 1_000.0 / ORIGINAL_BASE_NS;
        findings.push((
            "Guesses",
            format!(
                "the original's factors do not follow from its own times: 1µs over its {} is {}, where it says 10x; \
                 so each is about {} too high before anything is measured",
                time_text(ORIGINAL_BASE_NS),
                times_text(factor),
                times_text(10.0 / factor),
            ),
        ));
    }
    if !time || has_instructions(survey) {
        findings.push((
            "Instructions",
            "are those of the guest: a VMRUN counts as one, whatever it switches, and a CR3 load as one, whatever it \
             flushes"
                .into(),
        ));
    }
    findings
}

/// The levels that a sentence tells, each by its plainest form; the tables have all.
const IN_SHORT: [&str; 7] = ["call", "fiber", "task", "thread", "process", "container", "vm"];

/// What was found, in a sentence.
pub(super) fn answer(survey: &Survey<'_>) -> Option<String> {
    let unit = if survey.plan.unit == Unit::Instructions { " instructions" } else { "" };
    let of = |name: &str| cell(survey, name, 1).filter(|cell| cell.one_way > 0.0);
    let base = of(BASE)?;
    let told = IN_SHORT.into_iter().filter_map(of).map(|cell| {
        let cost = cost_text(survey.plan.unit, cell.one_way);
        match cell.series == BASE {
            true => format!("{} {cost}{unit}", cell.series),
            false => {
                format!("{} {cost} ({} of {BASE})", cell.series, times_text(cell.one_way / base.one_way))
            }
        }
    });
    Some(format!("one way on one CPU: {}", told.collect::<Vec<_>>().join(", ")))
}
