//! A log-linear histogram: fixed memory, a bounded relative error, merged by adding. The kernel
//! counts its samples in it, one increment each; xtask reads its percentiles.
//!
//! Values below 64 have a bucket each. Above, every power of two is cut into 32 buckets of one
//! width:
//!
//! ```text
//!   value    0 … 63 │ 64 … 127 │ 128 … 255 │ 256 … 511 │ … │ 2^63 …
//!   width         1 │        2 │         4 │         8 │ … │   2^58
//!   bucket   0 … 63 │ 64 … 95  │  96 … 127 │ 128 … 159 │ … │ 1888 … 1919
//! ```
//!
//! A value is told by the middle of its bucket, so it is off by at most half a width: 1/64 of the
//! value, 1.57 %. (HdrHistogram works alike, with a choice of precision at run time; here it is
//! fixed, so that counting a sample is a handful of instructions without a branch.)

use core::fmt;

/// Buckets for a power of two, as a power of two.
const PRECISION_BITS: u32 = 5;

/// How many buckets there are.
pub const BUCKETS: usize = 64 + 58 * (1 << PRECISION_BITS);

/// Room for the buckets: the next power of two, so that an index is kept inside by a mask.
const ROOM: usize = BUCKETS.next_power_of_two();

/// Counts of samples by value. 16 KiB.
#[derive(Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; ROOM],
}

/// Which bucket a value belongs to.
#[inline(always)]
pub const fn bucket_of(value: u64) -> usize {
    // The highest bit, at least bit 5: everything below 64 is its own bucket.
    let highest = 63 - (value | 1 << PRECISION_BITS).leading_zeros();
    let shift = highest - PRECISION_BITS;
    ((shift << PRECISION_BITS) as usize) + (value >> shift) as usize
}

/// The smallest and the largest value of a bucket; `None` for one that does not exist.
pub const fn bounds_of(bucket: usize) -> Option<(u64, u64)> {
    if bucket >= BUCKETS {
        return None;
    }
    let per_power = 1 << PRECISION_BITS;
    if bucket < 2 * per_power {
        return Some((bucket as u64, bucket as u64));
    }
    let shift = bucket / per_power - 1;
    let least = ((bucket - shift * per_power) as u64) << shift;
    Some((least, least + ((1 << shift) - 1)))
}

/// The value that stands for a bucket: its middle.
const fn middle_of(bucket: usize) -> u64 {
    match bounds_of(bucket) {
        Some((least, most)) => least + (most - least) / 2,
        None => u64::MAX,
    }
}

/// Buckets that are no histogram's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadBuckets {
    /// There is no bucket of this number.
    NoSuchBucket(u16),
    /// Its number is not higher than the one before.
    OutOfOrder(u16),
    /// It is empty, or the samples are more than 2^64.
    BadCount(u16),
}

impl fmt::Display for BadBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchBucket(bucket) => write!(f, "bucket {bucket}, of {BUCKETS} that there are"),
            Self::OutOfOrder(bucket) => write!(f, "bucket {bucket} out of order"),
            Self::BadCount(bucket) => write!(f, "a count in bucket {bucket} that can not be"),
        }
    }
}

impl core::error::Error for BadBuckets {}

impl Histogram {
    /// Without samples.
    pub const fn new() -> Self {
        Self { counts: [0; ROOM] }
    }

    /// Counts a sample. No branch; a bucket can not overflow within a machine's life.
    #[inline(always)]
    pub fn record(&mut self, value: u64) {
        let bucket = bucket_of(value) & (ROOM - 1);
        self.counts[bucket] = self.counts[bucket].wrapping_add(1);
    }

    /// Forgets all samples.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Adds the samples of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// The buckets that have samples, by rising value: number and count.
    pub fn buckets(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let numbered = (0u16..).zip(self.counts.iter().copied());
        numbered.filter(|(_, count)| *count != 0)
    }

    /// The histogram of these buckets, as [`buckets`](Self::buckets) gives them.
    ///
    /// # Errors
    ///
    /// [`BadBuckets`] for what no histogram gives.
    pub fn from_buckets(buckets: &[(u16, u64)]) -> Result<Self, BadBuckets> {
        let mut histogram = Self::new();
        let mut samples = 0u64;
        let mut next = 0;
        for &(bucket, count) in buckets {
            if usize::from(bucket) >= BUCKETS {
                return Err(BadBuckets::NoSuchBucket(bucket));
            }
            if bucket < next {
                return Err(BadBuckets::OutOfOrder(bucket));
            }
            samples =
                samples.checked_add(count).filter(|_| count != 0).ok_or(BadBuckets::BadCount(bucket))?;
            histogram.counts[usize::from(bucket)] = count;
            next = bucket + 1;
        }
        Ok(histogram)
    }

    /// How many samples there are.
    pub fn samples(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// What the samples can add up to: at least, and at most.
    pub fn sum(&self) -> (u128, u128) {
        self.buckets().fold((0, 0), |(sum_least, sum_most), (bucket, count)| {
            let (least, most) = bounds_of(usize::from(bucket)).unwrap_or_default();
            let times = |value: u64| u128::from(value) * u128::from(count);
            // 2^64 samples of 2^64 do not fit, and no machine counts that far.
            (sum_least.saturating_add(times(least)), sum_most.saturating_add(times(most)))
        })
    }

    /// What the longest sample is at least; `None` without samples.
    pub fn longest(&self) -> Option<u64> {
        let (bucket, _) = self.buckets().last()?;
        bounds_of(usize::from(bucket)).map(|(least, _)| least)
    }

    /// The value that so many of ten thousand samples do not exceed: 5,000 for the median,
    /// 9,990 for p99.9, 0 for the least, 10,000 for the most. To within 1/64 of the value; `None`
    /// without samples.
    pub fn percentile(&self, per_ten_thousand: u32) -> Option<u64> {
        let samples = u128::from(self.samples());
        // The nearest rank: the smallest sample that so many do not exceed.
        let rank = (samples * u128::from(per_ten_thousand.min(10_000))).div_ceil(10_000).max(1);
        let mut seen = 0u128;
        for (bucket, count) in self.buckets() {
            seen += u128::from(count);
            if seen >= rank {
                return Some(middle_of(usize::from(bucket)));
            }
        }
        None
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.buckets()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next = 0;
        for bucket in 0..BUCKETS {
            let (least, most) = bounds_of(bucket).unwrap();
            assert_eq!(least, next, "bucket {bucket}");
            assert_eq!((bucket_of(least), bucket_of(most)), (bucket, bucket));
            next = most.wrapping_add(1);
        }
        assert_eq!(next, 0, "the last bucket ends with the last value");
        assert_eq!(bounds_of(BUCKETS), None);
    }

    #[test]
    fn edges_are_where_the_picture_has_them() {
        for (value, bucket) in [(0, 0), (63, 63), (64, 64), (127, 95), (128, 96), (256, 128)] {
            assert_eq!(bucket_of(value), bucket, "{value}");
        }
        assert_eq!(bucket_of(1 << 63), 1888);
        assert_eq!(bucket_of(u64::MAX), 1919);
    }

    #[test]
    fn percentiles_are_those_of_the_samples() {
        let histogram = of(&(1..=60).collect::<Vec<_>>());
        assert_eq!(histogram.samples(), 60);
        for (rank, value) in [(0, 1), (5_000, 30), (9_000, 54), (9_990, 60), (10_000, 60)] {
            assert_eq!(histogram.percentile(rank), Some(value), "{rank}");
        }
        assert_eq!(Histogram::new().percentile(5_000), None);
    }

    #[test]
    fn sum_is_between_those_of_the_buckets_bounds() {
        let histogram = of(&[3, 3, 64, 1_000]);
        // 64 is in a bucket of two, 1,000 in one of 16 from 992 on.
        assert_eq!(
            (histogram.sum(), histogram.longest()),
            ((3 + 3 + 64 + 992, 3 + 3 + 65 + 1_007), Some(992))
        );
        assert_eq!((Histogram::new().sum(), Histogram::new().longest()), ((0, 0), None));
        let (least, most) = Histogram::from_buckets(&[(1_919, u64::MAX)]).unwrap().sum();
        assert!(least < most);
    }

    #[test]
    fn buckets_that_no_histogram_gives_are_refused() {
        let cases = [
            (&[(1920, 1)][..], BadBuckets::NoSuchBucket(1920)),
            (&[(5, 1), (5, 1)], BadBuckets::OutOfOrder(5)),
            (&[(5, 1), (4, 1)], BadBuckets::OutOfOrder(4)),
            (&[(5, 0)], BadBuckets::BadCount(5)),
            (&[(5, u64::MAX), (6, 1)], BadBuckets::BadCount(6)),
        ];
        for (buckets, error) in cases {
            assert_eq!(Histogram::from_buckets(buckets), Err(error));
        }
    }

    proptest! {
        #[test]
        fn value_is_told_to_within_a_64th(value: u64) {
            let told = of(&[value]).percentile(5_000).unwrap();
            prop_assert!(u128::from(told.abs_diff(value)) * 64 <= u128::from(value));
        }

        #[test]
        fn sum_of_the_samples_is_within_its_bounds(values in prop::collection::vec(any::<u64>(), 0..50)) {
            let histogram = of(&values);
            let (least, most) = histogram.sum();
            let sum = values.iter().map(|value| u128::from(*value)).sum::<u128>();
            prop_assert!((least..=most).contains(&sum));
            let longest = values.iter().max().copied();
            prop_assert_eq!(histogram.longest().map(bucket_of), longest.map(bucket_of));
        }

        #[test]
        fn merging_is_recording_all(a in prop::collection::vec(any::<u64>(), 0..50),
                                    b in prop::collection::vec(any::<u64>(), 0..50)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            prop_assert_eq!(merged, of(&[a, b].concat()));
        }

        #[test]
        fn buckets_read_back(values in prop::collection::vec(any::<u64>(), 0..50)) {
            let histogram = of(&values);
            let buckets: Vec<_> = histogram.buckets().collect();
            prop_assert_eq!(Histogram::from_buckets(&buckets), Ok(histogram));
        }

        #[test]
        fn percentile_is_the_sample_of_that_rank(mut values in prop::collection::vec(0u64..1 << 40, 1..200),
                                                 rank in 0u32..=10_000) {
            let told = of(&values).percentile(rank).unwrap();
            values.sort_unstable();
            let place = (values.len() as u64 * u64::from(rank)).div_ceil(10_000).max(1) as usize;
            prop_assert_eq!(bucket_of(told), bucket_of(values[place - 1]));
        }
    }
}
