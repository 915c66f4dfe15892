//! What the experiments that measure at many points share: the plan, and a point with its check.

use alloc::{borrow::Cow, vec::Vec};

use switchlab_core::{counts, params::Params};
use switchlab_records::{Absent, Named, Plan, Point, Record};

use crate::{failure, report::report};

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
