//! The pairs of CPUs while they are measured: a table that fills up cell by cell, below the bar.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use switchlab_records::{Named, Plan};

use crate::survey::show::digits;

/// So many CPUs fit beside each other.
const MOST_CPUS: u32 = 16;

/// What is known of the pairs of one series, in one run.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    cpus: u32,
    name: String,
    costs: BTreeMap<(u64, u64), f64>,
}

impl Grid {
    /// For a job that has all pairs of `cpus` CPUs before it; `None` for any other, and where they do not fit.
    pub(super) fn of(plan: &Plan<'_>, cpus: u32) -> Option<Self> {
        let pairs = cpus * cpus.saturating_sub(1);
        ((3..=MOST_CPUS).contains(&cpus) && plan.blocks >= pairs * plan.runs.max(1))
            .then(|| Self { cpus, ..Self::default() })
    }

    /// Notes what a pair costs. Another series, or another run, begins with an empty table.
    pub(super) fn note(&mut self, name: String, at: &[Named<'_>], cost: f64) {
        let number = |name: &str| at.iter().find(|(of, _)| of == name).map(|(_, number)| *number);
        let Some(pair) = number("from").zip(number("to")) else { return };
        if self.name != name {
            self.costs.clear();
            self.name = name;
        }
        self.costs.insert(pair, cost);
    }

    /// The table; empty before there is anything in it.
    pub(super) fn text(&self) -> String {
        let Some(most) = self.costs.values().copied().reduce(f64::max) else { return String::new() };
        // One scale for all, so that columns are narrow.
        let (scale, unit) = match most {
            ..1e4 => (1.0, ""),
            ..1e7 => (1e3, ", thousands"),
            _ => (1e6, ", millions"),
        };
        let mut text = format!("{}{unit}, from (row) to (column)\n    ", self.name);
        (0..self.cpus).for_each(|cpu| {
            let _ = write!(text, "{cpu:>6}");
        });
        for from in 0..u64::from(self.cpus) {
            let _ = write!(text, "\n{from:>4}");
            for to in 0..u64::from(self.cpus) {
                let cost = self.costs.get(&(from, to)).map(|cost| digits(cost / scale));
                let empty = if from == to { "" } else { "·" };
                let _ = write!(text, "{:>6}", cost.as_deref().unwrap_or(empty));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use switchlab_records::Record;

    fn plan_of(records: Vec<Record<'static>>) -> Plan<'static> {
        let plan = records.into_iter().find_map(|record| match record {
            Record::Plan(plan) => Some(plan),
            _ => None,
        });
        plan.expect("a plan")
    }

    #[test]
    fn table_fills_up_cell_by_cell_and_another_series_begins_anew() {
        let mut grid = Grid::of(&plan_of(golden::points::matrix(3, 1)), 3).expect("it fits");
        assert_eq!(grid.text(), "");
        let pair = |from, to| [("from".into(), from), ("to".into(), to)];
        grid.note("run 1 halt, ns".into(), &pair(0, 1), 1_500.0);
        grid.note("run 1 halt, ns".into(), &pair(2, 0), 3_050.0);
        let expected = "run 1 halt, ns, from (row) to (column)\n         0     1     2\n   0        1500     ·\n   1     ·           ·\n   2  3050     ·      ";
        assert_eq!(grid.text(), expected);
        grid.note("run 1 spin, ns".into(), &pair(0, 1), 2e6);
        assert!(
            grid.text().starts_with("run 1 spin, ns, thousands") && grid.text().matches("2000").count() == 1
        );
        assert!(!grid.text().contains("3050"));
    }

    #[test]
    fn jobs_of_one_pair_and_of_many_cpus_have_no_table() {
        assert!(Grid::of(&plan_of(golden::points::wait(3)), 12).is_none());
        assert!(Grid::of(&plan_of(golden::points::matrix(20, 1)), 20).is_none());
    }
}
