//! What the rings of our tasks come to, over all starts of the program: a cost for each size, the lines that a switch
//! touches, what so many lines cost by themselves, and the knee of each cache.

pub mod show;

use serde::{Deserialize, Serialize};

use super::caches::Cache;
use super::row::Host;
use crate::analysis::{Bootstrap, Interval, LEAST_RUNS, Summary};
use crate::status::{Refusal, Status};

/// Name of the file with all of it.
pub const FILE: &str = "scale.json";
/// The most tasks.
pub const MOST_TASKS: u32 = 65_536;
/// Version of the file.
const FORMAT: u32 = 2;

/// One start's answer.
#[derive(Clone, Debug, Deserialize)]
pub struct Scaled {
    /// What a switch touches; absent where it could not be counted.
    pub touched: Option<Touched>,
    /// Why it could not.
    pub reason: Option<String>,
    /// The sizes, the smallest first.
    pub points: Vec<Point>,
}

/// What a switch touches of what each task has for itself, counted by stepping through two rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Instructions of a turn.
    pub instructions: u64,
    /// Lines of a task.
    pub task_lines: u64,
    /// Lines of its stack.
    pub stack_lines: u64,
    /// Lines of anything else.
    pub other_lines: u64,
}

impl Touched {
    /// All lines that come with a task.
    pub const fn lines(&self) -> u64 {
        self.task_lines + self.stack_lines + self.other_lines
    }
}

/// One size.
#[derive(Clone, Debug, Deserialize)]
pub struct Point {
    /// Tasks of the ring.
    pub tasks: u64,
    /// One switch, a value for each block.
    pub switch_ns: Vec<f64>,
    /// One line of the walk over as many lines in the ring's order, likewise; empty where lines are not counted.
    pub line_ns: Vec<f64>,
    /// One line of the walk in a shuffled order.
    pub shuffled_line_ns: Vec<f64>,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Rings {
    /// Version of this format.
    pub format: u32,
    /// How often the program was started.
    pub rounds: usize,
    /// The machine.
    pub host: Host,
    /// Its caches, the nearest first.
    pub caches: Vec<Cache>,
    /// What a switch touches.
    pub touched: Option<Touched>,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_counted: Option<String>,
    /// The sizes, the smallest first.
    pub sizes: Vec<Size>,
    /// Where each cache ends.
    pub knees: Vec<Knee>,
}

/// What one size comes to.
#[derive(Clone, Debug, Serialize)]
pub struct Size {
    /// Tasks of the ring.
    pub tasks: u64,
    /// One switch.
    pub switch: Cost,
    /// The walk in the ring's order, of which a processor fetches ahead what it can foresee.
    pub in_order: Option<Lines>,
    /// The walk in a shuffled order, in which it can foresee nothing.
    pub shuffled: Option<Lines>,
}

/// As many lines as a switch touches, by themselves.
#[derive(Clone, Debug, Serialize)]
pub struct Lines {
    /// One of them.
    pub line: Cost,
    /// All.
    pub all_ns: f64,
    /// What a switch takes more than in the smallest ring, over that; `None` for the smallest.
    pub growth: Option<f64>,
}

/// A figure with its values, one for each start.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// The median of the starts.
    pub median_ns: f64,
    /// Its 95 % interval; `None` for fewer than 5 starts.
    pub interval_ns: Option<Interval>,
    /// The median of the blocks of each start.
    pub values_ns: Vec<f64>,
}

/// Where a cache ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Knee {
    /// Which.
    pub cache: Cache,
    /// Tasks whose lines fit, by its size and sets.
    pub fits: u64,
    /// What a switch takes in the largest ring that fits.
    pub within_ns: f64,
    /// And in the largest that fits the next cache, or that was measured.
    pub beyond_ns: f64,
    /// The first ring from which on a switch is more than half of the way there, by the ratio; `None` where the way is
    /// shorter than [`SHOWS`].
    pub knee: Option<u64>,
}

/// So many times as dear a switch has to be beyond a cache for its knee to show.
pub const SHOWS: f64 = 1.1;

impl Rings {
    /// Puts the answers of all starts together.
    ///
    /// # Errors
    ///
    /// Status 1 where answers differ in what they measured, or in the lines that they counted.
    pub fn new(answers: &[Scaled], caches: Vec<Cache>, host: Host) -> anyhow::Result<Self> {
        let differ =
            |what: &str| Refusal::with(Status::Fail, format!("the starts of our tasks differ in {what}"));
        let first = answers.first().ok_or_else(|| differ("that there is none"))?;
        if answers.iter().any(|answer| answer.touched != first.touched) {
            return Err(differ("the lines that a switch touches"));
        }
        let tasks = |answer: &Scaled| answer.points.iter().map(|point| point.tasks).collect::<Vec<_>>();
        if answers.iter().any(|answer| tasks(answer) != tasks(first)) {
            return Err(differ("the sizes of the rings"));
        }
        let touched = first.touched;
        let mut sizes = Vec::<Size>::new();
        for (index, point) in first.points.iter().enumerate() {
            let cost =
                |of: fn(&Point) -> &[f64]| Cost::of(answers.iter().map(|answer| of(&answer.points[index])));
            let switch = cost(|point| &point.switch_ns)?;
            let growth_ns = sizes.first().map(|smallest| switch.median_ns - smallest.switch.median_ns);
            let lines = |of| -> anyhow::Result<Option<Lines>> {
                let Some(touched) = touched else { return Ok(None) };
                let line: Cost = cost(of)?;
                let all_ns = touched.lines() as f64 * line.median_ns;
                Ok(Some(Lines { line, all_ns, growth: growth_ns.map(|growth_ns| growth_ns / all_ns) }))
            };
            let in_order = lines(|point| &point.line_ns)?;
            let shuffled = lines(|point| &point.shuffled_line_ns)?;
            sizes.push(Size { tasks: point.tasks, switch, in_order, shuffled });
        }
        let knees = touched.map_or_else(Vec::new, |touched| knees(&sizes, &caches, touched));
        let not_counted = first.reason.clone();
        Ok(Self { format: FORMAT, rounds: answers.len(), host, caches, touched, not_counted, sizes, knees })
    }
}

impl Cost {
    /// Of the blocks of each start.
    fn of<'a>(starts: impl Iterator<Item = &'a [f64]>) -> anyhow::Result<Self> {
        let medians = starts.map(|blocks| Summary::of(blocks).map(|summary| summary.median));
        let values_ns: Vec<f64> = medians.collect::<Result<_, _>>()?;
        let interval_ns =
            if values_ns.len() >= LEAST_RUNS { Some(Bootstrap::default().median(&values_ns)?) } else { None };
        Ok(Self { median_ns: Summary::of(&values_ns)?.median, interval_ns, values_ns })
    }
}

/// Of each cache whose end lies within what was measured.
fn knees(sizes: &[Size], caches: &[Cache], touched: Touched) -> Vec<Knee> {
    let fit = |cache: &Cache| cache.tasks(touched.task_lines + touched.other_lines, touched.stack_lines);
    let largest = |most: u64| sizes.iter().rfind(|size| size.tasks <= most);
    let knee = |(index, cache): (usize, &Cache)| {
        let fits = fit(cache);
        let within = largest(fits)?;
        let beyond = largest(caches.get(index + 1).map_or(u64::MAX, fit))?;
        if beyond.tasks <= within.tasks {
            return None;
        }
        let (within_ns, beyond_ns) = (within.switch.median_ns, beyond.switch.median_ns);
        let middle = (within_ns * beyond_ns).sqrt();
        // One ring whose pages lie badly is no knee.
        let last_below =
            sizes.iter().rposition(|size| size.tasks <= within.tasks || size.switch.median_ns < middle);
        let first = last_below.and_then(|below| sizes.get(below + 1));
        let knee = first.filter(|_| beyond_ns >= SHOWS * within_ns).map(|size| size.tasks);
        Some(Knee { cache: *cache, fits, within_ns, beyond_ns, knee })
    };
    caches.iter().enumerate().filter_map(knee).collect()
}

#[cfg(test)]
mod tests;
