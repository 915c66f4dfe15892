//! Facts about `drift`.

use super::*;
use crate::order::sorted;
use crate::testing::{MULTI, Noise, SINGLE, Spread};

fn drift(values: &[f64]) -> Drift {
    let (sorted, falling) = sorted(values);
    Drift::of(values, &sorted, falling)
}

fn permutations(values: &[f64]) -> Vec<Vec<f64>> {
    if values.is_empty() {
        return vec![vec![]];
    }
    let without = |place: usize| [&values[..place], &values[place + 1..]].concat();
    let with = |place: usize| {
        permutations(&without(place)).into_iter().map(move |rest| [vec![values[place]], rest].concat())
    };
    (0..values.len()).flat_map(with).collect()
}

fn by_hand(values: &[f64]) -> i64 {
    let later = |first: usize| values[first + 1..].iter().map(move |second| (values[first], *second));
    (0..values.len())
        .flat_map(later)
        .map(|(first, second)| match first.total_cmp(&second) {
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => -1,
        })
        .sum()
}

#[test]
fn exact_p_is_the_part_of_all_orders_that_is_as_far() {
    let orders = permutations(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let sums: Vec<i64> = orders.iter().map(|order| by_hand(order)).collect();
    for (order, sum) in orders.iter().zip(&sums).step_by(7) {
        let as_far = sums.iter().filter(|other| other.abs() >= sum.abs()).count();
        let drift = drift(order);
        assert_eq!((drift.rising_less_falling, drift.test), (*sum, TrendTest::Exact));
        assert!((drift.p - as_far as f64 / sums.len() as f64).abs() < 1e-12, "{order:?}");
    }
}

#[test]
fn pairs_are_counted_right_with_and_without_equal_values() {
    let mut noise = Noise::new(11);
    for runs in [1, 2, 3, 15, 16, 17, 33, 100, 257] {
        for steps in [3.0, 20.0, 1e9] {
            let values: Vec<f64> = (0..runs).map(|_| 1.0 + (noise.uniform() * steps).floor()).collect();
            assert_eq!(drift(&values).rising_less_falling, by_hand(&values), "{runs} {steps}");
        }
    }
}

#[test]
fn five_runs_in_order_are_a_drift_and_four_are_too_few() {
    let rising = drift(&[1.0, 2.0, 4.0, 8.0, 16.0]);
    assert_eq!((rising.trend, rising.rising_less_falling), (Trend::Rising, 10));
    assert!((rising.p - 2.0 / 120.0).abs() < 1e-12);
    let falling = drift(&[16.0, 8.0, 4.0, 2.0, 1.0]);
    assert_eq!((falling.trend, falling.rising_less_falling), (Trend::Falling, -10));
    let few = drift(&[1.0, 2.0, 3.0, 4.0]);
    assert_eq!(few.trend, Trend::TooFewRuns);
    assert!((few.p - 2.0 / 24.0).abs() < 1e-12);
}

#[test]
fn originals_runs_show_no_drift() {
    assert_eq!((drift(&SINGLE).trend, drift(&SINGLE).rising_less_falling), (Trend::NotShown, -4));
    assert_eq!((drift(&MULTI).trend, drift(&MULTI).rising_less_falling), (Trend::NotShown, -2));
    // 98 of the 120 orders of five runs are as far from 0 or further.
    assert!((drift(&MULTI).p - 98.0 / 120.0).abs() < 1e-12, "{}", drift(&MULTI).p);
}

#[test]
fn equal_values_correct_the_variance() {
    // By hand: S = 8, variance (5 * 4 * 15 - 2 * (2 * 1 * 9)) / 18 = 14.667, z = 7 / 3.8297.
    let tied = drift(&[1.0, 1.0, 2.0, 2.0, 3.0]);
    assert_eq!((tied.rising_less_falling, tied.test), (8, TrendTest::Normal));
    assert!((tied.p - 0.06758).abs() < 1e-4, "{}", tied.p);
    let equal = drift(&[3.0; 20]);
    assert_eq!((equal.p, equal.trend, equal.slope_per_run), (1.0, Trend::NotShown, Some(0.0)));
}

#[test]
fn normal_p_agrees_with_the_exact_one_where_both_can_be_had() {
    for rising in [1, 101, 201, 301] {
        let (exact, normal) = (exact_p(50, rising), normal_p(50, rising, &[]));
        assert!((exact - normal).abs() < 0.005, "{rising}: {exact} {normal}");
    }
}

#[test]
fn slope_is_the_median_change_from_run_to_run() {
    assert_eq!(drift(&[5.0]).slope_per_run, None);
    assert_eq!(drift(&[5.0, 7.0]).slope_per_run, Some(2.0));
    // One run that is far out does not turn it.
    let slope = drift(&[10.0, 11.0, 12.0, 1_000.0, 14.0, 15.0, 16.0]).slope_per_run;
    assert_eq!(slope, Some(1.0));
    for runs in [1_000, 1_001, 4_001] {
        let values: Vec<f64> = (0..runs).map(|run| 100.0 + 0.25 * f64::from(run)).collect();
        let drift = drift(&values);
        assert_eq!((drift.slope_per_run, drift.trend), (Some(0.25), Trend::Rising));
        assert_eq!(drift.slope_of == SlopeOf::AllPairs, runs == 1_000);
    }
}

#[test]
fn series_without_a_drift_are_called_so_in_at_most_one_of_twenty() {
    let mut noise = Noise::new(12);
    for runs in [5, 10, 60, 500] {
        let named = (0..1_000)
            .map(|_| drift(&noise.runs(runs, Spread::OneInTenSlow, 0.0)[0]).trend)
            .filter(|trend| *trend != Trend::NotShown)
            .count();
        // Standard deviation 7.
        assert!(named <= 65, "{runs}: {named}");
    }
}

#[test]
fn drift_of_a_tenth_in_all_is_named() {
    let mut noise = Noise::new(13);
    let named = (0..200)
        .filter(|_| {
            let [mut values, _] = noise.runs(20, Spread::Normal(0.02), 0.0);
            values.iter_mut().enumerate().for_each(|(run, value)| *value *= 1.0 + 0.1 * run as f64 / 20.0);
            drift(&values).trend == Trend::Rising
        })
        .count();
    assert!(named >= 190, "{named}");
}

#[test]
fn p_is_shown_with_three_digits_and_never_as_nothing() {
    let shown = |p| Drift { p, ..drift(&[1.0, 2.0, 3.0, 4.0, 5.0]) }.p_text();
    assert_eq!([0.042, 0.001, 0.000_999, 0.0].map(shown), ["p 0.042", "p 0.001", "p <0.001", "p <0.001"]);
}
