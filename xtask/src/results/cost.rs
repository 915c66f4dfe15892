//! What a mode costs: raw, overhead and net of one switch by the batch pass, the distribution of an
//! exchange by the sampled pass, and whether the two agree.

use serde::Serialize;
use switchlab_core::histogram::Histogram;
use switchlab_core::ruler::Ruler;
use switchlab_core::stats::{mean, per_second};
use switchlab_records::{Mode, Pass, Subject};

use super::BlockResult;

/// Passes that differ by more than this, of the batch pass's net, are said to disagree (METHOD 4).
pub const DISAGREEMENT_PERCENT: f64 = 5.0;

/// What one mode costs, over all its blocks. Figures without a unit in their name are in the
/// results' unit.
#[derive(Clone, Debug, Serialize)]
pub struct ModeResult {
    /// Which.
    pub mode: Mode,
    /// How many blocks of the batch pass.
    pub blocks: u32,
    /// Exchanges in each.
    pub exchanges: u64,
    /// Mean ticks of a block.
    pub mean_ticks: u64,
    /// The same in the results' unit.
    pub mean_total: f64,
    /// One switch, by the batch pass.
    pub switch: Cost,
    /// Switches in a second, at the raw mean; `None` where ticks are no time.
    pub switches_per_second: Option<u64>,
    /// By the sampled pass; `None` where there was none.
    pub sampled: Option<Sampled>,
}

/// What one switch costs: a mean over blocks, divided by twice their exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// As measured.
    pub raw: f64,
    /// The same loop without a handoff.
    pub overhead: f64,
    /// Raw less overhead. Not clamped: it may be negative.
    pub net: f64,
    /// Whether the net is more than what the overhead's own blocks differ by.
    pub resolution: Resolution,
    #[serde(skip)]
    ticks: [i128; 2],
    #[serde(skip)]
    exchanges: u64,
}

/// What a net is worth beside what the overhead's own blocks differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// It is more than they differ by.
    Resolved,
    /// It is no more than they differ by.
    Below,
    /// One block differs from none: nobody knows. But a count of instructions repeats exactly.
    UnknownOneRun,
}

impl Resolution {
    /// Of a net, by the blocks of its overhead.
    fn new(net_ticks: i128, nulls: &[u64], ruler: Ruler) -> Option<Self> {
        let spread = i128::from(nulls.iter().max()? - nulls.iter().min()?);
        Some(match (net_ticks <= spread, nulls.len(), ruler) {
            (true, ..) => Self::Below,
            (false, 1, Ruler::Time(_)) => Self::UnknownOneRun,
            (false, ..) => Self::Resolved,
        })
    }

    /// What stands behind the net.
    const fn remark(self) -> &'static str {
        match self {
            // The findings say once that it is unknown.
            Self::Resolved | Self::UnknownOneRun => "",
            Self::Below => " (below resolution)",
        }
    }
}

/// What the sampled pass says: a sample is one exchange, so two switches.
#[derive(Clone, Debug, Serialize)]
pub struct Sampled {
    /// Samples, over all blocks.
    pub samples: u64,
    /// One switch, as the mean of the pass has it.
    pub switch: Cost,
    /// The least exchange, raw. This and the following to within 1/64.
    pub min: f64,
    /// Half of all exchanges take no more.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// 999 of 1,000.
    pub p99_9: f64,
    /// The most.
    pub max: f64,
    /// Half of all exchanges of the null loop take no more: the overhead within a sample.
    pub null_p50: f64,
    /// What a sample costs, reading the clock and counting: an exchange of the null loop in this pass,
    /// less one in the batch pass. Not clamped.
    pub sample_costs: f64,
    /// How far the net of this pass is from the batch pass's, in percent of that; `None` where that
    /// is below resolution.
    pub apart_percent: Option<f64>,
    /// All samples.
    #[serde(skip)]
    pub histogram: Histogram,
    /// All samples of the null loop.
    #[serde(skip)]
    pub null_histogram: Histogram,
}

/// Ranks that are shown, in ten-thousandths, with their names.
pub const RANKS: [(u32, &str); 6] =
    [(0, "Min"), (5_000, "p50"), (9_000, "p90"), (9_900, "p99"), (9_990, "p99.9"), (10_000, "Max")];

/// Numbers in the results' unit.
pub trait UnitValue {
    /// `ticks / divisor` in nanoseconds or instructions, rounded to the third decimal; 0 for no
    /// divisor.
    fn value(self, ticks: i128, divisor: u64) -> f64;
}

impl UnitValue for Ruler {
    fn value(self, ticks: i128, divisor: u64) -> f64 {
        let (thousandths, divisor) = match self {
            Self::Instructions => (ticks * 1_000, i128::from(divisor)),
            // A divisor of 128 bits saturates: it makes 0 of 64 bits of ticks either way.
            Self::Time(hz) => {
                (ticks * 1_000_000_000_000, i128::from(divisor).saturating_mul(hz.get().into()))
            }
        };
        if divisor == 0 {
            return 0.0;
        }
        let half = divisor / 2 * thousandths.signum();
        ((thousandths + half) / divisor) as f64 / 1_000.0
    }
}

impl Sampled {
    /// Whether the passes differ by more than they should.
    pub fn disagrees(&self) -> bool {
        self.apart_percent.is_some_and(|percent| percent > DISAGREEMENT_PERCENT)
    }
}

impl Cost {
    /// Of blocks of `exchanges` exchanges.
    fn new(handoffs: &[u64], nulls: &[u64], exchanges: u64, ruler: Ruler) -> Option<Self> {
        let raw_ticks = i128::from(mean(handoffs.iter().copied())?);
        let null_ticks = i128::from(mean(nulls.iter().copied())?);
        let net_ticks = raw_ticks - null_ticks;
        let switches = exchanges.checked_mul(2)?;
        let net = ruler.value(net_ticks, switches);
        Some(Self {
            raw: ruler.value(raw_ticks, switches),
            overhead: ruler.value(null_ticks, switches),
            net,
            // What is 0 to the last decimal has no share, and is nothing that was found.
            resolution: if net == 0.0 {
                Resolution::Below
            } else {
                Resolution::new(net_ticks, nulls, ruler)?
            },
            ticks: [raw_ticks, null_ticks],
            exchanges,
        })
    }

    /// How much more an exchange of the null loop takes here than in `batch`.
    fn sampling_on_top_of(&self, batch: &Self, ruler: Ruler) -> f64 {
        let [sampled, batch] = [self, batch].map(|cost| ruler.value(cost.ticks[1], cost.exchanges));
        ((sampled - batch) * 1_000.0).round() / 1_000.0
    }

    /// The three figures as text.
    pub fn texts(&self, ruler: Ruler) -> [String; 3] {
        let [raw, overhead] = self.ticks;
        let text = |ticks: i128| {
            let sign = if ticks < 0 { "-" } else { "" };
            let size = u64::try_from(ticks.unsigned_abs()).unwrap_or(u64::MAX);
            format!("{sign}{}", ruler.fine_switch(size, self.exchanges))
        };
        let net = text(raw - overhead) + self.resolution.remark();
        [text(raw), text(overhead), net]
    }
}

/// What each mode costs.
///
/// # Errors
///
/// What contradicts itself in the blocks.
pub(super) fn mode_results(blocks: &[BlockResult], ruler: Ruler) -> Result<Vec<ModeResult>, String> {
    Mode::ALL.into_iter().filter_map(|mode| mode_result(mode, blocks, ruler).transpose()).collect()
}

fn mode_result(mode: Mode, blocks: &[BlockResult], ruler: Ruler) -> Result<Option<ModeResult>, String> {
    let batch = Part::new(blocks, mode, Pass::Batch)?;
    let sampled = Part::new(blocks, mode, Pass::Sampled)?;
    // Without a null loop there is no cost either: what is left of a mode whose blocks are void.
    let Some(mean_ticks) = mean(batch.handoffs.iter().copied()).filter(|_| !batch.nulls.is_empty()) else {
        return Ok(None);
    };
    let no_cost = || format!("the blocks of {} give no cost", mode.name());
    let switch = batch.cost(ruler).ok_or_else(no_cost)?;
    let switches_per_second = match ruler {
        Ruler::Instructions => None,
        Ruler::Time(hz) => Some(
            per_second(batch.exchanges.saturating_mul(2), mean_ticks, hz)
                .ok_or_else(|| format!("the blocks of {} took no time", mode.name()))?,
        ),
    };
    Ok(Some(ModeResult {
        mode,
        blocks: batch.handoffs.len().try_into().unwrap_or(u32::MAX),
        exchanges: batch.exchanges,
        mean_ticks,
        mean_total: ruler.value(i128::from(mean_ticks), 1),
        switches_per_second,
        sampled: (!sampled.handoffs.is_empty() && !sampled.nulls.is_empty())
            .then(|| sampled.distribution(&switch, ruler).ok_or_else(no_cost))
            .transpose()?,
        switch,
    }))
}

/// The blocks of one mode and pass.
struct Part {
    handoffs: Vec<u64>,
    nulls: Vec<u64>,
    exchanges: u64,
    samples: Histogram,
    null_samples: Histogram,
}

impl Part {
    fn new(blocks: &[BlockResult], mode: Mode, pass: Pass) -> Result<Self, String> {
        let mut part = Self {
            handoffs: Vec::new(),
            nulls: Vec::new(),
            exchanges: 0,
            samples: Histogram::new(),
            null_samples: Histogram::new(),
        };
        for result in blocks.iter().filter(|result| (result.block.mode, result.block.pass) == (mode, pass)) {
            let block = &result.block;
            let first = part.handoffs.is_empty() && part.nulls.is_empty();
            if !first && block.exchanges != part.exchanges {
                return Err(format!(
                    "the {} blocks of {} differ in their exchanges",
                    pass.name(),
                    mode.name()
                ));
            }
            part.exchanges = block.exchanges;
            let (ticks, samples) = match block.subject {
                Subject::Handoff => (&mut part.handoffs, &mut part.samples),
                Subject::Null => (&mut part.nulls, &mut part.null_samples),
            };
            ticks.push(block.ticks);
            if let Some(histogram) = &result.samples {
                samples.merge(histogram);
            }
        }
        Ok(part)
    }

    fn cost(&self, ruler: Ruler) -> Option<Cost> {
        Cost::new(&self.handoffs, &self.nulls, self.exchanges, ruler)
    }

    fn distribution(self, batch: &Cost, ruler: Ruler) -> Option<Sampled> {
        let switch = self.cost(ruler)?;
        let at = |histogram: &Histogram, rank| Some(ruler.value(i128::from(histogram.percentile(rank)?), 1));
        let exchange = |rank| at(&self.samples, rank);
        let apart = (switch.net - batch.net).abs() / batch.net.abs() * 100.0;
        Some(Sampled {
            samples: self.samples.samples(),
            min: exchange(0)?,
            p50: exchange(5_000)?,
            p90: exchange(9_000)?,
            p99: exchange(9_900)?,
            p99_9: exchange(9_990)?,
            max: exchange(10_000)?,
            null_p50: at(&self.null_samples, 5_000)?,
            sample_costs: switch.sampling_on_top_of(batch, ruler),
            apart_percent: (batch.resolution != Resolution::Below).then(|| (apart * 100.0).round() / 100.0),
            switch,
            histogram: self.samples,
            null_histogram: self.null_samples,
        })
    }
}
