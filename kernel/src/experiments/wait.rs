//! Ways to wait: two CPUs hand a number to and fro, each waiting for the other in each way, with all other CPUs
//! halted; and again with all of them at work, to see what waiting takes from those.

use alloc::{boxed::Box, format, string::String, vec::Vec};

use switchlab_core::{CpuId, Way, Ways, params::Params, ruler::Ruler};
use switchlab_records::{Clock, Counts, Named, Point, Unit};

use super::{
    Experiment, Results,
    points::{self, named},
    ways::{self, Alone, Bench, Bystanders, Found, Measured, Nothing, Size, Waiting},
};
use crate::{
    arch::mwait::Mwait,
    bring_up::{Lab, refuse},
    failure, log,
};

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

/// How long MWAIT is looked at on a line that nobody writes to.
const UNTOUCHED_TICKS: u64 = 1_000_000;
/// How often it may return meanwhile where it truly waits: for the write at the end, and for what else may end
/// it, such as an interrupt of the machine's own.
const FEW: u64 = 16;

/// The experiment.
pub struct Waits;

impl Experiment for Waits {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        ways::need_two_cpus(NAME, lab);
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
                budget_ticks: ways::budget_ticks(parameters, lab, default_budget(parameters.unit)),
            },
            bench: Bench::hire(),
            bystanders,
            found,
            told: Vec::new(),
        };
        (1..=parameters.runs).for_each(|run| job.do_run(run));
        job.bench.crew.dismiss();
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
        let break_even_ticks =
            if ways.contains(&Way::SpinHalt) { self.bench.break_even_ticks(self.pair) } else { 0 };
        let untouched = self
            .found
            .mwait
            .map(|mwait| (mwait, self.bench.untouched_returns(mwait, self.pair, UNTOUCHED_TICKS)));
        let alone = self
            .bystanders
            .as_ref()
            .map(|others| others.alone(&self.bench.crew, self.size.budget_ticks / ALONE));
        let mut position = 0;
        for way in ways {
            let (waiting, also) = with_needs(way, break_even_ticks, untouched);
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
        let Measured { exchanges, warm_up, ticks, waits, bystander_loops, wrong, .. } = measured;
        also.extend(named([("warm-up", warm_up)]));
        also.extend(counted_waits(way, &measured));
        if let Some(alone) = alone {
            also.extend(named([
                ("bystander-loops", bystander_loops),
                ("bystander-loops-alone", alone.loops),
                ("alone-ticks", alone.ticks),
            ]));
        }
        if let Some(wrong) = wrong {
            failure!("run {run}, {} with {beside} bystanders: {wrong}", way.name());
        }
        let counts = sum(measured.counts);
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

/// What the ways need beside the slots, and what is told of that.
fn with_needs(
    way: Way,
    break_even_ticks: u64,
    untouched: Option<(Mwait, u64)>,
) -> (Waiting, Vec<Named<'static>>) {
    match (way, untouched) {
        (Way::Halt, _) => (Waiting::Halt, Vec::new()),
        (Way::Spin, _) => (Waiting::Spin, Vec::new()),
        (Way::SpinPause, _) => (Waiting::SpinPause, Vec::new()),
        (Way::SpinHalt, _) => (
            Waiting::SpinHalt { patience_ticks: break_even_ticks },
            named([("break-even-ticks", break_even_ticks)]),
        ),
        (Way::Mwait, Some((mwait, returns))) => (
            Waiting::Mwait(mwait),
            named([("true-wait", u64::from(returns <= FEW)), ("untouched-returns", returns)]),
        ),
        (Way::Mwait, None) => refuse(format_args!("`mwait` is measured only where it was found")),
    }
}

/// What was counted of the waits of both sides, where the way counts it.
fn counted_waits(way: Way, measured: &Measured) -> Vec<Named<'static>> {
    let [first, second] = measured.waits;
    match way {
        Way::Halt | Way::Spin | Way::SpinPause => Vec::new(),
        Way::SpinHalt => {
            named([("halted", first.halted + second.halted), ("spun", first.spun + second.spun)])
        }
        Way::Mwait => named([("mwaits", first.mwaits + second.mwaits)]),
    }
}

/// Both CPUs' counts.
fn sum([first, second]: [Counts; 2]) -> Counts {
    Counts {
        handoffs: first.handoffs + second.handoffs,
        switches: first.switches + second.switches,
        ipis_sent: first.ipis_sent + second.ipis_sent,
        ipis_taken: first.ipis_taken + second.ipis_taken,
        halts: first.halts + second.halts,
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
