//! The instructions of each level of the hierarchy, on one CPU and across two: a level that is added is counted too.

use alloc::format;

use switchlab_core::counts;
use switchlab_kernel::{
    experiments::hierarchy::{self, Level},
    failure,
    sched::Cpu,
};

use crate::{
    count, cpu,
    shapes::{WARM_UP, exactly},
};

/// Counts all that this machine has, under `level_` and their names.
pub fn count_all() {
    for &level in hierarchy::levels() {
        if level.absent().is_some() {
            continue;
        }
        let name = level.name().replace('-', "_");
        count_one(&format!("level_{name}_batch"), level, [cpu(0); 2]);
        if level.crosses_cpus() {
            count_one(&format!("level_across_{name}_batch"), level, [cpu(0), cpu(1)]);
        }
    }
}

fn count_one(name: &str, level: &dyn Level, cpus: [&'static Cpu; 2]) {
    let ticks = exactly(name, |exchanges| {
        let taken = level.measure(cpus, WARM_UP, exchanges).unwrap_or_else(|why| panic!("{name}: {why}"));
        if let Some(wrong) = taken.measured.wrong {
            failure!("{name}: {wrong}");
        }
        if let Err(mismatch) = counts::check(&taken.measured.counts, &taken.expected) {
            failure!("{name}: {mismatch}");
        }
        taken.measured.ticks
    });
    count(name, ticks);
}
