//! The percentiles of a boot that are followed from boot to boot. `export` gives them to trackers, and
//! `rigorous` keeps them of each boot.

use switchlab_records::Mode;

use super::cost::UnitValue;
use super::{ModeResult, Results};

/// The percentiles that are tracked: ranks in ten-thousandths, with their names. Least and most are
/// left out: they say what happened once.
pub const TRACKED_RANKS: [(u32, &str); 4] =
    [(5_000, "p50"), (9_000, "p90"), (9_900, "p99"), (9_990, "p99.9")];

/// A percentile of the exchanges of a boot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// Whose exchanges.
    pub mode: Mode,
    /// `p50` and so on.
    pub name: &'static str,
    /// One exchange, raw, in the results' unit.
    pub value: f64,
}

/// The percentiles of `mode` that are tracked; none without samples.
pub fn tracked(results: &Results<'_>, mode: &ModeResult) -> Vec<Percentile> {
    let Some(sampled) = &mode.sampled else { return Vec::new() };
    let percentile = |&(rank, name): &(u32, &'static str)| {
        let ticks = sampled.histogram.percentile(rank)?;
        Some(Percentile { mode: mode.mode, name, value: results.ruler.value(i128::from(ticks), 1) })
    };
    TRACKED_RANKS.iter().filter_map(percentile).collect()
}
