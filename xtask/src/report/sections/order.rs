//! In what order it was measured: each run with the order of its modes, or each boot, and what is
//! void.

use switchlab_records::Mode;

use crate::report::model::{Measured, Run};
use crate::report::plots::Plot;
use crate::report::plots::order::{Panel, figure};
use crate::report::table::Table;
use crate::results::Results;
use crate::verdict::Standing;

/// The order.
pub(crate) struct Order {
    /// `None` for one repetition, which has no order.
    pub(crate) figure: Option<Plot>,
    /// What was measured when.
    pub(crate) table: Table,
}

impl Order {
    pub(crate) fn new(run: &Run<'_>, measured: &Measured<'_>) -> Self {
        let panel = |mode: Mode| {
            let median = run.median(mode).filter(|median| *median > 0.0)?;
            Some(Panel { mode, median, points: run.repetitions(mode) })
        };
        let panels: Vec<_> = Mode::ALL.into_iter().filter_map(panel).collect();
        let has_order = panels.iter().any(|panel| panel.points.len() > 1);
        let id = format!("{}-order", run.id);
        let draw = || figure(&id, measured.quantity(), measured.repetition(), &panels);
        let figure = has_order.then(|| Plot::new("the order", draw()));
        let table = match measured {
            Measured::Once(results) => of_runs(run, results, measured),
            Measured::Often(_) => of_boots(run, measured),
        };
        Self { figure, table }
    }
}

fn of_runs(run: &Run<'_>, results: &Results<'_>, measured: &Measured<'_>) -> Table {
    let quantity = measured.quantity();
    let void: Vec<(Mode, u32)> = Mode::ALL
        .into_iter()
        .flat_map(|mode| run.repetitions(mode).into_iter().map(move |one| (mode, one)))
        .filter(|(_, one)| one.standing == Standing::Void)
        .map(|(mode, one)| (mode, one.number))
        .collect();
    let row = |number: u32| {
        let mut blocks: Vec<_> = Mode::ALL.iter().filter_map(|mode| results.block(number, *mode)).collect();
        blocks.sort_by_key(|block| block.block.position);
        let cells = blocks.iter().map(|block| {
            let mode = block.block.mode;
            let void = if void.contains(&(mode, number)) { ", void" } else { "" };
            format!("{} {}{void}", mode.name(), quantity.text(block.switch))
        });
        let mut cells: Vec<String> = cells.collect();
        cells.resize(Mode::ALL.len(), "–".into());
        [number.to_string()].into_iter().chain(cells).collect()
    };
    Table::of_text(
        "The modes of each run in the order in which they were measured, and one switch of each",
        &["run", "first", "second", "third", "fourth"],
        (1..=results.plan.runs).map(row).collect(),
    )
}

fn of_boots(run: &Run<'_>, measured: &Measured<'_>) -> Table {
    let Measured::Often(often) = measured else { return Table::of_text("", &[], Vec::new()) };
    let started = |boot: &crate::rigorous::BootResult| {
        let started = boot.manifest.as_ref().map(|manifest| manifest.started.replace('T', " "));
        started.map_or_else(|| "–".into(), |started| started.split('.').next().unwrap_or_default().to_owned())
    };
    let rows = often.values.iter().map(|boot| {
        let void = match boot.void_runs.len() {
            0 => "none".to_owned(),
            all if all == boot.runs as usize => format!("all {all}: void"),
            some => format!("{some} of {}", boot.runs),
        };
        vec![boot.boot.to_string(), started(boot), boot.seed.to_string(), void]
    });
    Table::of_text(
        &format!("The boots of {} in their order; the seed shuffles the modes within each run", run.name),
        &["boot", "started (UTC)", "seed", "void runs"],
        rows.collect(),
    )
}
