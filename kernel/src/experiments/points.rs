//! What the experiments that measure at many points share: the plan, a point with its check, and what
//! there is to tell a person.

use alloc::{
    borrow::Cow,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::convert::identity;

use switchlab_core::{CpuId, counts, order, params::Params, ruler::Ruler, stats};
use switchlab_records::{Absent, Clock, Count, Named, Plan, Point, Record, Unit};

use super::Results;
use crate::{
    bring_up::{Lab, refuse},
    failure, log,
    mm::StackError,
    report::report,
    sched::{self, Cpu},
};

/// Ends the machine where there is one CPU.
pub fn need_two_cpus(experiment: &str, lab: &Lab) {
    if lab.cpus < 2 {
        refuse(format_args!(
            "nothing was measured: experiment `{experiment}` hands over between CPUs and this machine has one; it needs --smp 2 or more"
        ));
    }
}

/// Announces `points` timed blocks of `experiment`, in all its runs together.
pub fn announce(experiment: &str, parameters: &Params, exchanges: u64, points: u32) {
    let (first, second) = parameters.cpu_pair();
    report(&Record::Plan(Plan {
        experiment: experiment.into(),
        runs: parameters.runs,
        exchanges,
        warm_up: parameters.warm_up,
        samples: 0,
        pair: [first.get(), second.get()],
        blocks: points,
        unit: parameters.unit,
        seed: parameters.seed,
    }));
}

/// Reports a point, and what is wrong with its counts, halts apart.
pub fn judge(point: Point<'_>) {
    let wrong = counts::check(&point.counts, &point.expected).err();
    let place = alloc::format!("run {}, {} at {:?}", point.run, point.series, point.at);
    report(&Record::Point(point));
    if let Some(mismatch) = wrong {
        failure!("{place}: {mismatch}");
    }
}

/// Reports that a point, or, with no coordinates, a whole series, is not for this machine.
pub fn absent(series: &'static str, at: Vec<Named<'static>>, reason: impl Into<Cow<'static, str>>) {
    report(&Record::Absent(Absent { series: series.into(), at, reason: reason.into() }));
}

/// Reports what was measured for the points that follow and is no point itself. Who looks on from outside does
/// not take the time of it for that of the next point.
pub fn prepared(numbers: &[Named<'_>]) {
    for (name, value) in numbers {
        report(&Record::Count(Count { name: name.clone(), value: *value }));
    }
}

/// Names for numbers.
pub fn named<const N: usize>(pairs: [(&'static str, u64); N]) -> Vec<Named<'static>> {
    pairs.into_iter().map(|(name, number)| (Cow::Borrowed(name), number)).collect()
}

/// All CPUs, the pair's two first.
pub fn cpus_from_pair(parameters: &Params) -> Vec<&'static Cpu> {
    let all = sched::cpus();
    let (first, second) = parameters.cpu_pair();
    // On one CPU there is no second.
    let pair = [first, second].into_iter().filter(|cpu| cpu.index() < all.len());
    let others = all.iter().map(|cpu| cpu.id()).filter(|cpu: &CpuId| ![first, second].contains(cpu));
    pair.chain(others).map(sched::cpu).collect()
}

/// What `measure_sizes` measures: tasks on all CPUs that serve for points with several numbers of them.
pub trait Team: Sized + 'static {
    /// The experiment's name.
    const NAME: &'static str;
    /// The series of its points.
    const SERIES: &'static str;

    /// Starts the tasks. By a task on the first of `cpus`, which are two or more.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    fn start(cpus: Vec<&'static Cpu>) -> Result<Self, StackError>;

    /// Measures a point, reports it and adds it to the means. By the task that started them.
    fn measure_point(&self, place: Place, parameters: &Params, means: &mut Means);

    /// Ends the tasks.
    fn stop(self);
}

/// Which point it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// From 1.
    pub run: u32,
    /// Within its run, from 1.
    pub position: u32,
    /// How many CPUs take part.
    pub size: u32,
}

/// A whole experiment: a point of each size in each run, in an order that differs from run to run. Ends the machine
/// where there is no memory for the tasks.
pub fn measure_sizes<T: Team>(parameters: &Params, sizes: Vec<u32>) -> Box<dyn Results> {
    announce(T::NAME, parameters, parameters.exchanges, sizes.len() as u32 * parameters.runs);
    let (parameters, cpus) = (*parameters, cpus_from_pair(parameters));
    let means = sched::run_on(cpus[0], move || measure_all::<T>(&parameters, cpus, sizes));
    match means.and_then(identity) {
        Ok(means) => Box::new(means),
        Err(error) => refuse(format_args!("{}: {error}", T::NAME)),
    }
}

/// All points of all runs, on the first CPU.
fn measure_all<T: Team>(
    parameters: &Params,
    cpus: Vec<&'static Cpu>,
    mut sizes: Vec<u32>,
) -> Result<Means, StackError> {
    let mut means = Means::new(parameters.unit);
    let team = T::start(cpus)?;
    for run in 1..=parameters.runs {
        sizes.sort_unstable();
        order::rearrange(&mut sizes, run, parameters.seed);
        for (&size, position) in sizes.iter().zip(1..) {
            team.measure_point(Place { run, position, size }, parameters, &mut means);
        }
    }
    team.stop();
    Ok(means)
}

/// The parameter `budget`, or so many of its unit, as ticks: milliseconds; or millions of instructions.
pub fn budget_ticks(parameters: &Params, lab: &Lab, default: u64) -> u64 {
    let budget = parameters.budget_ms.unwrap_or(default);
    match parameters.unit {
        Unit::Instructions => budget.saturating_mul(1_000_000),
        Unit::Time => stats::TscHz::new(lab.tsc_hz)
            .map_or(u64::MAX, |hz| stats::ns_to_ticks(budget.saturating_mul(1_000_000), hz)),
    }
}

/// How many rounds of `handoffs` make up `exchanges` exchanges, each of two handoffs: rounded down, and one
/// at least.
pub fn rounds(exchanges: u64, handoffs: u64) -> u64 {
    (exchanges.saturating_mul(2) / handoffs).max(1)
}

/// What one handoff takes at each point, for a person: the mean of all runs.
#[derive(Debug)]
pub struct Means {
    unit: Unit,
    points: Vec<Mean>,
}

#[derive(Debug)]
struct Mean {
    series: String,
    at: Vec<(String, u64)>,
    handoffs: u64,
    ticks: u64,
    blocks: u32,
}

impl Means {
    /// Of no points yet.
    pub const fn new(unit: Unit) -> Self {
        Self { unit, points: Vec::new() }
    }

    /// Adds a block.
    pub fn add(&mut self, point: &Point<'_>) {
        let at = point.at.iter().map(|(name, number)| (name.to_string(), *number)).collect();
        let known = self.points.iter().position(|mean| mean.series == point.series && mean.at == at);
        let place = known.unwrap_or_else(|| {
            let series = point.series.to_string();
            self.points.push(Mean { series, at, handoffs: 0, ticks: 0, blocks: 0 });
            self.points.len() - 1
        });
        let mean = &mut self.points[place];
        mean.handoffs = mean.handoffs.saturating_add(point.handoffs);
        mean.ticks = mean.ticks.saturating_add(point.ticks);
        mean.blocks += 1;
    }
}

impl Results for Means {
    fn print(&self, clock: &Clock) {
        let Some(ruler) = Ruler::new(self.unit, clock.tsc_hz) else {
            log!("No clock answered, so there are no times; the records have the TSC ticks.");
            return;
        };
        log!("");
        for Mean { series, at, handoffs, ticks, blocks } in &self.points {
            let at: String = at.iter().map(|(name, number)| alloc::format!(" {name} {number},")).collect();
            // The ruler divides by twice the exchanges.
            let each = ruler.fine_switch(ticks.saturating_mul(2), *handoffs);
            let unit = if ruler == Ruler::Instructions { " instructions" } else { "" };
            log!("{series},{at} one handoff: {each}{unit}, by {blocks} blocks");
        }
    }
}
