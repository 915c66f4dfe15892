//! In what order it was measured: each run, the order of its modes, and what is void.

use switchlab_records::{Mode, Pass, Subject};

use crate::report::model::Boot;
use crate::report::plots::Figure;
use crate::report::plots::order::{Panel, Point, Standing, figure};
use crate::report::table::Table;
use crate::results::Results;

/// The order.
pub(crate) struct Order {
    /// `None` for one run, which has no order.
    pub(crate) figure: Option<Figure>,
    /// The order of the modes in each run.
    pub(crate) table: Table,
}

impl Order {
    pub(crate) fn new(boot: &Boot<'_>, results: &Results<'_>) -> Self {
        let watch = boot.manifest.as_ref().and_then(|manifest| manifest.watch.as_ref());
        let voids = watch.map(|watch| &*watch.voids).unwrap_or_default();
        let standing = |run: u32, mode: Mode| {
            let is_it = voids.iter().any(|void| {
                (void.run, void.mode, void.subject, void.pass) == (run, mode, Subject::Handoff, Pass::Batch)
            });
            if is_it { Standing::Void } else { Standing::Counts }
        };
        let panel = |mode: Mode| {
            let mean = results.mode(mode)?.switch.raw;
            let blocks = (1..=results.plan.runs).filter_map(|run| Some((run, results.block(run, mode)?)));
            let points =
                blocks.map(|(run, block)| Point { value: block.switch, standing: standing(run, mode) });
            Some(Panel { mode, mean, points: points.collect() })
        };
        let panels: Vec<_> = Mode::ALL.into_iter().filter_map(panel).collect();
        let has_order = results.plan.runs > 1 && panels.iter().all(|panel| panel.mean > 0.0);
        let figure =
            has_order.then(|| figure(&format!("{}-order", boot.id), results.quantity(), &panels).ok());
        Self { figure: figure.flatten(), table: table(results, standing) }
    }
}

fn table(results: &Results<'_>, standing: impl Fn(u32, Mode) -> Standing) -> Table {
    let quantity = results.quantity();
    let row = |run: u32| {
        let mut blocks: Vec<_> = Mode::ALL.iter().filter_map(|mode| results.block(run, *mode)).collect();
        blocks.sort_by_key(|block| block.block.position);
        let cells = blocks.iter().map(|block| {
            let mode = block.block.mode;
            let void = if standing(run, mode) == Standing::Void { ", void" } else { "" };
            format!("{} {}{void}", mode.name(), quantity.text(block.switch))
        });
        let mut cells: Vec<String> = cells.collect();
        cells.resize(Mode::ALL.len(), "–".into());
        [run.to_string()].into_iter().chain(cells).collect()
    };
    Table::of_text(
        "The modes of each run in the order in which they were measured, and one switch of each",
        &["run", "first", "second", "third"],
        (1..=results.plan.runs).map(row).collect(),
    )
}
