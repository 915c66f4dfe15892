//! What the experiments that measure at many points share: the plan, a point with its check, and what
//! there is to tell a person.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    vec::Vec,
};

use switchlab_core::{CpuId, counts, params::Params, ruler::Ruler};
use switchlab_records::{Absent, Clock, Named, Plan, Point, Record, Unit};

use super::Results;
use crate::{
    failure, log,
    report::report,
    sched::{self, Cpu},
};

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
