//! What a way to wait takes of the host, and what it leaves to the other CPUs: from QEMU's CPU time, which the
//! manifest has, and from the counts of the CPUs at work beside the pair.

use switchlab_records::Point;

use super::{Cell, PointResult};
use crate::analysis::Summary;
use crate::watch::HostTime;

/// The coordinate that says how many CPUs worked beside the pair.
const BYSTANDERS: &str = "bystanders";

/// Counts that are told in tables and sentences of their own, or stand beside those.
pub const TOLD: [&str; 8] = [
    "alone-ticks",
    "block",
    "break-even-ticks",
    "budget-ticks",
    "bystander-loops",
    "bystander-loops-alone",
    "true-wait",
    "untouched-returns",
];

/// Whether cells tell of CPUs beside the pair, and of one pair alone.
pub fn is_waiting(group: &[&Cell]) -> bool {
    let pair = |cell: &Cell| ["from", "to"].map(|name| cell.coordinate(name));
    group.iter().all(|cell| bystanders(cell).is_some() && pair(cell) == pair(group[0]))
}

/// How many CPUs worked beside it.
pub fn bystanders(cell: &Cell) -> Option<u64> {
    cell.coordinate(BYSTANDERS)
}

/// A number that a point has beside its counts.
pub fn also(point: &Point<'_>, name: &str) -> Option<u64> {
    point.also.iter().find(|(of, _)| of == name).map(|(_, number)| *number)
}

/// What the CPUs beside the pair did in a tick, in parts of what they did in one while the pair halted and nobody
/// handed over: the median of the runs; `None` where there were none. A host that is busy during that look makes it
/// less, never more: so the most of all runs counts.
pub fn left(points: &[&PointResult<'_>]) -> Option<f64> {
    let rate = |point: &Point<'_>, loops, ticks: Option<u64>| {
        let rate = also(point, loops)? as f64 / ticks? as f64;
        rate.is_finite().then_some(rate)
    };
    let points = || points.iter().map(|result| &result.point);
    let alone = points()
        .filter_map(|point| rate(point, "bystander-loops-alone", also(point, "alone-ticks")))
        .reduce(f64::max)
        .filter(|alone| *alone > 0.0)?;
    let beside = points().filter_map(|point| rate(point, "bystander-loops", Some(point.ticks)));
    let mut shares: Vec<f64> = beside.map(|beside| beside / alone).collect();
    shares.sort_by(f64::total_cmp);
    // All zero has no summary.
    Summary::of(&shares).map(|summary| summary.median).ok().or_else(|| shares.last().copied())
}

/// Host CPUs that QEMU kept at work: its CPU time over the time that went by.
pub fn cpus_at_work(host: HostTime) -> Option<f64> {
    (host.wall_us > 0).then(|| host.cpu_us as f64 / host.wall_us as f64)
}

/// All of them together; `None` for none.
pub fn sum(times: impl Iterator<Item = HostTime>) -> Option<HostTime> {
    times.reduce(|sum, time| HostTime {
        wall_us: sum.wall_us.saturating_add(time.wall_us),
        cpu_us: sum.cpu_us.saturating_add(time.cpu_us),
    })
}
