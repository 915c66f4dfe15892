//! What a way to wait takes of the host, and what it leaves to the other CPUs: from QEMU's CPU time, which the
//! manifest has, and from the counts of the CPUs at work beside the pair.

use switchlab_records::Point;

use super::{Cell, PointResult, place};
use crate::analysis::Summary;
use crate::manifest::plural;
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

/// Where a cell was measured, in words.
pub fn place_text(cell: &Cell) -> String {
    let [from, to] = ["from", "to"].map(|name| cell.coordinate(name));
    match (from, to, bystanders(cell)) {
        (Some(from), Some(to), Some(0)) => format!("between CPU {from} and CPU {to}, all others halted"),
        (Some(from), Some(to), Some(beside)) => {
            format!("between CPU {from} and CPU {to}, beside {} at work", plural(beside, "CPU"))
        }
        _ => place(&cell.at),
    }
}

/// A number that a point has beside its counts.
pub fn also(point: &Point<'_>, name: &str) -> Option<u64> {
    point.also.iter().find(|(of, _)| of == name).map(|(_, number)| *number)
}

/// What the CPUs beside the pair did in a tick, in parts of what they did in one in the same run, while the pair halted
/// and nobody handed over: the median of the runs; `None` where there were none.
///
/// Each run has its own look at them alone. One that a busy host disturbed makes that run's share too large, which a
/// median of three runs and more shrugs off; and a host that is slower for a whole run is so in both. Held against the
/// best look of all runs instead, the slower runs' shares would be too small, and the smaller the more runs there are.
pub fn left(points: &[&PointResult<'_>]) -> Option<f64> {
    let share = |point: &Point<'_>| {
        let beside = rate(point, "bystander-loops", Some(point.ticks))?;
        let share = beside / rate(point, "bystander-loops-alone", also(point, "alone-ticks"))?;
        share.is_finite().then_some(share)
    };
    let mut shares: Vec<f64> = points.iter().filter_map(|result| share(&result.point)).collect();
    shares.sort_by(f64::total_cmp);
    // All zero has no summary.
    Summary::of(&shares).map(|summary| summary.median).ok().or_else(|| shares.last().copied())
}

fn rate(point: &Point<'_>, loops: &str, ticks: Option<u64>) -> Option<f64> {
    let rate = also(point, loops)? as f64 / ticks? as f64;
    rate.is_finite().then_some(rate)
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
