//! The steps for people: a table, and what is to be said of it.

use switchlab_core::format::Grouped;
use switchlab_core::ruler::Ruler;
use switchlab_records::Mode;

use super::{ModeSteps, Step, Steps, Waterfall};
use crate::clock::{OneWay, time_text};
use crate::table::Sheet;

/// The modes that have a column, in that order, and its name.
const COLUMNS: [(Mode, &str); 3] =
    [(Mode::Switch, "Switch"), (Mode::SameCore, "Same-Core"), (Mode::CrossCore, "Cross-Core")];

impl Steps {
    /// For a terminal.
    pub fn text(&self) -> String {
        let notes: String = self.notes().iter().map(|note| format!("{note}\n")).collect();
        format!("{}\n\n{}\n\n{notes}", self.title(), self.sheet().text())
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let notes: String = self.notes().iter().map(|note| format!("- {note}\n")).collect();
        format!("{}\n\n{}\n\n{notes}", self.title(), self.sheet().markdown())
    }

    fn title(&self) -> String {
        let unit = match self.ruler {
            Ruler::Instructions => "instructions",
            Ruler::Time(_) => "time",
        };
        format!("Why, in measured steps of one exchange (two switches), in {unit}:")
    }

    pub(crate) fn sheet(&self) -> Sheet {
        let columns = || COLUMNS.iter().filter_map(|(mode, name)| Some((self.mode(*mode)?, *name)));
        let mut header = vec!["Step".to_owned()];
        header.extend(columns().map(|(_, name)| name.to_owned()));
        header.extend(self.waterfall.as_ref().map(|_| "Difference".to_owned()));
        header.push("What it does".into());
        let row = |name: &str,
                   of_mode: &dyn Fn(&ModeSteps) -> Option<f64>,
                   difference: &dyn Fn(&Waterfall) -> f64,
                   what: String| {
            let mut row = vec![name.to_owned()];
            row.extend(columns().map(|(mode, _)| self.cell(of_mode(mode))));
            row.extend(self.waterfall.as_ref().map(|waterfall| self.signed(difference(waterfall))));
            row.push(what);
            row
        };
        let occurs = |step: &Step| self.modes.iter().any(|mode| mode.step(*step).is_some());
        let mut rows: Vec<_> = Step::ALL
            .into_iter()
            .filter(occurs)
            .map(|step| {
                let difference = |waterfall: &Waterfall| waterfall.difference(step);
                let of_mode = |mode: &ModeSteps| Some(mode.step(step)?.cost);
                row(step.name(), &of_mode, &difference, self.what(step))
            })
            .collect();
        rows.push(row(
            "Steps together",
            &|mode| Some(mode.sum),
            &|waterfall| waterfall.bars.iter().map(|bar| bar.difference).sum(),
            self.traced(),
        ));
        rows.push(row(
            "Not attributed",
            &|mode| Some(mode.remainder),
            &|waterfall| waterfall.remainder,
            "the difference of the other two".into(),
        ));
        rows.push(row(
            "Measured",
            &|mode| Some(mode.whole),
            &|waterfall| waterfall.to_whole - waterfall.from_whole,
            "by the batch pass of the kernel without marks".into(),
        ));
        Sheet { header, rows, words: 1 }
    }

    /// What a step does, and where it goes one way, what that is worth.
    fn what(&self, step: Step) -> String {
        let bounds = self.modes.iter().filter_map(|mode| mode.one_way.as_ref());
        let bounds: Vec<_> = bounds.filter(|_| step == Step::ONE_WAY).map(OneWay::bound_text).collect();
        [step.what().to_owned()].into_iter().chain(bounds).collect::<Vec<_>>().join("; ")
    }

    fn traced(&self) -> String {
        let exchanges = self.modes.first().map_or(0, |mode| mode.exchanges);
        let medians = if self.modes.iter().all(|mode| mode.all_equal) { "all alike" } else { "medians" };
        format!("of {} exchanges in each mode, {medians}", Grouped(exchanges))
    }

    /// What is to be said of the table.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.worth()];
        if let Some(mode) = self.modes.first() {
            let cost = self.figure(mode.mark);
            let cost = match self.ruler {
                Ruler::Instructions => format!("{cost} instructions"),
                Ruler::Time(_) => cost,
            };
            let marks = self.modes.iter().map(|mode| format!("{} in {}", mode.marks, mode.mode.name()));
            notes.push(format!(
                "A mark costs {cost}, which the figures are without; an exchange passes {}.",
                marks.collect::<Vec<_>>().join(", ")
            ));
        }
        let rests =
            self.modes.iter().filter_map(|mode| Some(format!("{} {}", mode.mode.name(), mode.block_rest?)));
        let rests: Vec<_> = rests.collect();
        if !rests.is_empty() {
            notes.push(format!(
                "Left out is what a block takes once, such as its clock reads, in instructions: {}.",
                rests.join(", ")
            ));
        }
        for (mode, one_way) in self.modes.iter().filter_map(|mode| Some((mode, mode.one_way.as_ref()?))) {
            notes.push(format!(
                "In {}, `{}` goes from one CPU's counter to the other's, there and back: {one_way}. In the figure, which has both ways, that cancels as long as the marks keep their order.",
                mode.mode.name(),
                Step::ONE_WAY.name()
            ));
        }
        if !self.skipped.is_empty() {
            notes.push(format!("Not traced: {}.", self.skipped.join("; ")));
        }
        for mode in self.modes.iter().filter(|mode| mode.beside > 0) {
            notes.push(format!(
                "In {}, {} marks were passed by a CPU that did not have the message: work that overlapped, and is no step.",
                mode.mode.name(),
                Grouped(mode.beside)
            ));
        }
        notes
    }

    /// How far the table is to be trusted.
    fn worth(&self) -> String {
        if let Ruler::Time(_) = self.ruler {
            return "The steps are medians of their own, so less sure than the whole: what they leave over is shown and not spread over them. `--deterministic` counts them exactly.".into();
        }
        let off: Vec<_> = self.modes.iter().filter(|mode| !mode.is_exact()).collect();
        if off.is_empty() {
            return "The steps add up to what was measured, to the instruction, in every exchange.".into();
        }
        let off = off.iter().map(|mode| match mode.all_equal {
            true => format!("{} leaves {} over", mode.mode.name(), self.figure(mode.remainder)),
            false => format!("the exchanges of {} are not all alike", mode.mode.name()),
        });
        format!("NOT exact: {}.", off.collect::<Vec<_>>().join("; "))
    }

    fn cell(&self, value: Option<f64>) -> String {
        value.map_or_else(|| "-".into(), |value| self.figure(value))
    }

    fn signed(&self, value: f64) -> String {
        let sign = if value > 0.0 { "+" } else { "" };
        format!("{sign}{}", self.figure(value))
    }

    fn figure(&self, value: f64) -> String {
        let sign = if value < 0.0 { "-" } else { "" };
        match self.ruler {
            Ruler::Instructions => format!("{sign}{}", Grouped(value.abs().round() as u64)),
            Ruler::Time(_) => time_text(value),
        }
    }
}

impl Waterfall {
    fn difference(&self, step: Step) -> f64 {
        self.bars.iter().find(|bar| bar.step == step).map_or(0.0, |bar| bar.difference)
    }
}
