//! Every pair of cores: what it takes to hand over from each CPU to each other, for each way to wait, and where
//! CPUID says that the CPUs are.
//!
//! A block is a ping-pong between two CPUs and gives two points. Each side reads the clock at each number that it
//! receives, and sums up: the mean way from a to b is (sum of b's readings at what came from a, less sum of a's at
//! what left for b) / n. So the two ways add up to the block, less what the asking side does between two chunks of it,
//! which falls into neither; and each is off by the offset of the two counters: one way by as much too long as the
//! other is too short.

use alloc::{boxed::Box, format, vec::Vec};

use switchlab_core::{CpuId, Way, Ways, params::Params, ruler::Ruler};
use switchlab_records::{Clock, Counts, Point, Record, Topology, Unit};

use super::{
    Experiment, Results,
    points::{self, named},
    ways::{self, Bench, Found, Job, Needs, Size, Stamps},
};
use crate::{
    arch::machine,
    bring_up::{Lab, refuse},
    failure,
    lock::Lock,
    log,
    report::report,
    sched::Channel,
};

const NAME: &str = "matrix";

/// Where nobody chooses: the one that needs no company, and the one that needs no interrupt.
fn default_ways() -> Ways {
    Ways::parse("halt,spin-pause").unwrap_or(Ways::ALL)
}

/// Milliseconds of each way in each run where nobody says, for all pairs together; a pair gets one at least.
const MILLISECONDS: u64 = 4_000;
/// Exchanges, likewise, where ticks are instructions: all of them are the same.
const COUNTED_EXCHANGES: u64 = 200_000;

/// Bytes of the heap that channels may take: two for each pair and run, which stay for ever.
const ROOM: usize = 8 << 20;

/// The experiment.
pub struct Matrix;

impl Experiment for Matrix {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        points::need_two_cpus(NAME, lab);
        let found = Found::among(parameters.ways.unwrap_or_else(default_ways), parameters.unit);
        let pairs = pairs(parameters, lab.cpus);
        check_room(parameters, &found.ways, pairs.len());
        let size = size(parameters, lab, pairs.len() as u64);
        let points = 2 * pairs.len() as u32 * found.ways.len() as u32 * parameters.runs;
        points::announce(NAME, &Params { warm_up: size.warm_up, ..*parameters }, size.exchanges, points);
        found.report_absent();
        let mut work = Work { size, bench: Bench::hire(), found, told: Vec::new() };
        report_topology(&work.bench, lab.cpus);
        for run in 1..=parameters.runs {
            work.measure_all(run, &pairs);
        }
        work.bench.staff.dismiss();
        Box::new(Told { unit: parameters.unit, points: work.told })
    }
}

/// The pairs to be measured, each both ways: all, or the one that was named.
fn pairs(parameters: &Params, cpus: u32) -> Vec<[CpuId; 2]> {
    if parameters.pair.is_some() {
        let (first, second) = parameters.cpu_pair();
        return [[first, second]].into();
    }
    (0..cpus).flat_map(|first| (first + 1..cpus).map(move |second| [first, second].map(CpuId::new))).collect()
}

/// Ends the machine where the channels of all runs would not find room.
fn check_room(parameters: &Params, ways: &[Way], pairs: usize) {
    let blocks = ways.iter().filter(|way| matches!(way, Way::Halt | Way::SpinHalt)).count();
    let run = blocks * pairs * size_of::<[Channel; 2]>();
    let most = ROOM / run.max(1);
    if parameters.runs as usize > most {
        refuse(format_args!(
            "experiment `{NAME}`: {} runs of {pairs} pairs leave more channels behind than the heap has room for; at most {most} runs fit",
            parameters.runs
        ));
    }
}

/// How much of each pair: the exchanges that were asked for, as far as the budget goes; fewer of more pairs.
fn size(parameters: &Params, lab: &Lab, pairs: u64) -> Size {
    let counted = parameters.unit == Unit::Instructions && parameters.budget_ms.is_none();
    let most = if counted { (COUNTED_EXCHANGES / pairs).max(1) } else { u64::MAX };
    let budget_ticks =
        if counted { u64::MAX } else { points::budget_ticks(parameters, lab, (MILLISECONDS / pairs).max(1)) };
    let exchanges = parameters.exchanges.min(most);
    Size { warm_up: parameters.warm_up.min(exchanges / 10), exchanges, budget_ticks }
}

/// Where each CPU is, asked on that CPU.
fn report_topology(bench: &Bench, cpus: u32) {
    for cpu in (0..cpus).map(CpuId::new) {
        let found: &'static Lock<Option<_>> = Box::leak(Box::new(Lock::new(None)));
        let ask: Job = Box::new(|| *found.lock() = Some(machine::place()));
        bench.staff.run([(cpu, ask)].into());
        let Some((apic_id, place)) = found.lock().take() else { continue };
        report(&Record::Topology(Topology {
            cpu: cpu.get(),
            apic_id,
            socket: place.socket,
            die: place.die,
            core: place.core,
            thread: place.thread,
        }));
    }
}

/// The experiment while it runs.
struct Work {
    size: Size,
    bench: Bench,
    found: Found,
    told: Vec<(Way, [CpuId; 2], u64, u64)>,
}

impl Work {
    /// Measures each pair in each way.
    fn measure_all(&mut self, run: u32, pairs: &[[CpuId; 2]]) {
        let mut needs = Needs::measure(&self.bench, &self.found, pairs[0]);
        let mut position = 0;
        for (place, &pair) in pairs.iter().enumerate() {
            if place > 0 {
                needs = needs.between(&self.bench, &self.found, pair);
            }
            for way in self.found.ways.iter().filter(|way| place == 0 || **way == Way::SpinHalt) {
                points::prepared(&needs.told(*way));
            }
            position = self.measure_pair(run, position, pair, &needs);
        }
    }

    /// Measures a pair in each way; returns the position behind its last point.
    fn measure_pair(&mut self, run: u32, mut position: u32, pair: [CpuId; 2], needs: &Needs) -> u32 {
        for way in self.found.ways.clone() {
            let mut also = needs.told(way);
            also.extend(ways::told_budget(self.size));
            // Both ways are of one block: who looks on from outside sees its time once.
            also.extend(named([("block", u64::from(position / 2 + 1))]));
            let measured = self.bench.measure::<Stamps>(needs.waiting(way), pair, self.size, None);
            if let Some(wrong) = measured.wrong {
                let [first, second] = pair;
                failure!("run {run}, {} between CPUs {first} and {second}: {wrong}", way.name());
            }
            for (from, to) in [(0, 1), (1, 0)] {
                position += 1;
                // On the way there, the first of the pair sends and the second waits.
                let (sent, taken) = (measured.counts[from], measured.counts[to]);
                let counts = Counts { ipis_sent: sent.ipis_sent, ..taken };
                let mut also = also.clone();
                if way == Way::SpinHalt {
                    let waits = measured.waits[to];
                    also.extend(named([("halted", waits.halted), ("spun", waits.spun)]));
                }
                let ticks = self.one_way(run, way, [pair[from], pair[to]], measured.one_way_ticks[from]);
                let exchanges = measured.exchanges;
                points::judge(Point {
                    run,
                    position,
                    series: way.name().into(),
                    at: named([("from", u64::from(pair[from].get())), ("to", u64::from(pair[to].get()))]),
                    handoffs: exchanges,
                    ticks,
                    counts,
                    expected: ways::expected(way, exchanges, measured.waits[to].halted, &counts),
                    also,
                });
                self.told.push((way, [pair[from], pair[to]], ticks, exchanges));
            }
        }
        position
    }

    /// A sum of ways, which is none where the numbers came before they were sent.
    fn one_way(&self, run: u32, way: Way, [from, to]: [CpuId; 2], ticks: i64) -> u64 {
        u64::try_from(ticks).unwrap_or_else(|_| {
            failure!(
                "run {run}, {} from CPU {from} to CPU {to}: {ticks} ticks of all ways together: the counters of the two are further apart than a handoff takes, so this machine has no one-way figures; see the records `offset`",
                way.name()
            );
            0
        })
    }
}

/// What there is to tell: of each point its way, its CPUs, ticks and handoffs.
struct Told {
    unit: Unit,
    points: Vec<(Way, [CpuId; 2], u64, u64)>,
}

impl Results for Told {
    fn print(&self, clock: &Clock) {
        let Some(ruler) = Ruler::new(self.unit, clock.tsc_hz) else {
            log!("No times: no clock told the TSC's frequency.");
            return;
        };
        for way in Way::ALL {
            let mut points: Vec<_> = self.points.iter().filter(|(of, ..)| *of == way).collect();
            points.sort_by_key(|(_, _, ticks, handoffs)| ticks.saturating_mul(1_000) / handoffs.max(&1));
            let tell = |place: usize| {
                let (_, [from, to], ticks, handoffs) = points[place];
                // The ruler divides by two switches an exchange.
                format!("{} from {from} to {to}", ruler.fine_switch(2 * ticks, *handoffs))
            };
            if let Some(last) = points.len().checked_sub(1) {
                log!(
                    "{}: one way, least {}; median {}; most {}",
                    way.name(),
                    tell(0),
                    tell(last / 2),
                    tell(last)
                );
            }
        }
    }
}
