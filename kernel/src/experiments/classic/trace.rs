//! The same handoffs with marks between their steps: the first exchanges of each mode are traced, and no
//! block is measured. In the marked kernel alone.

use alloc::{boxed::Box, vec::Vec};

use switchlab_core::{
    MAX_CPUS, counts,
    order::BlockKind,
    params::{Params, TRACE},
};
use switchlab_records::{
    Clock, EVENTS_IN_A_RECORD, Mark, Marks, Mode, Pass, Record, Skipped, Subject, Trace,
};

use super::{Handed, Stage, hand_over};
use crate::{
    arch::{
        gdt::IST_BYTES_OF_A_CPU,
        mark::{self, Chain},
        percpu::{self, PerCpu},
    },
    bring_up::{Lab, refuse},
    experiments::Results,
    failure, log,
    measure::probe::Probe,
    mm::{LEAST_HEAP_BYTES, StackError},
    report::report,
    sched,
};

/// Exchanges that are recorded besides those asked for. In the first, the second CPU begins to record,
/// at some mark of its own; and the last one's beginning is the end of the one before.
const AT_THE_ENDS: u64 = 2;

/// Room for the marks of an exchange on one CPU. There are 20 of them at most; the rest is for halts that
/// end for nothing.
const MARKS_OF_AN_EXCHANGE: u64 = 24;

/// Pairs of marks that tell what one costs.
const COST_PAIRS: usize = 1_000;

/// Traces each mode that this machine allows.
pub fn run(parameters: &Params, lab: &Lab) -> Box<dyn Results> {
    let room = room(parameters.trace);
    let (first, second) = parameters.cpu_pair();
    let mut places = Vec::new();
    let pair = [first, second];
    for id in &pair[..if lab.cpus == 1 { 1 } else { 2 }] {
        let percpu = on(*id, percpu::this_cpu);
        places.push(Place { percpu, chain: Box::leak(Box::new(Chain::new(room))) });
    }
    let places: &'static [Place] = places.leak();
    let pairs = Box::leak(Box::new(Chain::new(2 * COST_PAIRS)));
    let stage = Stage::new(parameters);
    for mode in Mode::ALL {
        match (mode, places) {
            (Mode::CrossCore, [_]) => {
                report(&Record::Skipped(Skipped { mode, reason: "one CPU".into() }));
            }
            // A free task's steps are others, and on any CPU.
            (Mode::Free, _) => report(&Record::Skipped(Skipped { mode, reason: "it has no marks".into() })),
            (Mode::CrossCore, _) => trace(mode, &stage, places, pairs),
            (Mode::SameCore | Mode::Switch, _) => trace(mode, &stage, &places[..1], pairs),
        }
    }
    stage.leave();
    Box::new(Traced { exchanges: parameters.trace })
}

/// Marks of one CPU to make room for.
const fn room(exchanges: u64) -> usize {
    // `TRACE` bounds it.
    ((exchanges + AT_THE_ENDS) * MARKS_OF_AN_EXCHANGE) as usize
}

/// What the longest trace takes of the heap: the chains of two CPUs and of the pairs, and, while a mode is
/// reported, the events of both CPUs.
const HEAP_OF_A_TRACE: usize = {
    let room = room(*TRACE.end());
    2 * (Chain::bytes(room) + room * size_of::<Event>()) + Chain::bytes(2 * COST_PAIRS)
};

const _: () = assert!(
    HEAP_OF_A_TRACE + MAX_CPUS * IST_BYTES_OF_A_CPU < LEAST_HEAP_BYTES as usize,
    "the longest trace has to fit in the heap, beside the stacks of exceptions"
);

/// A mark and the TSC ticks at which it was passed.
type Event = (Mark, u64);

/// A CPU, and where its marks go.
struct Place {
    percpu: &'static PerCpu,
    chain: &'static Chain,
}

fn on<T: Send + 'static>(cpu: switchlab_core::CpuId, body: impl FnOnce() -> T + Send + 'static) -> T {
    let result: Result<T, StackError> = sched::run_on(sched::cpu(cpu), body);
    result.unwrap_or_else(|error| refuse(format_args!("trace: {error}")))
}

fn trace(mode: Mode, stage: &Stage<'_>, places: &'static [Place], pairs: &'static Chain) {
    let parameters = stage.parameters;
    let recorded = parameters.trace + AT_THE_ENDS;
    let kind = BlockKind { subject: Subject::Handoff, pass: Pass::Batch, mode };
    let (Handed { measured, .. }, Recorder { .. }) =
        hand_over(kind, stage, recorded, Recorder { places, pairs });
    for place in places {
        on(place.percpu.id(), mark::end);
    }
    if let Some(wrong) = measured.wrong {
        failure!("trace of {}: {wrong}", mode.name());
    }
    let expected = counts::expected(kind.subject, mode, recorded, &measured.counts);
    if let Err(mismatch) = counts::check(&measured.counts, &expected) {
        failure!("trace of {}: {mismatch}", mode.name());
    }
    report_trace(mode, parameters, places, mark::cost(pairs));
}

fn report_trace(mode: Mode, parameters: &Params, places: &[Place], mark_ticks: u64) {
    let events: Vec<Vec<Event>> = places.iter().map(events_of).collect();
    let parts = events.iter().map(|events| events.len().div_ceil(EVENTS_IN_A_RECORD)).sum::<usize>() as u32;
    let ids = [0, places.len() - 1].map(|place| places[place].percpu.id().get());
    report(&Record::Trace(Trace {
        mode,
        exchanges: parameters.trace,
        unit: parameters.unit,
        cpus: ids,
        mark_ticks,
        parts,
    }));
    let chunks = places.iter().zip(&events).flat_map(|(place, events)| {
        events.chunks(EVENTS_IN_A_RECORD).map(move |chunk| (place.percpu.id(), chunk))
    });
    for ((cpu, chunk), part) in chunks.zip(1..) {
        let start_ticks = chunk[0].1;
        let mut last = start_ticks;
        let events = chunk.iter().map(|&(mark, ticks)| {
            let since = ticks.wrapping_sub(last);
            last = ticks;
            (mark.number(), since)
        });
        report(&Record::Marks(Marks { part, cpu: cpu.get(), start_ticks, events: events.collect() }));
    }
}

/// What a CPU recorded. In one piece from the start: a vector that grows takes up to three times as much.
fn events_of(place: &Place) -> Vec<Event> {
    let mut events = Vec::with_capacity(place.chain.events().count());
    events.extend(place.chain.events());
    events
}

/// Begins the recording where the warm-up ends, and marks each handoff's beginning.
struct Recorder {
    places: &'static [Place],
    /// For what a mark costs: told right before the trace, since a busy host changes it.
    pairs: &'static Chain,
}

impl Probe for Recorder {
    fn begin(&mut self) {
        mark::pass_pairs(self.pairs);
        for place in self.places {
            place.chain.begin(place.percpu);
        }
        // The mark that moves this CPU on to its chain.
        mark::pass(Mark::HandoffBegins);
    }

    #[inline(always)]
    fn exchange(&mut self) {}

    #[inline(always)]
    fn before_handoff() {
        mark::pass(Mark::HandoffBegins);
    }
}

/// What there is to tell a person: the host cuts the trace into steps.
struct Traced {
    exchanges: u64,
}

impl Results for Traced {
    fn print(&self, _: &Clock) {
        log!(
            "Traced {} exchanges of each mode. This kernel is marked: nothing of it is a measurement.",
            self.exchanges
        );
    }
}
