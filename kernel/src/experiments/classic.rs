//! The original experiment on bare metal: two flows of control hand a number to and fro, a million
//! times, five times over.
//!
//! - same-core: two tasks on one CPU, over channels.
//! - cross-core: the same two task bodies on two CPUs, each halted while it waits.
//! - switch: two bare contexts, without scheduler or channel: the floor.
//! - free: two tasks bound to no CPU, on all of them: what the original let its scheduler do.
//!
//! Each side checks each number.
//!
//! Each is measured twice, apart from each other: as a whole (batch) and exchange by exchange
//! (sampled). And so is each one's loop without a handoff (null): what measuring itself costs.

pub mod floor;
pub mod free;
mod table;
#[cfg(feature = "marks")]
mod trace;

use alloc::{boxed::Box, vec::Vec};
use core::marker::PhantomData;

use switchlab_core::{
    counts,
    histogram::Histogram,
    order::{BlockKind, Order},
    params::Params,
};
use switchlab_records::{self as records, Block, Mode, Pass, Plan, Record, Skipped, Subject};

use super::{Experiment, Results, exchange};
use crate::{
    bring_up::{Lab, refuse},
    failure,
    measure::{
        Measured,
        probe::{Batch, Probe, Sampler},
    },
    mm::StackError,
    report::report,
    sched::{self, free::FreeCounts},
};
use free::Freely;
use table::Table;

const NAME: &str = "classic";

/// The experiment. In the batch pass `H` looks on in the handoffs, and `N` in the null loops:
/// [`Batch`], or what a test plants there.
pub struct Classic<H = Batch, N = Batch>(PhantomData<fn() -> (H, N)>);

impl<H, N> Classic<H, N> {
    /// The experiment.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H, N> Default for Classic<H, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Probe + Default, N: Probe + Default> Experiment for Classic<H, N> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let order = order(parameters, lab.cpus);
        announce(parameters, &order);
        let stage = Stage::new(parameters);
        let mut blocks = Vec::with_capacity(order.blocks(1).count() * parameters.runs as usize);
        for run in 1..=parameters.runs {
            for (kind, position) in order.blocks(run).zip(1..) {
                blocks.push(measure::<H, N>(run, position, kind, &stage));
            }
        }
        stage.leave();
        Box::new(Table::new(parameters, lab.cpus, blocks))
    }

    #[cfg(feature = "marks")]
    fn trace(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        trace::run(parameters, lab)
    }
}

/// Where it is all done.
struct Stage<'a> {
    parameters: &'a Params,
    /// All blocks meet the same machine: those of the other modes too have the workers of these, which wait.
    unpinned: free::Pair,
}

impl<'a> Stage<'a> {
    fn new(parameters: &'a Params) -> Self {
        let unpinned = free::Pair::gather(parameters.seed);
        let unpinned =
            unpinned.unwrap_or_else(|error| refuse(format_args!("{}: {error}", Mode::Free.name())));
        Self { parameters, unpinned }
    }

    fn leave(self) {
        self.unpinned.dismiss();
    }
}

fn order(parameters: &Params, cpus: u32) -> Order<'static> {
    Order {
        skipped: if cpus == 1 { &[Mode::CrossCore] } else { &[] },
        passes: if parameters.samples == 0 { &[Pass::Batch] } else { &[Pass::Batch, Pass::Sampled] },
        seed: parameters.seed,
    }
}

fn announce(parameters: &Params, order: &Order<'_>) {
    let (first, second) = parameters.cpu_pair();
    report(&Record::Plan(Plan {
        experiment: NAME.into(),
        runs: parameters.runs,
        exchanges: parameters.exchanges,
        warm_up: parameters.warm_up,
        samples: parameters.sampled_exchanges(),
        pair: [first.get(), second.get()],
        blocks: order.blocks(1).count() as u32 * parameters.runs,
        unit: parameters.unit,
        seed: parameters.seed,
    }));
    for &mode in order.skipped {
        report(&Record::Skipped(Skipped { mode, reason: "one CPU".into() }));
    }
}

/// Measures one block and reports it, with what is wrong with it.
fn measure<H: Probe + Default, N: Probe + Default>(
    run: u32,
    position: u32,
    kind: BlockKind,
    stage: &Stage<'_>,
) -> Block {
    match kind.pass {
        Pass::Batch => {
            let exchanges = stage.parameters.exchanges;
            let handed = match kind.subject {
                Subject::Handoff => hand_over(kind, stage, exchanges, H::default()).0,
                Subject::Null => hand_over(kind, stage, exchanges, N::default()).0,
            };
            judge(run, position, kind, exchanges, &handed)
        }
        Pass::Sampled => {
            let exchanges = stage.parameters.sampled_exchanges();
            let (handed, sampler) = hand_over(kind, stage, exchanges, Sampler::new());
            let block = judge(run, position, kind, exchanges, &handed);
            report_samples(run, kind, exchanges, sampler.samples());
            block
        }
    }
}

/// What a block gave, and what the pool counted besides where its tasks were free.
struct Handed {
    measured: Measured,
    free: Option<FreeCounts>,
}

/// Hands over, `exchanges` times to and fro, as `kind` says; or does all the rest.
fn hand_over<P: Probe>(kind: BlockKind, stage: &Stage<'_>, exchanges: u64, probe: P) -> (Handed, P) {
    let parameters = stage.parameters;
    let warm_up = parameters.warm_up;
    let (first, second) = parameters.cpu_pair();
    let first = sched::cpu(first);
    let measured: Result<_, StackError> = match (kind.subject, kind.mode) {
        (Subject::Handoff, Mode::SameCore) => exchange::measure(first, first, warm_up, exchanges, probe),
        (Subject::Handoff, Mode::CrossCore) => {
            exchange::measure(first, sched::cpu(second), warm_up, exchanges, probe)
        }
        (Subject::Handoff, Mode::Switch) => floor::measure(first, warm_up, exchanges, probe),
        (Subject::Handoff, Mode::Free) => {
            let (Freely { measured, free }, probe) = stage.unpinned.measure(warm_up, exchanges, probe);
            return (Handed { measured, free: Some(free) }, probe);
        }
        (Subject::Null, Mode::SameCore | Mode::CrossCore | Mode::Free) => {
            exchange::measure_null(first, warm_up, exchanges, probe)
        }
        (Subject::Null, Mode::Switch) => floor::measure_null(first, warm_up, exchanges, probe),
    };
    let (measured, probe) =
        measured.unwrap_or_else(|error| refuse(format_args!("{}: {error}", kind.mode.name())));
    (Handed { measured, free: None }, probe)
}

/// Reports a block, and what is wrong with it.
fn judge(run: u32, position: u32, kind: BlockKind, exchanges: u64, handed: &Handed) -> Block {
    let BlockKind { subject, pass, mode } = kind;
    let Handed { measured: Measured { ticks, counts, wrong }, free } = *handed;
    let mut expected = counts::expected(subject, mode, exchanges, &counts);
    if let Some(FreeCounts { calls, .. }) = free {
        // An IPI for each idle CPU that is called, and no other: they are counted apart from each other.
        (expected.ipis_sent, expected.ipis_taken) = (calls, calls);
    }
    let crossings = free.map(|free| free.crossings);
    let block = Block { run, position, mode, subject, pass, exchanges, ticks, counts, expected, crossings };
    report(&Record::Block(block));
    let place = format_args!("run {run}, {} {} {}", mode.name(), subject.name(), pass.name());
    if let Some(wrong) = wrong {
        failure!("{place}: {wrong}");
    }
    if let Err(mismatch) = counts::check(&counts, &expected) {
        failure!("{place}: {mismatch}");
    }
    if !counts::can_cross(subject, mode, exchanges, crossings) {
        failure!("{place}: {} crossings of {} handoffs", crossings.unwrap_or_default(), 2 * exchanges);
    }
    block
}

/// Reports the samples of a block. Each exchange has left one.
fn report_samples(run: u32, kind: BlockKind, exchanges: u64, samples: &Histogram) {
    let BlockKind { subject, mode, .. } = kind;
    let buckets = samples.buckets().collect();
    report(&Record::Histogram(records::Histogram { run, mode, subject, buckets }));
    if samples.samples() != exchanges {
        failure!("run {run}, {}: {} samples of {exchanges} exchanges", mode.name(), samples.samples());
    }
}
