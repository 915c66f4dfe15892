//! The trend over run order: does a series rise or fall while it is measured? Mann and Kendall's
//! test says whether, Theil and Sen's slope says by how much. A drift is named; it changes nothing
//! else.

use serde::Serialize;
use statrs::function::erf::erfc;

use super::order::median;

/// A drift is named where p is below this: so of twenty series without one, one is called so.
const SIGNIFICANT: f64 = 0.05;
/// Of 4 runs, even p of a perfect order is 2 / 4! = 0.083.
const LEAST_RUNS: usize = 5;
/// Without equal values, up to this many runs p is exact.
const MOST_EXACT: usize = 50;
/// Up to this many runs the slope is that of all pairs.
const MOST_ALL_PAIRS: usize = 1_000;

/// What the order of the runs shows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// What it comes to.
    pub trend: Trend,
    /// Mann and Kendall's S: pairs of runs that rise, less pairs that fall.
    pub rising_less_falling: i64,
    /// The chance of an S at least this far from 0, were the order random.
    pub p: f64,
    /// How p was computed.
    pub test: TrendTest,
    /// Theil and Sen's slope: the median change from run to run, in the unit of the values. `None`
    /// for one run.
    pub slope_per_run: Option<f64>,
    /// Which pairs of runs the slope is the median of.
    pub slope_of: SlopeOf,
}

/// What the order of the runs comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Fewer than 5 runs: no order of them could show one.
    TooFewRuns,
    /// p is 0.05 or more.
    NotShown,
    /// Later runs take longer.
    Rising,
    /// Later runs take less.
    Falling,
}

/// How p was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendTest {
    /// By Kendall's distribution of S: up to 50 runs, no two of them equal.
    Exact,
    /// By the normal distribution, with the variance corrected for equal values and S for
    /// continuity.
    Normal,
}

/// Which pairs of runs the slope is the median of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SlopeOf {
    /// All: up to 1,000 runs.
    AllPairs,
    /// Each run of the first half and the one half the series later (Theil's incomplete method).
    HalfApart,
}

impl SlopeOf {
    /// What so many runs allow.
    const fn of(runs: usize) -> Self {
        if runs <= MOST_ALL_PAIRS { Self::AllPairs } else { Self::HalfApart }
    }
}

impl Drift {
    /// The p as it is shown: `p 0.042`, and never as nothing.
    pub fn p_text(&self) -> String {
        if self.p < 0.001 { "p <0.001".into() } else { format!("p {:.3}", self.p) }
    }

    /// Of `values` in run order. `sorted` are the same, ascending, and `falling` the pairs of which
    /// the earlier is the greater.
    pub(super) fn of(values: &[f64], sorted: &[f64], falling: u64) -> Self {
        let (unequal, ties) = unequal_pairs(sorted);
        let rising_less_falling = unequal as i64 - 2 * falling as i64;
        let exact = ties.is_empty() && values.len() <= MOST_EXACT;
        let p = if exact {
            exact_p(values.len(), rising_less_falling)
        } else {
            normal_p(values.len(), rising_less_falling, &ties)
        };
        let trend = match rising_less_falling {
            _ if values.len() < LEAST_RUNS => Trend::TooFewRuns,
            _ if p >= SIGNIFICANT => Trend::NotShown,
            rising if rising > 0 => Trend::Rising,
            _ => Trend::Falling,
        };
        let slope_of = SlopeOf::of(values.len());
        Self {
            trend,
            rising_less_falling,
            p,
            test: if exact { TrendTest::Exact } else { TrendTest::Normal },
            slope_per_run: slope(values, slope_of),
            slope_of,
        }
    }
}

/// How many pairs are of different values, and the sizes of the groups of equal ones.
fn unequal_pairs(sorted: &[f64]) -> (u64, Vec<u64>) {
    let pairs = |count: u64| count * count.saturating_sub(1) / 2;
    let groups = sorted.chunk_by(|a, b| a == b).map(|group| group.len() as u64);
    let ties: Vec<u64> = groups.filter(|count| *count > 1).collect();
    (pairs(sorted.len() as u64) - ties.iter().copied().map(pairs).sum::<u64>(), ties)
}

/// The chance of an S at least this far from 0, of `runs` different values in random order.
fn exact_p(runs: usize, rising_less_falling: i64) -> f64 {
    let pairs = runs * runs.saturating_sub(1) / 2;
    // The chance of each number of falling pairs, run after run: the next run falls below any
    // number of those before it, each as likely.
    let mut chance = vec![0.0f64; pairs + 1];
    chance[0] = 1.0;
    for run in 1..=runs {
        let before = chance.clone();
        let mut sum = 0.0;
        for falling in 0..=pairs {
            sum += before[falling];
            if falling >= run {
                sum -= before[falling - run];
            }
            chance[falling] = sum / run as f64;
        }
    }
    // S is the pairs less twice the falling ones, and as likely below 0 as above.
    let falling = (pairs as i64 - rising_less_falling.abs()) / 2;
    let one_side: f64 = chance.iter().take(falling as usize + 1).sum();
    (2.0 * one_side).min(1.0)
}

/// The same, nearly, of many values or of values some of which are equal.
fn normal_p(runs: usize, rising_less_falling: i64, ties: &[u64]) -> f64 {
    let part = |count: f64| count * (count - 1.0) * (2.0 * count + 5.0);
    let equal: f64 = ties.iter().map(|count| part(*count as f64)).sum();
    let variance = (part(runs as f64) - equal) / 18.0;
    if variance <= 0.0 {
        return 1.0;
    }
    // S moves in steps of 2: half a step towards 0.
    let distance = (rising_less_falling.abs() as f64 - 1.0).max(0.0);
    erfc(distance / variance.sqrt() / std::f64::consts::SQRT_2)
}

fn slope(values: &[f64], slope_of: SlopeOf) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mut slopes: Vec<f64> = match slope_of {
        SlopeOf::AllPairs => {
            let later = |first: usize| (first + 1..values.len()).map(move |second| (first, second));
            let pairs = (0..values.len()).flat_map(later);
            pairs.map(|(first, second)| (values[second] - values[first]) / (second - first) as f64).collect()
        }
        SlopeOf::HalfApart => {
            let half = values.len().div_ceil(2);
            values.iter().zip(&values[half..]).map(|(first, second)| (second - first) / half as f64).collect()
        }
    };
    Some(median(&mut slopes))
}

#[cfg(test)]
mod tests;
