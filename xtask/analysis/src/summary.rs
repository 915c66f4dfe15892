//! What one series of runs shows: its middle, its spread, and its outliers, which are counted and
//! never dropped.

use std::fmt;

use serde::Serialize;

use super::drift::Drift;
use super::order::{quantile, sorted};
use super::{Unfit, check};

/// A series in a few numbers. All but the counts, the spread and the drift's p have the unit of the
/// values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many values.
    pub runs: usize,
    /// The arithmetic mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// The lower quartile, by Hyndman and Fan's type 7.
    pub lower_quartile: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile, by the same definition.
    pub upper_quartile: f64,
    /// The most.
    pub max: f64,
    /// The relative spread: the distance of the quartiles over the median.
    pub spread: f64,
    /// Values far from the quartiles.
    pub outliers: Outliers,
    /// The trend over run order.
    pub drift: Drift,
}

/// How many values lie beyond Tukey's fences: further than 1.5 times the distance of the quartiles
/// from the nearer one, and severe further than 3 times. Each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outliers {
    /// Below the outer fence.
    pub low_severe: usize,
    /// Below the inner fence only.
    pub low_mild: usize,
    /// Above the inner fence only.
    pub high_mild: usize,
    /// Above the outer fence.
    pub high_severe: usize,
}

impl Outliers {
    /// All of them.
    pub fn count(&self) -> usize {
        self.low_severe + self.low_mild + self.high_mild + self.high_severe
    }
}

impl fmt::Display for Outliers {
    /// `none`, or how many of which kind: `1 above, 2 far above`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low_severe, low_mild, high_mild, high_severe } = *self;
        let kinds = [
            (low_severe, "far below"),
            (low_mild, "below"),
            (high_mild, "above"),
            (high_severe, "far above"),
        ];
        let mut separator = "";
        for (count, kind) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{count} {kind}")?;
            separator = ", ";
        }
        if self.count() == 0 { f.write_str("none") } else { Ok(()) }
    }
}

impl Summary {
    /// Of `values` in the order in which they were measured.
    ///
    /// # Errors
    ///
    /// Values that are not fit.
    pub fn of(values: &[f64]) -> Result<Self, Unfit> {
        check(values)?;
        let (sorted, falling) = sorted(values);
        let [lower_quartile, median, upper_quartile] = [0.25, 0.5, 0.75].map(|p| quantile(&sorted, p));
        let distance = upper_quartile - lower_quartile;
        Ok(Self {
            runs: values.len(),
            mean: values.iter().sum::<f64>() / values.len() as f64,
            min: sorted[0],
            lower_quartile,
            median,
            upper_quartile,
            max: sorted[sorted.len() - 1],
            spread: distance / median,
            outliers: outliers(&sorted, lower_quartile, upper_quartile),
            drift: Drift::of(values, &sorted, falling),
        })
    }
}

fn outliers(sorted: &[f64], lower_quartile: f64, upper_quartile: f64) -> Outliers {
    let distance = upper_quartile - lower_quartile;
    let below = |fence: f64| sorted.partition_point(|value| *value < fence);
    let above = |fence: f64| sorted.len() - sorted.partition_point(|value| *value <= fence);
    let low_severe = below(lower_quartile - 3.0 * distance);
    let high_severe = above(upper_quartile + 3.0 * distance);
    Outliers {
        low_severe,
        low_mild: below(lower_quartile - 1.5 * distance) - low_severe,
        high_mild: above(upper_quartile + 1.5 * distance) - high_severe,
        high_severe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MULTI, SINGLE};

    #[test]
    fn summary_of_the_originals_runs() {
        let summary = Summary::of(&SINGLE).unwrap();
        assert_eq!((summary.runs, summary.min, summary.max), (5, 554.18, 639.96));
        assert_eq!(
            (summary.median, summary.lower_quartile, summary.upper_quartile),
            (568.30, 556.24, 638.69)
        );
        assert!((summary.mean - 591.474).abs() < 1e-9);
        assert!((summary.spread - 82.45 / 568.30).abs() < 1e-12);
        assert_eq!(summary.outliers, Outliers::default());
        // The run of 896.70 ms stands far outside: quartiles 592.50 and 610.07, fences 26.4 and 52.7 away.
        let summary = Summary::of(&MULTI).unwrap();
        assert_eq!(summary.outliers, Outliers { high_severe: 1, ..Outliers::default() });
        assert_eq!(summary.max, 896.70);
    }

    #[test]
    fn outliers_are_counted_by_side_and_severity() {
        // Quartiles 110 and 130, so the fences are at 80 and 160, and at 50 and 190.
        let middle = [110.0; 6].into_iter().chain([120.0; 4]).chain([130.0; 6]);
        let values: Vec<f64> = middle.chain([49.9, 50.0, 79.9, 80.0, 160.0, 160.1, 190.0, 190.1]).collect();
        let summary = Summary::of(&values).unwrap();
        assert_eq!((summary.lower_quartile, summary.upper_quartile), (110.0, 130.0));
        let expected = Outliers { low_severe: 1, low_mild: 2, high_mild: 2, high_severe: 1 };
        assert_eq!(summary.outliers, expected);
        assert_eq!(summary.outliers.count(), 6);
        // Counted, not dropped.
        assert_eq!((summary.runs, summary.max), (24, 190.1));
    }

    #[test]
    fn outliers_are_told_by_kind_and_those_of_which_there_are_none_are_not() {
        let all = Outliers { low_severe: 1, low_mild: 2, high_mild: 3, high_severe: 4 };
        assert_eq!(all.count(), 10);
        assert_eq!(all.to_string(), "1 far below, 2 below, 3 above, 4 far above");
        assert_eq!(Outliers { high_mild: 1, ..Outliers::default() }.to_string(), "1 above");
        assert_eq!(Outliers::default().to_string(), "none");
    }

    #[test]
    fn values_that_are_all_equal_have_no_spread_and_no_outlier() {
        let summary = Summary::of(&[0.1; 7]).unwrap();
        assert_eq!((summary.spread, summary.outliers.count()), (0.0, 0));
        assert_eq!((summary.min, summary.median, summary.max), (0.1, 0.1, 0.1));
        // One instruction more in one run of many: as far out as can be.
        let summary = Summary::of(&[20.0, 20.0, 20.0, 20.0, 20.0, 21.0]).unwrap();
        assert_eq!(summary.outliers, Outliers { high_severe: 1, ..Outliers::default() });
    }

    #[test]
    fn one_value_is_all_of_its_summary() {
        let summary = Summary::of(&[5.0]).unwrap();
        assert_eq!((summary.runs, summary.median, summary.mean, summary.spread), (1, 5.0, 5.0, 0.0));
    }

    #[test]
    fn values_without_a_ratio_are_refused_with_their_place() {
        assert_eq!(Summary::of(&[]), Err(Unfit::Empty));
        for value in [0.0, -1.0, f64::INFINITY, 1e101, 1e-101] {
            assert_eq!(Summary::of(&[1.0, value]), Err(Unfit::Value { position: 2, value }));
        }
        assert!(matches!(Summary::of(&[f64::NAN]), Err(Unfit::Value { position: 1, .. })));
    }
}
