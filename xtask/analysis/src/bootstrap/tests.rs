//! Facts about `bootstrap`.

use super::*;
use crate::order::{median, quantile};
use crate::testing::{MULTI, Noise, SINGLE, Spread};

const PLAIN: Bootstrap =
    Bootstrap { pairing: Pairing::Paired, resamples: 10_000, seed: 1, levels: Levels::Plain, family: 1 };

fn rounded(interval: Interval) -> (f64, f64) {
    ((interval.low * 100.0).round() / 100.0, (interval.high * 100.0).round() / 100.0)
}

#[test]
fn originals_interval_is_the_one_that_was_found_before() {
    for seed in 1..=20 {
        let plain = Bootstrap { seed, ..PLAIN }.ratio_of_medians(&SINGLE, &MULTI).unwrap();
        assert_eq!(rounded(plain), (0.93, 1.40), "{seed}");
        // Five pairs have nothing to expand to: the plain interval is as wide as their ratios go.
        let expanded = Bootstrap { seed, levels: Levels::Expanded, ..PLAIN };
        assert_eq!(expanded.ratio_of_medians(&SINGLE, &MULTI).unwrap(), plain, "{seed}");
    }
}

#[test]
fn same_seed_gives_the_same_interval_to_the_bit() {
    let [base, other] = Noise::new(6).runs(10, Spread::Normal(0.05), 0.0);
    let interval = |seed| Bootstrap { seed, ..Bootstrap::default() }.ratio_of_medians(&base, &other).unwrap();
    assert_eq!(interval(1), interval(1));
    assert!((2..10).any(|seed| interval(seed) != interval(1)));
}

#[test]
fn pairs_that_move_together_have_a_narrower_interval_than_independent_series() {
    let [base, other] = Noise::new(7).runs(20, Spread::Normal(0.05), 0.95);
    let width = |pairing| Bootstrap { pairing, ..PLAIN }.ratio_of_medians(&base, &other).unwrap().width;
    let (paired, independent) = (width(Pairing::Paired), width(Pairing::Independent));
    assert!(paired < independent / 2.0, "{paired} {independent}");
}

#[test]
fn independent_series_may_differ_in_length_and_pairs_may_not() {
    let independent = Bootstrap { pairing: Pairing::Independent, ..PLAIN };
    assert!(independent.ratio_of_medians(&SINGLE, &MULTI[..4]).is_ok());
    let error = PLAIN.ratio_of_medians(&SINGLE, &MULTI[..4]).unwrap_err();
    assert_eq!(error, Unfit::Lengths { base: 5, other: 4 });
    assert!(error.to_string().contains("5 values against 4"), "{error}");
}

#[test]
fn bootstrap_that_draws_nothing_is_refused() {
    let none = Bootstrap { resamples: 0, ..PLAIN };
    assert_eq!(none.ratio_of_medians(&SINGLE, &MULTI), Err(Unfit::NoResamples));
    // One resample is its own interval.
    let one = Bootstrap { resamples: 1, ..PLAIN }.ratio_of_medians(&SINGLE, &MULTI).unwrap();
    assert_eq!(one.width, 0.0);
}

#[test]
fn levels_are_expanded_for_few_runs_and_plain_for_many() {
    // Hesterberg's formula from tables of t: 2.776445, 2.262157, 2.093024, 2.022691.
    for (runs, tail) in [(2, 0.0), (5, 0.000_954_1), (10, 0.008_550_6), (20, 0.015_880_8), (40, 0.020_257_5)]
    {
        assert!(
            (Levels::Expanded.tail(runs, 1) - tail).abs() < 1e-7,
            "{runs}: {}",
            Levels::Expanded.tail(runs, 1)
        );
    }
    let tails = [1, 2, 3, 5, 10, 100, 1_000, 5_000, 5_001, 5_002, 1_000_000]
        .map(|runs| Levels::Expanded.tail(runs, 1));
    assert!(tails.windows(2).all(|pair| pair[0] <= pair[1]), "{tails:?}");
    assert!((0.02499..=0.025).contains(&tails[10]), "{tails:?}");
    assert!([1, 10, 1_000_000].iter().all(|runs| (Levels::Plain.tail(*runs, 1) - 0.025).abs() < 1e-12));
}

/// Ratios of medians as the book draws them: each resample row by row.
fn by_the_book(base: &[f64], other: &[f64], pairing: Pairing, noise: &mut Noise) -> Vec<f64> {
    let rows = base.len();
    let mut ratios: Vec<f64> = (0..4_000)
        .map(|_| {
            let mut row = || ((noise.uniform() * rows as f64) as usize).min(rows - 1);
            let drawn: Vec<usize> = (0..rows).map(|_| row()).collect();
            let again: Vec<usize> = match pairing {
                Pairing::Paired => drawn.clone(),
                Pairing::Independent => (0..rows).map(|_| row()).collect(),
            };
            let mut bases: Vec<f64> = drawn.iter().map(|row| base[*row]).collect();
            let mut others: Vec<f64> = again.iter().map(|row| other[*row]).collect();
            median(&mut others) / median(&mut bases)
        })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios
}

#[test]
fn windows_draw_what_whole_resamples_draw() {
    // Up to 64 rows all are near the middle; of 2,500 one in six, or fewer, is drawn by itself.
    for (rows, shared) in [(5, 0.5), (10, 0.0), (63, 0.9), (64, 0.5), (400, 0.9), (2_500, 0.0), (2_501, 0.8)]
    {
        let [base, other] = Noise::new(8).runs(rows, Spread::HeavyTails, shared);
        for pairing in [Pairing::Paired, Pairing::Independent] {
            let book = by_the_book(&base, &other, pairing, &mut Noise::new(9));
            let bootstrap = Bootstrap { pairing, ..PLAIN };
            let interval = bootstrap.ratio_of_medians(&base, &other).unwrap();
            // Where in the book's distribution our percentiles lie. Standard deviation of the
            // difference: 0.003.
            let part = |value: f64| {
                let below = book.partition_point(|ratio| *ratio < value);
                let through = book.partition_point(|ratio| *ratio <= value);
                (below as f64 / book.len() as f64, through as f64 / book.len() as f64)
            };
            for (end, p) in [(interval.low, 0.025), (interval.high, 0.975)] {
                let (below, through) = part(end);
                assert!(
                    below <= p + 0.01 && through >= p - 0.01,
                    "{rows} {pairing:?}: {end} at {below} to {through}"
                );
            }
            let width = quantile(&book, 0.975) - quantile(&book, 0.025);
            assert!(
                (interval.width / width - 1.0).abs() < 0.12,
                "{rows} {pairing:?}: {} {width}",
                interval.width
            );
        }
    }
}

#[test]
fn interval_of_equal_values_has_no_width() {
    for rows in [1, 2, 5, 64, 1_000] {
        for pairing in [Pairing::Paired, Pairing::Independent] {
            let bootstrap = Bootstrap { pairing, ..Bootstrap::default() };
            let interval = bootstrap.ratio_of_medians(&vec![20.0; rows], &vec![21.0; rows]).unwrap();
            assert_eq!(interval, Interval { low: 1.05, high: 1.05, width: 0.0 });
        }
    }
}

#[test]
#[ignore = "prints times; asserts nothing about them"]
fn time_of_a_million_samples() {
    for (rows, resamples) in [(500_000, 10_000), (5_000_000, 10_000)] {
        let [base, other] = Noise::new(10).runs(rows, Spread::OneInTenSlow, 0.5);
        for pairing in [Pairing::Paired, Pairing::Independent] {
            let start = std::time::Instant::now();
            let bootstrap = Bootstrap { pairing, resamples, ..Bootstrap::default() };
            let interval = bootstrap.ratio_of_medians(&base, &other).unwrap();
            println!("{rows} rows, {pairing:?}: {:?}, {interval:?}", start.elapsed());
        }
        let start = std::time::Instant::now();
        let summaries = [&base, &other].map(|values| crate::Summary::of(values).unwrap());
        println!("{rows} rows, summaries: {:?}, {}", start.elapsed(), summaries[0].median);
    }
}

#[test]
fn intervals_of_a_family_cut_off_less_each() {
    for (family, tail) in [(0, 0.025), (1, 0.025), (2, 0.0125), (5, 0.005)] {
        assert!((Levels::Plain.tail(10, family) - tail).abs() < 1e-12, "{family}");
    }
    // t of 9 degrees of freedom at 0.8333 % is -2.9333; times the root of 10 / 9 it is -3.0920.
    assert!((Levels::Expanded.tail(10, 3) - 0.000994).abs() < 1e-5, "{}", Levels::Expanded.tail(10, 3));
    let [base, other] = Noise::new(10).runs(10, Spread::Normal(0.05), 0.0);
    let width =
        |family| Bootstrap { family, ..Bootstrap::default() }.ratio_of_medians(&base, &other).unwrap().width;
    assert!(width(1) < width(3) && width(3) < width(30));
}

#[test]
fn interval_of_a_median_covers_it_and_is_in_its_unit() {
    let mut noise = Noise::new(9);
    for runs in [5, 10, 20] {
        let covered = (0..300).filter(|_| {
            let [values, _] = noise.runs(runs, Spread::Normal(0.05), 0.0);
            let interval = Bootstrap::default().median(&values).unwrap();
            assert!(interval.includes(median(&mut values.clone())) && interval.width < 30.0, "{interval:?}");
            interval.includes(100.0)
        });
        let covered = covered.count();
        // Of 5 the interval is all of them, and in one of sixteen cases all lie on one side.
        assert!((270..300).contains(&covered), "{runs} runs: {covered} of 300");
    }
    assert_eq!(Bootstrap::default().median(&[]), Err(Unfit::Empty));
    assert_eq!(Bootstrap { resamples: 0, ..PLAIN }.median(&SINGLE), Err(Unfit::NoResamples));
}

#[test]
fn one_run_has_no_tail_and_two_have_one() {
    assert_eq!([0, 1].map(|runs| Levels::Expanded.tail(runs, 1)), [0.0; 2]);
    assert!(Levels::Expanded.tail(2, 1) > 0.0);
}

/// The fifth from each end of 199 is at 2.5 and 97.5 %: 0.025 * (199 + 1) = 5.
#[test]
fn ends_are_the_values_that_levels_and_resamples_give() {
    let drawn = (1..=199).rev().map(f64::from).collect();
    let interval = Bootstrap { levels: Levels::Plain, ..Bootstrap::default() }.interval(drawn, 10);
    assert_eq!(interval, Interval { low: 5.0, high: 195.0, width: 190.0 });
}
