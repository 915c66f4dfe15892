//! Sorting and quantiles. One definition for all of xtask: Hyndman and Fan's type 7, which is also
//! the default of R and NumPy.

/// `values` in ascending order, and the number of pairs of which the earlier was the greater: a
/// merge sort finds each when it puts it right.
pub(super) fn sorted(values: &[f64]) -> (Vec<f64>, u64) {
    let mut sorted = values.to_vec();
    let falling = merge_sort(&mut sorted, &mut vec![0.0; values.len()]);
    (sorted, falling)
}

fn merge_sort(values: &mut [f64], spare: &mut [f64]) -> u64 {
    if values.len() <= 16 {
        return insertion_sort(values);
    }
    let half = values.len() / 2;
    let (left, right) = values.split_at_mut(half);
    let (spare_left, spare_right) = spare.split_at_mut(half);
    let mut falling = merge_sort(left, spare_left) + merge_sort(right, spare_right);
    let (mut l, mut r) = (0, 0);
    for place in spare.iter_mut() {
        *place = if r == right.len() || (l < left.len() && left[l] <= right[r]) {
            l += 1;
            left[l - 1]
        } else {
            // It passes all that is left on the other side.
            falling += (left.len() - l) as u64;
            r += 1;
            right[r - 1]
        };
    }
    values.copy_from_slice(spare);
    falling
}

fn insertion_sort(values: &mut [f64]) -> u64 {
    let mut falling = 0;
    for end in 1..values.len() {
        let place = values[..end].partition_point(|value| *value <= values[end]);
        falling += (end - place) as u64;
        values[place..=end].rotate_right(1);
    }
    falling
}

/// The quantile `p` (0 to 1) of `sorted` by type 7: linear between the order statistics on both
/// sides of position `p * (n - 1)`, counted from 0.
///
/// # Panics
///
/// If `sorted` is empty.
pub(super) fn quantile(sorted: &[f64], p: f64) -> f64 {
    let last = sorted.len() - 1;
    let position = (p * last as f64).clamp(0.0, last as f64);
    let below = position as usize;
    let (low, high) = (sorted[below], sorted[last.min(below + 1)]);
    // Equal neighbours give themselves, to the last bit.
    if low == high { low } else { low + (position - below as f64) * (high - low) }
}

/// The median of values in any order, which it brings out of theirs: the middle one, or half of
/// the sum of the two in the middle.
///
/// # Panics
///
/// If `values` is empty.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let count = values.len();
    let (below, &mut middle, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    if count % 2 == 1 {
        return middle;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(middle);
    halfway(lower, middle)
}

/// Half of the sum; two that are equal give themselves.
pub(super) fn halfway(a: f64, b: f64) -> f64 {
    if a == b { a } else { (a + b) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Noise;

    #[test]
    fn quantiles_are_those_of_r_type_7() {
        // R: quantile(c(1, 2, 4, 8, 16), c(0, .1, .25, .5, .75, 1))
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (p, quantile_7) in [(0.0, 1.0), (0.1, 1.4), (0.25, 2.0), (0.5, 4.0), (0.75, 8.0), (1.0, 16.0)] {
            assert!((quantile(&values, p) - quantile_7).abs() < 1e-12, "{p}");
        }
        // R: quantile(c(1, 2, 3, 10), c(.25, .75)) is 1.75 and 4.75.
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 10.0], 0.25), 1.75);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 10.0], 0.75), 4.75);
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
    }

    #[test]
    fn median_is_the_middle_or_between_the_two() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median(&mut [4.0]), 4.0);
        assert_eq!(median(&mut [0.1, 0.1]), 0.1);
    }

    #[test]
    fn sorting_is_ascending() {
        assert_eq!(sorted(&[3.0, 1.0, 2.0]), (vec![1.0, 2.0, 3.0], 2));
        let mut noise = Noise::new(3);
        for count in [16, 17, 100, 1_001] {
            let values: Vec<f64> = (0..count).map(|_| noise.uniform()).collect();
            let mut by_std = values.clone();
            by_std.sort_by(f64::total_cmp);
            assert_eq!(sorted(&values).0, by_std);
        }
    }
}
