//! The points of all runs, put together place by place.

use std::collections::HashMap;

use serde::Serialize;
use switchlab_core::Way;
use switchlab_records::{Counts, Unit};

use super::{PointResult, owned, place, waiting};
use crate::analysis::{Bootstrap, Interval, LEAST_RUNS, Summary};
use crate::watch::HostTime;

/// What all runs measured at one place. Figures are in the results' unit.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// What is compared.
    pub series: String,
    /// Where it was measured: names of coordinates and numbers.
    pub at: Vec<(String, u64)>,
    /// Runs that count.
    pub runs: u32,
    /// Whether all runs were void here: then all of them count, and nothing here is to be trusted.
    pub all_void: bool,
    /// One handoff, one way: the median of the runs.
    pub one_way: f64,
    /// The same in instructions, by a boot beside this one that counted them; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
    /// The least run.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// The 95 % interval of the median; `None` for fewer than [`LEAST_RUNS`] runs.
    pub interval: Option<Interval>,
    /// Handoffs that the ticks are of, of all runs together.
    pub handoffs: u64,
    /// Ticks of them all.
    pub ticks: u64,
    /// What happened, of all runs together.
    pub counts: Counts,
    /// What else was counted: the median of the runs.
    pub also: Vec<(String, u64)>,
    /// What it left to the CPUs at work beside it, in parts of what they get done alone: the median of the runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<f64>,
    /// QEMU's CPU time over the runs that count, as far as it could be told; `None` where of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostTime>,
    /// Each run that counts, in order.
    #[serde(skip)]
    pub values: Vec<f64>,
}

impl Cell {
    /// The number of a coordinate.
    pub fn coordinate(&self, name: &str) -> Option<u64> {
        looks::count();
        self.at.iter().find(|(of, _)| of == name).map(|(_, number)| *number)
    }

    /// The number that a further count has.
    pub fn also(&self, name: &str) -> Option<u64> {
        self.also.iter().find(|(of, _)| of == name).map(|(_, number)| *number)
    }

    /// Names of its coordinates.
    pub fn axes(&self) -> Vec<&str> {
        looks::count();
        self.at.iter().map(|(name, _)| &**name).collect()
    }

    /// Series and place, as trackers know it: `halt from 0 to 1`.
    pub fn name(&self) -> String {
        name(&self.series, &self.at)
    }
}

/// The same of a series and a place.
pub fn name(series: &str, at: &[(String, u64)]) -> String {
    format!("{series} {}", place(at)).trim_end().to_owned()
}

/// How often a cell's coordinates were looked at, so that a test can hold that against the number of cells: who
/// searches all cells for each looks at them as often as there are pairs of them.
pub(crate) mod looks {
    #[cfg(test)]
    std::thread_local! {
        static LOOKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }

    /// One more, in a test's thread.
    pub fn count() {
        #[cfg(test)]
        LOOKS.with(|looks| looks.set(looks.get() + 1));
    }

    /// How many there were while `work` was done.
    #[cfg(test)]
    pub fn of(work: impl FnOnce()) -> u64 {
        let before = LOOKS.get();
        work();
        LOOKS.get() - before
    }
}

/// A series, and a set of coordinates.
type Place<'p> = (&'p str, Vec<(String, u64)>);

/// The cells, series by series as they first come, places in rising order.
pub fn of(points: &[PointResult<'_>]) -> Vec<Cell> {
    let mut groups: Vec<(usize, Vec<&PointResult<'_>>)> = Vec::new();
    let mut series: Vec<&str> = Vec::new();
    for result in points {
        let name = &*result.point.series;
        if !series.contains(&name) {
            series.push(name);
        }
    }
    // Ways to wait have an order of their own, whatever order they were measured in.
    series.sort_by_key(|name| Way::NAMES.iter().position(|way| way == name).unwrap_or(usize::MAX));
    let mut places: HashMap<Place<'_>, usize> = HashMap::new();
    for result in points {
        let name = &*result.point.series;
        let rank = series.iter().position(|of| *of == name).unwrap_or_default();
        let place = *places.entry((name, owned(&result.point.at))).or_insert_with(|| {
            groups.push((rank, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(result);
    }
    let mut cells: Vec<(usize, Cell)> =
        groups.into_iter().map(|(rank, points)| (rank, cell(&points))).collect();
    let key =
        |(rank, cell): &(usize, Cell)| (*rank, cell.at.iter().map(|(_, number)| *number).collect::<Vec<_>>());
    cells.sort_by_key(key);
    cells.into_iter().map(|(_, cell)| cell).collect()
}

/// Of the points of one place, at least one.
fn cell(points: &[&PointResult<'_>]) -> Cell {
    let sound: Vec<_> = points.iter().copied().filter(|result| !result.void).collect();
    let all_void = sound.is_empty();
    let counted = if all_void { points } else { &sound };
    let values: Vec<f64> = counted.iter().map(|result| result.one_way).collect();
    let summary = Summary::of(&values).ok();
    let first = &counted[0].point;
    let also = first.also.iter().map(|(name, _)| {
        let mut numbers: Vec<u64> = counted
            .iter()
            .flat_map(|result| &result.point.also)
            .filter(|(of, _)| of == name)
            .map(|(_, number)| *number)
            .collect();
        numbers.sort_unstable();
        (name.to_string(), numbers[(numbers.len() - 1) / 2])
    });
    let interval = (values.len() >= LEAST_RUNS).then(|| Bootstrap::default().median(&values).ok()).flatten();
    Cell {
        series: first.series.to_string(),
        at: owned(&first.at),
        runs: counted.len() as u32,
        all_void,
        // What took less than the last decimal has no summary, and costs nothing that could be told.
        one_way: summary.map_or(values[0], |summary| summary.median),
        instructions: None,
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        most: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        interval,
        handoffs: counted.iter().map(|result| result.point.handoffs).fold(0, u64::saturating_add),
        ticks: counted.iter().map(|result| result.point.ticks).fold(0, u64::saturating_add),
        counts: counted.iter().map(|result| result.point.counts).sum(),
        also: also.collect(),
        left: waiting::left(counted),
        host: waiting::sum(counted.iter().filter_map(|result| result.host)),
        values,
    }
}

/// Cells whose coordinates have the same names, in the order in which they come: one table each.
pub fn groups(cells: &[Cell]) -> Vec<Vec<&Cell>> {
    let mut groups: Vec<Vec<&Cell>> = Vec::new();
    for cell in cells {
        match groups.iter_mut().find(|group| group[0].axes() == cell.axes()) {
            Some(group) => group.push(cell),
            None => groups.push(vec![cell]),
        }
    }
    groups
}

/// The series of some cells, in order, each once.
pub fn series_of<'c>(cells: &[&'c Cell]) -> Vec<&'c str> {
    let mut series: Vec<&str> = cells.iter().map(|cell| &*cell.series).collect();
    series.dedup();
    series
}

/// The places of some cells, rising, each once.
pub fn places_of<'c>(cells: &[&'c Cell]) -> Vec<&'c [(String, u64)]> {
    let mut places: Vec<&[(String, u64)]> = cells.iter().map(|cell| &*cell.at).collect();
    places.sort_by_key(|at| at.iter().map(|(_, number)| *number).collect::<Vec<_>>());
    places.dedup();
    places
}

/// A cost in words: `1.52µs`, `34.40ns`; of instructions the bare number.
pub fn cost_text(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Time => crate::clock::time_text(value),
        Unit::Instructions => format!("{value:.2}"),
    }
}
