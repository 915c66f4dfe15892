//! Ways to wait: two CPUs hand a number to and fro, each waiting for the other in each way, with all other CPUs
//! halted; and again with all of them at work, to see what waiting takes from those.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use switchlab_core::{CpuId, Way, Ways, params::Params, ruler::Ruler};
use switchlab_records::{Clock, Named, Point, Unit};

use super::{
    Experiment, Results,
    points::{self, named},
    ways::{self, Alone, Bench, Bystanders, Found, Needs, Nothing, Size, Waited, Waiting},
};
use crate::{bring_up::Lab, failure, log};

const NAME: &str = "wait";

/// How long each point is measured where nobody says: milliseconds, or millions of instructions. Spinning on one
/// host thread can take 100 ms a handoff, or as many millions of instructions.
const fn default_budget(unit: Unit) -> u64 {
    match unit {
        Unit::Time => 1_000,
        Unit::Instructions => 100,
    }
}

/// Which part of a point's budget the bystanders are watched for while nobody hands over.
const ALONE: u64 = 10;

/// The experiment.
pub struct WaysToWait;

impl Experiment for WaysToWait {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        points::need_two_cpus(NAME, lab);
        let found = Found::among(parameters.ways.unwrap_or(Ways::ALL), parameters.unit);
        let (first, second) = parameters.cpu_pair();
        let bystanders = (lab.cpus > 2).then(|| Bystanders::beside([first, second], lab.cpus));
        let each_way = if bystanders.is_some() { 2 } else { 1 };
        let points = found.ways.len() as u32 * each_way * parameters.runs;
        points::announce(NAME, parameters, parameters.exchanges, points);
        found.report_absent();
        let mut job = Work {
            pair: [first, second],
            size: Size {
                warm_up: parameters.warm_up,
                exchanges: parameters.exchanges,
                budget_ticks: points::budget_ticks(parameters, lab, default_budget(parameters.unit)),
            },
            bench: Bench::hire(),
            bystanders,
            found,
            told: Vec::new(),
        };
        (1..=parameters.runs).for_each(|run| job.do_run(run));
        job.bench.staff.dismiss();
        Box::new(Told { unit: parameters.unit, points: job.told })
    }
}

/// The experiment while it runs.
struct Work {
    pair: [CpuId; 2],
    size: Size,
    bench: Bench,
    bystanders: Option<Bystanders>,
    found: Found,
    told: Vec<(Way, u64, u64, u64)>,
}

impl Work {
    fn do_run(&mut self, run: u32) {
        let mut ways = self.found.ways.clone();
        if run.is_multiple_of(2) {
            // So that a drift does not always help the same way.
            ways.reverse();
        }
        let needs = Needs::measure(&self.bench, &self.found, self.pair);
        let alone = self
            .bystanders
            .as_ref()
            .map(|others| others.alone(&self.bench.staff, self.size.budget_ticks / ALONE));
        ways.iter().for_each(|way| points::prepared(&needs.told(*way)));
        alone.iter().for_each(|alone| points::prepared(&alone.told()));
        let mut position = 0;
        for way in ways {
            let (waiting, mut also) = (needs.waiting(way), needs.told(way));
            also.extend(ways::told_budget(self.size));
            position += 1;
            self.measure(run, position, way, waiting, also.clone(), None);
            if let Some(alone) = alone {
                position += 1;
                self.measure(run, position, way, waiting, also, Some(alone));
            }
        }
    }

    /// Measures a point and reports it: with the bystanders where it is said what they do alone.
    fn measure(
        &mut self,
        run: u32,
        position: u32,
        way: Way,
        waiting: Waiting,
        mut also: Vec<Named<'static>>,
        alone: Option<Alone>,
    ) {
        let bystanders = if alone.is_some() { self.bystanders.as_ref() } else { None };
        let beside = bystanders.map_or(0, Bystanders::count);
        let measured = self.bench.measure::<Nothing>(waiting, self.pair, self.size, bystanders);
        let Waited { exchanges, warm_up, ticks, waits, bystander_loops, wrong, .. } = measured;
        also.extend(named([("warm-up", warm_up)]));
        also.extend(counted_waits(way, &measured));
        if let Some(alone) = alone {
            also.extend(named([("bystander-loops", bystander_loops)]));
            also.extend(alone.told());
        }
        if let Some(wrong) = wrong {
            failure!("run {run}, {} with {beside} bystanders: {wrong}", way.name());
        }
        let counts = measured.counts.into_iter().sum();
        let halts_ended = waits[0].halted + waits[1].halted;
        let [from, to] = self.pair.map(|cpu| u64::from(cpu.get()));
        points::judge(Point {
            run,
            position,
            series: way.name().into(),
            at: named([("from", from), ("to", to), ("bystanders", beside)]),
            handoffs: 2 * exchanges,
            ticks,
            counts,
            expected: ways::expected(way, 2 * exchanges, halts_ended, &counts),
            also,
        });
        self.told.push((way, beside, ticks, exchanges));
    }
}

/// What was counted of the waits of both sides, where the way counts it.
fn counted_waits(way: Way, measured: &Waited) -> Vec<Named<'static>> {
    let [first, second] = measured.waits;
    match way {
        Way::Halt | Way::Spin | Way::SpinPause => Vec::new(),
        Way::SpinHalt => {
            named([("halted", first.halted + second.halted), ("spun", first.spun + second.spun)])
        }
        Way::Mwait => named([("mwaits", first.mwaits + second.mwaits)]),
    }
}

/// What there is to tell: of each point its way, bystanders, ticks and exchanges.
struct Told {
    unit: Unit,
    points: Vec<(Way, u64, u64, u64)>,
}

impl Results for Told {
    fn print(&self, clock: &Clock) {
        let Some(ruler) = Ruler::new(self.unit, clock.tsc_hz) else {
            log!("No times: no clock told the TSC's frequency.");
            return;
        };
        log!("One way, each point of each run:");
        for &(way, bystanders, ticks, exchanges) in &self.points {
            let each = format!("{}", ruler.fine_switch(ticks, exchanges));
            let beside = match bystanders {
                0 => String::new(),
                _ => format!(", {bystanders} CPUs at work beside it"),
            };
            log!("  {:<10} {each:>12}  {exchanges} exchanges{beside}", way.name());
        }
    }
}
