//! What each thing costs, beside what the original measured and guessed.

use switchlab_records::Mode;

use super::between;
use crate::guesses::{self, Guess};
use crate::report::model::{Measured, Run};
use crate::report::original::MEASURED;
use crate::report::plots::costs::{Cost, Row, figure};
use crate::report::plots::{Plot, Quantity};
use crate::report::table::{Table, prose};
use crate::table::Report;
use crate::verdict::Standing;

/// The costs.
pub(crate) struct Costs {
    /// The same as a picture.
    pub(crate) figure: Plot,
    /// The same as a table.
    pub(crate) table: Table,
    /// Raw, overhead, net.
    pub(crate) switches: Option<Table>,
    /// What the two sides of the table are to each other.
    pub(crate) note: &'static str,
    /// How many of the free handoffs went to another CPU, and what that means; `None` where none ran.
    pub(crate) placement: Option<String>,
    /// What the whiskers span: runs or boots.
    pub(crate) repetition: &'static str,
    /// Whether the original's figures are there.
    pub(crate) is_beside_the_original: bool,
}

impl Costs {
    pub(crate) fn new(run: &Run<'_>, of_run: &Measured<'_>) -> Self {
        let quantity = of_run.quantity();
        let measured = measured(run, of_run);
        let (rows, table, note) = match quantity {
            Quantity::Time => (with_the_original(&measured), beside_the_original(&measured), TIMES_NOTE),
            Quantity::Instructions => {
                let table = measured.iter().map(|row| vec![row.label.clone(), text_of(quantity, &row.cost)]);
                let table =
                    Table::of_text("What a switch executes", &["between", "instructions"], table.collect());
                (measured, table, COUNTS_NOTE)
            }
        };
        let switches = match of_run {
            Measured::Once(results) => {
                let report = Report::new(results, run.manifest.as_ref());
                let caption =
                    "One switch, means: as measured, the same loop without a handoff, the difference";
                report.costs.first().map(|sheet| Table::of_sheet(caption.into(), sheet))
            }
            // Each boot has one of its own.
            Measured::Often(_) => None,
        };
        let placement = match of_run {
            Measured::Once(results) => results.placement.clone(),
            Measured::Often(often) => often.findings().placement(),
        };
        Self {
            figure: Plot::new("the costs", figure(&format!("{}-costs", run.id), quantity, &rows)),
            table,
            switches,
            note,
            placement: placement.map(|placement| {
                let told: Vec<_> =
                    placement.findings().map(|(label, text)| format!("{label}: {text}.")).collect();
                prose(&told.join(" "))
            }),
            repetition: of_run.repetition(),
            is_beside_the_original: quantity == Quantity::Time,
        }
    }
}

const TIMES_NOTE: &str = "The original ran in Go on a real machine; its figures, computed from its own table of \
    runs, are a scale here and no opponent. Where the numbers above are emulated, they rank the things measured here among each other, and \
    nothing else. A thing that is not measured yet has no number, and is not taken to cost what was guessed.";

const COUNTS_NOTE: &str = "Instructions are no time: neither the original's figures nor its guesses can stand \
    beside them.";

/// The modes that ran, the cheapest kind first: the median of what counts, and its span.
fn measured(run: &Run<'_>, measured: &Measured<'_>) -> Vec<Row> {
    let modes = [Mode::Switch, Mode::SameCore, Mode::Free, Mode::CrossCore];
    let row = |mode: Mode| {
        let value = run.median(mode)?;
        let all = run.repetitions(mode);
        let counting = all.iter().filter(|one| one.standing == Standing::Counts);
        let span =
            counting.fold((value, value), |(least, most), one| (least.min(one.switch), most.max(one.switch)));
        let cost = Cost::Measured { mode, value, span, repetition: measured.repetition() };
        Some(Row { label: between(mode).into(), cost })
    };
    modes.into_iter().filter_map(row).collect()
}

/// The originals below what they stand beside, the guesses behind all.
fn with_the_original(measured: &[Row]) -> Vec<Row> {
    let mut rows = Vec::new();
    for row in measured {
        rows.push(row.clone());
        for original in MEASURED.iter().filter(|original| is_of(&row.cost, original.beside)) {
            let cost = Cost::Original { value: original.average_ns, span: original.span_ns };
            rows.push(Row { label: format!("{} *", original.name), cost });
        }
    }
    rows.extend(guesses::TABLE.iter().map(|Guess { of, ns, .. }| Row {
        label: format!("{of}, guessed *"),
        cost: Cost::Guess { range: (ns.low, ns.high) },
    }));
    rows
}

fn beside_the_original(measured: &[Row]) -> Table {
    let text = |value| Quantity::Time.text(value);
    let mut rows = Vec::new();
    for row in measured {
        let original = MEASURED.iter().find(|original| is_of(&row.cost, original.beside));
        let original = original.map_or_else(
            || "–".to_owned(),
            |original| format!("{} ({}, measured)", text(original.average_ns), original.name),
        );
        rows.push(vec![row.label.clone(), text_of(Quantity::Time, &row.cost), original]);
    }
    for Guess { of, ns, .. } in guesses::TABLE {
        let guess = format!("{} to {} (guessed)", text(ns.low), text(ns.high)).replace(".00", "");
        rows.push(vec![of.into(), "not measured yet".into(), guess]);
    }
    Table::of_text(
        "What a switch costs here, and what the original said of it",
        &["between", "measured here", "the original"],
        rows,
    )
}

fn is_of(cost: &Cost, wanted: Mode) -> bool {
    matches!(cost, Cost::Measured { mode, .. } if *mode == wanted)
}

fn text_of(quantity: Quantity, cost: &Cost) -> String {
    match *cost {
        Cost::Measured { value, span: (least, most), repetition, .. } if least < most => {
            format!(
                "{} ({repetition}s {} to {})",
                quantity.text(value),
                quantity.text(least),
                quantity.text(most)
            )
        }
        Cost::Measured { value, .. } => quantity.text(value),
        _ => String::new(),
    }
}
