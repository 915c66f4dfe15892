//! Where the difference between the modes comes from, step by step.

use switchlab_records::Mode;

use crate::report::model::Boot;
use crate::report::plots::waterfall::{Step, figure};
use crate::report::plots::{Figure, Quantity};
use crate::report::steps::{ModeSteps, Steps};
use crate::report::table::Table;

/// The steps.
pub(crate) enum Waterfall {
    /// They were measured.
    Measured {
        /// The way from one mode to the other.
        figure: Box<Figure>,
        /// The same as a table.
        table: Box<Table>,
    },
    /// They were not.
    NotMeasured {
        /// Why.
        why: String,
    },
}

/// The modes that are told apart.
const MODES: [Mode; 2] = [Mode::SameCore, Mode::CrossCore];

impl Waterfall {
    pub(crate) fn new(boot: &Boot<'_>) -> Self {
        let Some(steps) = &boot.steps else {
            return Self::NotMeasured { why: "this run took no time stamps between the steps".into() };
        };
        Self::of(&format!("{}-steps", boot.id), steps).unwrap_or_else(|why| Self::NotMeasured { why })
    }

    fn of(id: &str, steps: &Steps) -> Result<Self, String> {
        let quantity = if steps.unit == "instructions" { Quantity::Instructions } else { Quantity::Time };
        let of_mode = |mode: Mode| {
            let found = steps.modes.iter().find(|steps| steps.mode == mode);
            found.ok_or_else(|| format!("the steps of {} were not measured", mode.name()))
        };
        let both = [of_mode(MODES[0])?, of_mode(MODES[1])?];
        let merged = merged(both);
        let table = merged.iter().map(|step| {
            let [first, second] = step.costs.map(|cost| quantity.text(cost));
            vec![step.name.clone(), first, second, quantity.text(step.difference())]
        });
        let table = Table::of_text(
            "The steps of one exchange, which is two handoffs",
            &["step", MODES[0].name(), MODES[1].name(), "difference"],
            table.collect(),
        );
        Ok(Self::Measured { figure: Box::new(figure(id, quantity, MODES, &merged)?), table: Box::new(table) })
    }
}

/// The steps of both: a step that one mode lacks costs nothing there. In the order of the second,
/// those of the first alone before them, and last what no step accounts for.
fn merged([first, second]: [&ModeSteps; 2]) -> Vec<Step> {
    let cost = |steps: &ModeSteps, name: &str| {
        steps.steps.iter().filter(|step| step.name == name).map(|step| step.cost).sum::<f64>()
    };
    let mut names: Vec<&str> = Vec::new();
    for step in first.steps.iter().filter(|step| second.steps.iter().all(|other| other.name != step.name)) {
        if !names.contains(&&*step.name) {
            names.push(&step.name);
        }
    }
    for step in &second.steps {
        if !names.contains(&&*step.name) {
            names.push(&step.name);
        }
    }
    let mut steps: Vec<_> = names
        .into_iter()
        .map(|name| Step { name: name.to_owned(), costs: [cost(first, name), cost(second, name)] })
        .collect();
    let left_over = [first.remainder, second.remainder];
    if left_over != [0.0; 2] {
        steps.push(Step { name: "not attributed".into(), costs: left_over });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::steps::StepCost;

    fn steps(mode: Mode, costs: &[(&str, f64)]) -> ModeSteps {
        let steps = costs.iter().map(|(name, cost)| StepCost { name: (*name).into(), cost: *cost });
        let whole = costs.iter().map(|(_, cost)| cost).sum();
        ModeSteps { mode, whole, steps: steps.collect(), remainder: 0.0 }
    }

    #[test]
    fn every_step_of_both_modes_is_in_the_way_between_them() {
        let same = steps(Mode::SameCore, &[("channel", 30.0), ("run queue", 20.0), ("switch", 10.0)]);
        let cross = steps(Mode::CrossCore, &[("channel", 31.0), ("ICR write", 5.0), ("run queue", 25.0)]);
        let merged = merged([&same, &cross]);
        let names: Vec<_> = merged.iter().map(|step| &*step.name).collect();
        assert_eq!(names, ["switch", "channel", "ICR write", "run queue"]);
        let difference: f64 = merged.iter().map(Step::difference).sum();
        assert_eq!(difference, cross.whole - same.whole);
    }

    #[test]
    fn what_no_step_accounts_for_is_a_step_of_its_own() {
        let same = steps(Mode::SameCore, &[("channel", 30.0)]);
        let mut cross = steps(Mode::CrossCore, &[("channel", 31.0)]);
        (cross.whole, cross.remainder) = (28.0, -3.0);
        let merged = merged([&same, &cross]);
        assert_eq!((&*merged[1].name, merged[1].costs), ("not attributed", [0.0, -3.0]));
        let difference: f64 = merged.iter().map(Step::difference).sum();
        assert_eq!(difference, cross.whole - same.whole);
    }

    #[test]
    fn mode_without_steps_is_named() {
        let same = steps(Mode::SameCore, &[("channel", 30.0)]);
        let steps = Steps { unit: "instructions".into(), modes: vec![same] };
        assert_eq!(
            Waterfall::of("x", &steps).err().as_deref(),
            Some("the steps of cross-core were not measured")
        );
    }
}
