//! Where the difference between the modes comes from, step by step: by the trace beside the log.

use switchlab_core::ruler::Ruler;
use switchlab_records::read_log;

use crate::exit::Outcome;
use crate::judged::SideLog;
use crate::report::model::{Measured, Run};
use crate::report::plots::waterfall::{Bar, figure};
use crate::report::plots::{Plot, Quantity};
use crate::report::table::{Table, prose};
use crate::steps::{Steps, Whole};
use crate::trace::Traced;

/// The steps.
pub(crate) enum Waterfall {
    /// They were measured.
    Measured {
        /// The way from one mode to the other.
        figure: Box<Plot>,
        /// The steps of each mode.
        table: Box<Table>,
        /// How far they are to be trusted.
        notes: Vec<String>,
    },
    /// They were not.
    NotMeasured {
        /// Why.
        why: String,
    },
}

/// Why there is no way from one mode to another.
const NO_WAY: &str = "it leads from same-core to cross-core, and only one of them was traced";

impl Waterfall {
    pub(crate) fn new(run: &Run<'_>, measured: &Measured<'_>) -> Self {
        let Some(trace) = &run.trace else {
            return Self::NotMeasured { why: "this run was not traced".into() };
        };
        match steps(trace, &measured.wholes()) {
            Ok(steps) => Self::of(&format!("{}-steps", run.id), &steps),
            Err(why) => Self::NotMeasured { why },
        }
    }

    fn of(id: &str, steps: &Steps) -> Self {
        let quantity = match steps.ruler {
            Ruler::Instructions => Quantity::Instructions,
            Ruler::Time(_) => Quantity::Time,
        };
        let drawn = steps.waterfall.as_ref().ok_or_else(|| NO_WAY.to_owned()).and_then(|waterfall| {
            let mut bars: Vec<Bar> = waterfall
                .bars
                .iter()
                .map(|bar| Bar { name: bar.step.name(), difference: bar.difference })
                .collect();
            if waterfall.remainder != 0.0 {
                bars.push(Bar { name: "not attributed", difference: waterfall.remainder });
            }
            let ends = [(waterfall.from, waterfall.from_whole), (waterfall.to, waterfall.to_whole)];
            figure(id, quantity, ends, &bars)
        });
        let figure = Box::new(Plot::new("the way from one mode to another", drawn));
        let caption = "The steps of one exchange (two switches)".to_owned();
        let table = Box::new(Table::of_sheet(caption, &steps.sheet()).with_summary());
        Self::Measured { figure, table, notes: steps.notes().iter().map(|note| prose(note)).collect() }
    }
}

/// The trace, cut into steps and held against what was measured.
fn steps(trace: &SideLog, wholes: &[Whole]) -> Result<Steps, String> {
    match &trace.outcome {
        Outcome::Pass => Steps::new(&Traced::from_log(&read_log(&trace.text))?, wholes),
        _ if trace.is_cut() => Err("the trace was cut by Ctrl-C".into()),
        outcome => Err(format!("the trace has no result: {outcome}")),
    }
}
