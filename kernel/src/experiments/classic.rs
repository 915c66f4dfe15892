//! The original experiment on bare metal: two flows of control hand a number to and fro, a million
//! times, five times over.
//!
//! - same-core: two tasks on one CPU, over channels.
//! - cross-core: the same two task bodies on two CPUs, each halted while it waits.
//! - switch: two bare contexts, without scheduler or channel: the floor.
//!
//! Each side checks each number: it goes out as 2n and comes back as 2n + 1.

mod floor;
mod table;

use alloc::{boxed::Box, vec::Vec};

use switchlab_core::{counts, order, params::Params};
use switchlab_records::{Block, Counts, Mode, Plan, Record, Skipped};

use super::{
    Experiment, Results,
    exchange::{self, Measured},
};
use crate::{
    bring_up::{Lab, refuse},
    failure,
    report::report,
    sched,
};
use table::Table;

const NAME: &str = "classic";

/// The experiment.
pub struct Classic;

impl Experiment for Classic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let skipped: &[Mode] = if lab.cpus == 1 { &[Mode::CrossCore] } else { &[] };
        announce(parameters, skipped);
        let mut blocks = Vec::with_capacity(3 * parameters.runs as usize);
        for run in 1..=parameters.runs {
            for (mode, position) in order::modes_of_run(run, skipped).zip(1..) {
                let measured = measure(mode, parameters);
                blocks.push(judge(run, position, mode, parameters.exchanges, &measured));
            }
        }
        Box::new(Table::new(parameters, lab.cpus, blocks))
    }
}

fn announce(parameters: &Params, skipped: &[Mode]) {
    let (first, second) = parameters.cpu_pair();
    let blocks = order::modes_of_run(1, skipped).len() as u32 * parameters.runs;
    report(&Record::Plan(Plan {
        experiment: NAME.into(),
        runs: parameters.runs,
        exchanges: parameters.exchanges,
        warm_up: parameters.warm_up,
        pair: [first.get(), second.get()],
        blocks,
    }));
    for &mode in skipped {
        report(&Record::Skipped(Skipped { mode, reason: "one CPU".into() }));
    }
}

fn measure(mode: Mode, parameters: &Params) -> Measured {
    let (first, second) = parameters.cpu_pair();
    let (warm_up, exchanges) = (parameters.warm_up, parameters.exchanges);
    let first = sched::cpu(first);
    let measured = match mode {
        Mode::SameCore => exchange::measure(first, first, warm_up, exchanges),
        Mode::CrossCore => exchange::measure(first, sched::cpu(second), warm_up, exchanges),
        Mode::Switch => floor::measure(first, warm_up, exchanges),
    };
    measured.unwrap_or_else(|error| refuse(format_args!("{}: {error}", mode.name())))
}

/// Reports a block, and what is wrong with it.
fn judge(run: u32, position: u32, mode: Mode, exchanges: u64, measured: &Measured) -> Block {
    let found = measured.counts;
    let expected = Counts { halts: found.halts, ..counts::expected(mode, exchanges) };
    let block = Block { run, position, mode, exchanges, ticks: measured.ticks, counts: found, expected };
    report(&Record::Block(block));
    if let Some(wrong) = measured.wrong {
        failure!("run {run}, {}: {wrong}", mode.name());
    }
    if let Err(mismatch) = counts::check(&found, &expected) {
        failure!("run {run}, {}: {mismatch}", mode.name());
    }
    block
}
