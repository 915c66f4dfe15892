//! Progress of an experiment with many points: point by point.

use std::time::Duration;

use switchlab_records::{Named, Point, Unit};

use super::{Left, Progress, Style};
use crate::results::unit_name;
use crate::survey::cells::cost_text;

impl Progress {
    pub(super) fn point(&mut self, point: &Point<'_>, since_start: Duration) {
        self.job.points += 1;
        let began = *self.job.began.get_or_insert(self.job.last);
        let left = left(since_start.saturating_sub(began), self.job.points, self.job.blocks);
        self.job.last = since_start;
        let name = format!("run {} {}", point.run, name(&point.series, &point.at));
        match self.style {
            Style::Bar => {
                self.bar.inc(1);
                // The table says which series and run it is.
                let message = match self.table(point) {
                    Some(table) => format!("{left}\n{table}"),
                    None => format!("{name} done, {left}"),
                };
                self.bar.set_message(message);
            }
            Style::Lines => {
                let cost = self.cost(point).map_or_else(String::new, |cost| format!(": {cost} one way"));
                let place = format!("point {} of {}", self.job.points, self.job.blocks);
                self.say(&format!("{place}: {name}{cost}, {left}"));
            }
            Style::Silent => {}
        }
    }

    /// The table of pairs with this one, on lines of its own; `None` where there is none.
    fn table(&mut self, point: &Point<'_>) -> Option<String> {
        let (cost, unit) = (self.value(point), unit_name(self.job.unit));
        let (cost, grid) = (cost?, self.job.grid.as_mut()?);
        grid.note(format!("run {} {}, {unit}", point.run, point.series), &point.at, cost);
        Some(grid.text())
    }

    /// What a handoff costs by the clock as it is known so far.
    fn cost(&self, point: &Point<'_>) -> Option<String> {
        let text = cost_text(self.job.unit, self.value(point)?);
        Some(match self.job.unit {
            Unit::Instructions => format!("{text} instructions"),
            Unit::Time => text,
        })
    }

    fn value(&self, point: &Point<'_>) -> Option<f64> {
        let ticks = point.ticks as f64 / point.handoffs.max(1) as f64;
        match (self.job.unit, self.job.tsc) {
            (Unit::Instructions, _) => Some(ticks),
            (Unit::Time, tsc) => tsc.map(|tsc| ticks * 1e9 / tsc.get() as f64),
        }
    }
}

/// `halt from 0 to 1`.
pub(super) fn name(series: &str, at: &[Named<'_>]) -> String {
    at.iter().fold(series.to_owned(), |name, (axis, number)| format!("{name} {axis} {number}"))
}

/// Points may differ by factors, so this is no more than a mean: known from the first point on.
fn left(spent: Duration, done: u32, of: u32) -> Left {
    let to_come = of.saturating_sub(done);
    Left(spent.checked_div(done).map(|each| each.saturating_mul(to_come)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_that_of_the_points_to_come_at_the_mean() {
        assert_eq!(left(Duration::from_secs(6), 3, 10), Left(Some(Duration::from_secs(14))));
        assert_eq!(left(Duration::from_secs(6), 10, 10), Left(Some(Duration::ZERO)));
    }
}
