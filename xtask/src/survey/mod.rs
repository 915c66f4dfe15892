//! What a log of an experiment with many points says: the other kind of results beside
//! [`results`](crate::results), which has the modes of the classic job. Computed from the log alone: the same
//! log gives the same JSON and CSV to the byte. Which kind a log is, [`judged`](crate::judged) finds out.
//!
//! No experiment's points are known here: a point has a series, coordinates and further counts, and their
//! names say what they are. What is told of each experiment in words stands in [`about`].
//!
//! | file | what it owns |
//! |---|---|
//! | `check` | what in such a log contradicts itself |
//! | `cells` | the points of all runs, put together place by place |
//! | `growth` | how the cost grows along a coordinate |
//! | `fairness` | how evenly pairs that run at once share |
//! | `crossings` | how many handoffs went to another CPU |
//! | `hierarchy` | the levels of isolation, and what the original guessed of them |
//! | `waiting` | what waiting takes of the host, and leaves to other CPUs |
//! | `about` | what each experiment measures, takes, and how much of it suits |
//! | `show` | the tables and sentences |
//! | `rows` | the points as CSV |

pub mod about;
pub mod cells;
mod check;
pub mod crossings;
pub mod fairness;
pub mod growth;
pub mod hierarchy;
mod rows;
pub mod show;
pub mod waiting;

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use switchlab_core::ruler::Ruler;
use switchlab_records::{
    Absent, Clock, Cpus, Log, Machine, Named, Plan, Point, Protection, Record, Start, Topology, Unit,
};

use crate::clock;
use crate::printable::tame;
use crate::results::cost::UnitValue;
use crate::results::unit_name;
use crate::results::whole::{Conditions, Head};
use crate::watch::{HostTime, Watch};
pub use cells::Cell;
pub use fairness::PlaceFairness;
pub use growth::Growth;

/// The results of a log with points. `_ticks` are TSC ticks; every other figure is in `unit`.
#[derive(Clone, Debug, Serialize)]
pub struct Survey<'a> {
    /// Version of this format.
    pub format: u32,
    /// The kernel and its parameters.
    pub start: Start<'a>,
    /// The job.
    pub plan: Plan<'a>,
    /// `ns` or `instructions`.
    pub unit: &'static str,
    /// The CPUs that were up.
    pub cpus: Cpus,
    /// The machine as the guest saw it.
    pub machine: Machine<'a>,
    /// The frequency that all times use, the last clock record's; `None` where ticks are instructions.
    pub tsc_hz: Option<u64>,
    /// What the clock is worth, and why it is suspect where it is.
    pub clock: clock::Quality,
    /// Every comparison of the clocks.
    pub clocks: Vec<Clock>,
    /// Where the CPUs are; empty where the experiment does not tell.
    pub topology: Vec<Topology>,
    /// What keeps ring 3 in on the CPUs of the pair; empty where the experiment does not tell.
    pub protection: Vec<Protection>,
    /// The points of all runs, put together place by place, without what is void.
    pub cells: Vec<Cell>,
    /// How the cost of each series grows along its coordinate, where it has one with at least three values.
    pub growth: Vec<Growth>,
    /// How evenly those that ran at once shared, at each place where that was counted.
    pub fairness: Vec<PlaceFairness>,
    /// What this machine does not allow, and why.
    pub absent: Vec<Absent<'a>>,
    /// Every point, in order.
    pub points: Vec<PointResult<'a>>,
    /// How ticks are told.
    #[serde(skip)]
    pub ruler: Ruler,
}

/// Version of the `results.json` of a survey.
const SURVEY_FORMAT: u32 = 2;

/// One timed block at one point, with its figures.
#[derive(Clone, Debug, Serialize)]
pub struct PointResult<'a> {
    /// As the kernel wrote it.
    #[serde(flatten)]
    pub point: Point<'a>,
    /// The whole block, in the results' unit.
    pub total: f64,
    /// One handoff, one way: the total over the handoffs.
    pub one_way: f64,
    /// Whether the host got in its way.
    pub void: bool,
    /// QEMU's CPU time over it, its warm-up included; `None` where that could not be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostTime>,
}

impl<'a> Survey<'a> {
    /// Whether a log is of this kind.
    pub fn is_survey(log: &Log<'_>) -> bool {
        log.records.iter().any(|record| match record {
            Record::Point(_) | Record::Absent(_) => true,
            Record::Plan(plan) => about::About::of(&plan.experiment).is_some(),
            _ => false,
        })
    }

    /// Computes the results of a log that passed.
    ///
    /// # Errors
    ///
    /// What the log lacks, or what in it contradicts itself.
    pub fn from_log(log: &Log<'a>) -> Result<Self, String> {
        let mut head = Head::default();
        let (mut topology, mut protection) = (Vec::new(), Vec::new());
        let (mut points, mut absent) = (Vec::new(), Vec::new());
        for record in &log.records {
            if head.take(record)? {
                continue;
            }
            match record {
                Record::Topology(record) => topology.push(*record),
                Record::Protection(record) => protection.push(*record),
                Record::Point(record) => points.push(record.clone()),
                Record::Absent(record) => absent.push(record.clone()),
                Record::Block(_)
                | Record::Histogram(_)
                | Record::Skipped(_)
                | Record::Trace(_)
                | Record::Marks(_) => {
                    return Err("it has points, and blocks of the classic job or a trace as well".into());
                }
                // Taken above.
                Record::Start(_)
                | Record::Plan(_)
                | Record::Cpus(_)
                | Record::Machine(_)
                | Record::Tsc(_)
                | Record::Clock(_)
                | Record::Offset(_) => {}
                Record::Count(_) | Record::Failure(_) | Record::Crash(_) | Record::End(_) => {}
            }
        }
        let (start, plan) = head.start_and_plan()?;
        let Head { cpus, machine, tsc, clocks, offsets, .. } = head;
        // Names are checked instead.
        absent.iter_mut().for_each(|absent: &mut Absent<'_>| tame(&mut absent.reason));
        let conditions = Conditions {
            start: &start,
            plan: &plan,
            cpus: cpus.as_ref(),
            machine: machine.as_ref(),
            clocks: &clocks,
        };
        conditions.check_records()?;
        let (Some(cpus), Some(machine), Some(clock)) = (cpus, machine, clocks.last()) else {
            return Err("there is no cpus, machine or clock record".into());
        };
        let ruler = Ruler::new(plan.unit, clock.tsc_hz).ok_or("the last clock record says 0 Hz")?;
        check::Content {
            plan: &plan,
            cpus: &cpus,
            points: &points,
            absent: &absent,
            topology: &topology,
            protection: &protection,
        }
        .check()?;
        let points: Vec<_> = points.into_iter().map(|point| PointResult::new(point, ruler)).collect();
        let quality = clock::Quality::new(&clock::Evidence {
            unit: plan.unit,
            machine: Some(&machine),
            clock,
            tsc,
            offsets: &offsets,
        });
        let mut survey = Self {
            format: SURVEY_FORMAT,
            unit: unit_name(plan.unit),
            tsc_hz: (plan.unit == Unit::Time).then_some(clock.tsc_hz),
            clock: quality,
            cells: Vec::new(),
            growth: Vec::new(),
            fairness: Vec::new(),
            start,
            plan,
            cpus,
            machine,
            clocks,
            topology,
            protection,
            absent,
            points,
            ruler,
        };
        survey.put_together();
        Ok(survey)
    }

    /// The same with what was seen from outside: QEMU's CPU time, and costs without what is void. Of a place of
    /// which nothing would be left, all stays, and its cell says so.
    #[must_use]
    pub fn watched(mut self, watch: Option<&Watch>) -> Self {
        let Some(watch) = watch else { return self };
        let seen = watch.by_point();
        for result in &mut self.points {
            let place = (result.point.run, result.point.position);
            result.void = seen.void.contains(&place);
            result.host = seen.host.get(&place).copied();
        }
        self.put_together();
        self
    }

    /// Whether it counts the instructions of this experiment.
    pub fn counts(&self, experiment: &str) -> bool {
        self.plan.unit == Unit::Instructions && self.plan.experiment == experiment
    }

    /// Takes what each of its places took in a boot where instructions were counted.
    ///
    /// # Errors
    ///
    /// That boot is of another experiment or kernel, or did not count.
    pub fn count(&mut self, counted: &Survey<'_>) -> Result<(), String> {
        if !counted.counts(&self.plan.experiment) || counted.start.version != self.start.version {
            return Err("it does not count the instructions of this experiment and kernel".into());
        }
        for cell in &mut self.cells {
            let is_there = |other: &&Cell| other.series == cell.series && other.at == cell.at;
            cell.instructions = counted.cells.iter().find(is_there).map(|other| other.one_way);
        }
        Ok(())
    }

    fn put_together(&mut self) {
        self.cells = cells::of(&self.points);
        self.growth = growth::of(&self.cells);
        self.fairness = fairness::of_all(&self.cells);
    }

    /// What the experiment measures, where that is known.
    pub fn about(&self) -> Option<&'static about::About> {
        about::About::of(&self.plan.experiment)
    }

    /// As JSON, with a newline at its end.
    ///
    /// # Errors
    ///
    /// None that a valid log can cause.
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// As CSV: a row for each point, and one for each that is absent, with the reason.
    ///
    /// # Errors
    ///
    /// None that a valid log can cause.
    pub fn csv(&self) -> anyhow::Result<String> {
        rows::csv(self)
    }

    /// Writes `results.json` and `results.csv` into `folder`.
    ///
    /// # Errors
    ///
    /// The file that cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, text) in [("results.json", self.json()?), ("results.csv", self.csv()?)] {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

impl<'a> PointResult<'a> {
    fn new(point: Point<'a>, ruler: Ruler) -> Self {
        let ticks = i128::from(point.ticks);
        let (total, one_way) = (ruler.value(ticks, 1), ruler.value(ticks, point.handoffs));
        Self { total, one_way, point, void: false, host: None }
    }
}

/// `from 0 to 1`, `tasks 64`; nothing for no coordinates.
pub fn place(at: &[(String, u64)]) -> String {
    at.iter().map(|(name, number)| format!("{name} {number}")).collect::<Vec<_>>().join(" ")
}

/// Names and numbers that outlive the log's text.
pub(crate) fn owned(named: &[Named<'_>]) -> Vec<(String, u64)> {
    named.iter().map(|(name, number)| (name.to_string(), *number)).collect()
}

#[cfg(test)]
mod tests;
