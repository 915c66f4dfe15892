//! The interval of the ratio of two medians, and of one median, by a seeded percentile bootstrap. Owns which
//! percentiles those are; the reason stands in decision 0014.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::draw::Draw;
use super::medians::Medians;
use super::{Unfit, check};

/// The confidence that every interval has.
pub const CONFIDENCE: f64 = 0.95;

/// How to draw, and what to take from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    /// Whether rows belong together.
    pub pairing: Pairing,
    /// How often to draw.
    pub resamples: u32,
    /// The same seed gives the same interval.
    pub seed: u64,
    /// Which percentiles bound the interval.
    pub levels: Levels,
    /// How many comparisons are judged together, this one among them: their intervals hold all at once
    /// in 95 of 100 cases, so each of them is wider (Bonferroni). 1 for a comparison by itself.
    pub family: u32,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { pairing: Pairing::Paired, resamples: 10_000, seed: 1, levels: Levels::Expanded, family: 1 }
    }
}

/// Whether the n-th values of both series belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// They were measured in the same run: a row is drawn as a whole.
    Paired,
    /// They were not: each series is drawn for itself.
    Independent,
}

/// Which percentiles of the drawn ratios bound the interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Levels {
    /// 2.5 and 97.5 %: too narrow for few runs.
    Plain,
    /// Hesterberg's expanded levels: wider by what Student's t and n / (n - 1) widen an interval
    /// of a mean, so 0.86 and 99.14 % of 10 runs, and the plain ones of many.
    Expanded,
}

impl Levels {
    /// The part of the drawn ratios that is cut off at each end, for this many runs, where so many
    /// comparisons are judged together.
    pub fn tail(self, runs: usize, family: u32) -> f64 {
        let plain = (1.0 - CONFIDENCE) / 2.0 / f64::from(family.max(1));
        match self {
            Self::Plain => plain,
            // One run has no spread at all: the interval is all that was drawn.
            Self::Expanded if runs < 2 => 0.0,
            Self::Expanded => {
                let free = (runs - 1) as f64;
                Normal::standard().cdf(quantile_of_t(plain, free) * (runs as f64 / free).sqrt())
            }
        }
    }
}

/// The quantile of Student's t that has so much below it, with so many degrees of freedom: from thousands on it is the
/// normal distribution's to four digits.
fn quantile_of_t(below: f64, free: f64) -> f64 {
    match StudentsT::new(0.0, 1.0, free) {
        Ok(student) if free < 5_000.0 => student.inverse_cdf(below),
        _ => Normal::standard().inverse_cdf(below),
    }
}

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// From end to end.
    pub width: f64,
}

impl Interval {
    /// Whether `value` lies in it, its ends included.
    pub fn includes(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

impl Bootstrap {
    /// The interval of the median of `other` over the median of `base`.
    ///
    /// The ends are order statistics of the drawn ratios, the k-th from each end with
    /// k = tail * (resamples + 1) rounded down, at least 1: no interpolation, so they are ratios
    /// that were drawn.
    ///
    /// # Errors
    ///
    /// Values that are not fit; pairs of different lengths; no resamples.
    pub fn ratio_of_medians(&self, base: &[f64], other: &[f64]) -> Result<Interval, Unfit> {
        self.check(base, other)?;
        let mut draw = Draw::new(self.seed);
        let times = 0..self.resamples;
        let ratios: Vec<f64> = match self.pairing {
            Pairing::Paired => {
                let mut medians = Medians::new([base, other]);
                times.map(|_| medians.draw(&mut draw)).map(|[base, other]| other / base).collect()
            }
            Pairing::Independent => {
                let (mut bases, mut others) = (Medians::new([base]), Medians::new([other]));
                times
                    .map(|_| (bases.draw(&mut draw), others.draw(&mut draw)))
                    .map(|([base], [other])| other / base)
                    .collect()
            }
        };
        Ok(self.interval(ratios, base.len().min(other.len())))
    }

    /// The interval of the median of `values`, in their unit. Its ends are medians that were drawn.
    ///
    /// # Errors
    ///
    /// Values that are not fit; no resamples.
    pub fn median(&self, values: &[f64]) -> Result<Interval, Unfit> {
        self.check(values, values)?;
        let (mut draw, mut medians) = (Draw::new(self.seed), Medians::new([values]));
        let drawn = (0..self.resamples).map(|_| medians.draw(&mut draw)).map(|[median]| median);
        Ok(self.interval(drawn.collect(), values.len()))
    }

    /// Of what was `drawn` from so many runs.
    fn interval(&self, mut drawn: Vec<f64>, runs: usize) -> Interval {
        let tail = self.levels.tail(runs, self.family);
        let cut = ((tail * (drawn.len() + 1) as f64) as usize).clamp(1, drawn.len().div_ceil(2)) - 1;
        drawn.sort_unstable_by(f64::total_cmp);
        let (low, high) = (drawn[cut], drawn[drawn.len() - 1 - cut]);
        Interval { low, high, width: high - low }
    }

    /// That an interval can be had.
    pub(super) fn check(&self, base: &[f64], other: &[f64]) -> Result<(), Unfit> {
        check(base)?;
        check(other)?;
        if self.resamples == 0 {
            return Err(Unfit::NoResamples);
        }
        if self.pairing == Pairing::Paired && base.len() != other.len() {
            return Err(Unfit::Lengths { base: base.len(), other: other.len() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
