//! What is shown while the guest works: fed by its records, a bar with the time left on a terminal,
//! plain lines elsewhere, nothing where quiet is asked for. All of it goes to stderr.

mod boots;
mod live;
mod points;
mod starts;

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use switchlab_core::format::{Grouped, Nanoseconds};
use switchlab_core::stats::{TscHz, mean, ticks_to_ns};
use switchlab_records::{Block, Mode, Pass, Plan, Record, Subject, Unit};

use crate::manifest::plural;
use crate::observer::Hears;
use crate::printable;
use crate::survey::about::About;

pub use boots::BootsProgress;
pub use starts::StartsProgress;

/// How to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar.
    Bar,
    /// A line for each step.
    Lines,
    /// Not at all.
    Silent,
}

impl Style {
    /// What suits stderr.
    pub fn suiting(quiet: bool) -> Self {
        match (quiet, io::stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Bar,
            (false, false) => Self::Lines,
        }
    }
}

/// The state of the job, as its records tell it.
pub struct Progress {
    style: Style,
    bar: ProgressBar,
    job: Job,
}

impl Progress {
    /// Shows nothing yet.
    pub fn new(style: Style) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        Self { style, bar, job: Job::default() }
    }

    fn hear(&mut self, record: &Record<'_>, since_start: Duration) {
        match record {
            Record::Cpus(cpus) => {
                self.job.cpus = cpus.up;
                let ms = since_start.as_millis();
                self.say(&format!("{} of {} CPUs up, {ms} ms after QEMU's start", cpus.up, cpus.found));
            }
            Record::Clock(clock) => self.job.tsc = TscHz::new(clock.tsc_hz).or(self.job.tsc),
            Record::Plan(plan) => {
                self.job.last = since_start;
                self.plan(plan);
            }
            Record::Skipped(skipped) => {
                self.say(&format!("{} skipped: {}", skipped.mode.name(), skipped.reason));
            }
            Record::Block(block) => self.block(block, since_start),
            Record::Absent(absent) => {
                let named = points::name(&absent.series, &absent.at);
                self.say(&format!("{named} absent: {}", absent.reason));
            }
            Record::Point(point) => self.point(point, since_start),
            Record::End(_) => self.bar.finish_and_clear(),
            Record::Start(_)
            | Record::Machine(_)
            | Record::Tsc(_)
            | Record::Offset(_)
            | Record::Histogram(_)
            | Record::Count(_)
            | Record::Failure(_)
            | Record::Trace(_)
            | Record::Marks(_)
            | Record::Topology(_)
            | Record::Protection(_)
            | Record::Crash(_) => {}
        }
    }

    fn plan(&mut self, plan: &Plan<'_>) {
        self.job.runs = plan.runs;
        self.job.blocks = plan.blocks;
        self.job.unit = plan.unit;
        self.say(&match About::of(&plan.experiment) {
            None => {
                let runs = format!("{} runs of {} exchanges", plan.runs, Grouped(plan.exchanges));
                format!("{}: {runs}, {} timed blocks", plan.experiment, plan.blocks)
            }
            Some(_) => {
                let most = Grouped(plan.exchanges);
                let all = plural(u64::from(plan.blocks), "point");
                let runs = plural(u64::from(plan.runs), "run");
                format!("{}: {all} in {runs}, each of at most {most} exchanges", plan.experiment)
            }
        });
        if self.style == Style::Bar {
            self.bar = ProgressBar::new(u64::from(plan.blocks));
            self.job.grid = live::Grid::of(plan, self.job.cpus);
            let what = if About::of(&plan.experiment).is_some() { "point" } else { "block" };
            // One line is cut to the terminal, else what of it wrapped would be left behind at the end.
            let message = if self.job.grid.is_some() { "msg" } else { "wide_msg" };
            let template =
                format!("{{elapsed_precise}} [{{bar:30}}] {what} {{pos}} of {{len}}  {{{message}}}");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                self.bar.set_style(style.progress_chars("=> "));
            }
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    fn block(&mut self, block: &Block, since_start: Duration) {
        let kind = (block.subject, block.pass, block.mode);
        self.job.done.push((kind, since_start.saturating_sub(self.job.last)));
        self.job.last = since_start;
        let left = self.job.left();
        let what = match (block.subject, block.pass) {
            (Subject::Handoff, Pass::Batch) => "",
            (Subject::Handoff, Pass::Sampled) => ", sampled",
            (Subject::Null, Pass::Batch) => ", null",
            (Subject::Null, Pass::Sampled) => ", null sampled",
        };
        let name = format!("run {} {}{what}", block.run, block.mode.name());
        match self.style {
            Style::Bar => {
                self.bar.inc(1);
                self.bar.set_message(format!("{name} done, {left}"));
            }
            Style::Lines => {
                let time = match (self.job.unit, self.job.tsc) {
                    (Unit::Instructions, _) => Some(format!(" in {} instructions", Grouped(block.ticks))),
                    (Unit::Time, tsc) => {
                        tsc.map(|tsc| format!(" in {}", Nanoseconds(ticks_to_ns(block.ticks, tsc))))
                    }
                };
                let place = format!("block {} of {}", self.job.done.len(), self.job.blocks);
                self.say(&format!("{place}: {name}{}, {left}", time.unwrap_or_default()));
            }
            Style::Silent => {}
        }
    }

    fn say(&self, line: &str) {
        let line = printable::lines(line);
        match self.style {
            Style::Silent => {}
            Style::Lines => eprintln!("{line}"),
            // `println` of a hidden bar says nothing.
            Style::Bar if self.bar.is_hidden() => eprintln!("{line}"),
            Style::Bar => self.bar.println(&*line),
        }
    }
}

impl Hears for Progress {
    fn record(&mut self, record: &Record<'_>, since_start: Duration) {
        self.hear(record, since_start);
    }

    fn ended(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What makes blocks of a run differ.
type Kind = (Subject, Pass, Mode);

/// What is done and what is to come.
#[derive(Default)]
struct Job {
    tsc: Option<TscHz>,
    runs: u32,
    blocks: u32,
    unit: Unit,
    /// Kind and host time, warm-up included, of each block that came.
    done: Vec<(Kind, Duration)>,
    last: Duration,
    /// Points that came, of an experiment with many.
    points: u32,
    /// When the first of them began.
    began: Option<Duration>,
    /// CPUs that are up.
    cpus: u32,
    /// The pairs of CPUs, where all of them are measured.
    grid: Option<live::Grid>,
}

/// How long the job will still take; `None` before there is anything to go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left(Option<Duration>);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("time left unknown yet"),
            Some(Duration::ZERO) => f.write_str("all done"),
            Some(left) => write!(f, "about {} s left", left.as_secs_f64().ceil()),
        }
    }
}

impl Job {
    /// The kinds of block differ by factors, so the time left is counted kind by kind: the blocks
    /// that each still has, at its mean so far. It is known once a run is through.
    fn left(&self) -> Left {
        let done = self.done.len();
        if done >= self.blocks as usize {
            return Left(Some(Duration::ZERO));
        }
        let in_a_run = (self.blocks / self.runs.max(1)) as usize;
        let Some(first_run) = self.done.get(..in_a_run) else { return Left(None) };
        let to_come = first_run.iter().map(|(kind, _)| {
            let times =
                || self.done.iter().filter(move |(of, _)| of == kind).map(|(_, time)| time.as_nanos() as u64);
            let blocks = u64::from(self.runs).saturating_sub(times().count() as u64);
            mean(times()).map(|mean| Duration::from_nanos(mean.saturating_mul(blocks)))
        });
        Left(to_come.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::observer::record_of;

    fn batch(mode: Mode) -> Kind {
        (Subject::Handoff, Pass::Batch, mode)
    }

    #[test]
    fn time_left_is_counted_kind_by_kind() {
        let (same, cross) = (batch(Mode::SameCore), batch(Mode::CrossCore));
        let null = (Subject::Null, Pass::Batch, Mode::SameCore);
        let seconds = Duration::from_secs;
        let mut job = Job { runs: 3, blocks: 9, ..Job::default() };
        assert_eq!(job.left(), Left(None));
        job.done = vec![(same, seconds(1)), (cross, seconds(10))];
        assert_eq!(job.left(), Left(None));
        job.done.push((null, seconds(2)));
        assert_eq!(job.left(), Left(Some(seconds(26))));
        job.done.push((cross, seconds(20)));
        assert_eq!(job.left(), Left(Some(seconds(2 + 15 + 4))));
    }

    #[test]
    fn records_of_a_whole_job_are_counted() {
        let mut progress = Progress::new(Style::Silent);
        for (number, line) in golden::ended(golden::classic(12, 2, 1_000)).lines().enumerate() {
            if let Some(record) = record_of(line) {
                progress.record(&record, Duration::from_millis(number as u64));
            }
        }
        assert_eq!(progress.job.done.len(), 32);
        assert_eq!(progress.job.left(), Left(Some(Duration::ZERO)));
    }
}
