//! Facts about `verdict`.

use super::*;
use crate::testing::{MULTI, Noise, SINGLE, Spread};

fn of(base: &[f64], other: &[f64]) -> Comparison {
    let series = |name, values| Series { name, values };
    compare(series("same-core", base), series("cross-core", other), Bootstrap::default()).unwrap()
}

fn with(ratio: f64, low: f64, high: f64) -> Comparison {
    let interval = Some(Interval { low, high, width: high - low });
    Comparison { ratio, interval, verdict: verdict(interval), ..of(&SINGLE, &SINGLE) }
}

#[test]
fn originals_five_runs_show_no_difference() {
    let series = |name, values| Series { name, values };
    let comparison =
        compare(series("single", &SINGLE), series("multi", &MULTI), Bootstrap::default()).unwrap();
    assert_eq!(comparison.verdict, Verdict::NoDifferenceShown);
    assert_eq!(comparison.paired.unwrap().p, 0.25);
    assert_eq!(
        comparison.to_string(),
        "no difference shown: multi is 1.04 times single (95 % interval 0.93 to 1.40)"
    );
}

#[test]
fn each_verdict_has_its_sentence() {
    assert_eq!(
        with(31.7, 31.0, 32.1).to_string(),
        "cross-core is slower: 31.7 times same-core (95 % interval 31.0 to 32.1)"
    );
    assert_eq!(
        with(0.5, 0.42, 0.61).to_string(),
        "cross-core is faster: 0.500 times same-core (95 % interval 0.420 to 0.610)"
    );
    assert_eq!(
        of(&SINGLE, &SINGLE).to_string(),
        "no difference shown: cross-core is 1.00 times same-core (95 % interval 1.00 to 1.00)"
    );
    assert_eq!(
        of(&SINGLE[..1], &MULTI[..1]).to_string(),
        "not enough runs: 1 run of cross-core and same-core, and a verdict takes 5; cross-core is 1.40 times same-core by the medians"
    );
}

#[test]
fn interval_that_touches_1_shows_no_difference() {
    for (low, high, verdict) in [
        (1.0, 1.2, Verdict::NoDifferenceShown),
        (0.8, 1.0, Verdict::NoDifferenceShown),
        (1.0, 1.0, Verdict::NoDifferenceShown),
        (1.0 + f64::EPSILON, 1.2, Verdict::Slower),
        (0.8, 1.0 - f64::EPSILON, Verdict::Faster),
    ] {
        assert_eq!(with(1.0, low, high).verdict, verdict, "{low} {high}");
    }
}

#[test]
fn fewer_than_five_runs_have_no_verdict_however_far_apart() {
    for runs in 1..=4 {
        let comparison = of(&vec![1.0; runs], &vec![100.0; runs]);
        assert_eq!(comparison.verdict, Verdict::NotEnoughRuns, "{runs}");
        assert_eq!((comparison.interval, comparison.paired), (None, None));
        assert_eq!((comparison.ratio, comparison.relative_width()), (100.0, None));
    }
    assert_eq!(of(&[1.0; 5], &[100.0; 5]).verdict, Verdict::Slower);
    let independent = Bootstrap { pairing: Pairing::Independent, ..Bootstrap::default() };
    let series = |values| Series { name: "x", values };
    let one_is_short = compare(series(&[1.0; 50]), series(&[2.0; 4]), independent).unwrap();
    assert_eq!(one_is_short.verdict, Verdict::NotEnoughRuns);
}

#[test]
fn relative_width_is_the_intervals_width_over_the_ratio() {
    assert_eq!(with(2.0, 1.0, 4.0).relative_width(), Some(1.5));
}

#[test]
fn figures_never_round_a_difference_away() {
    let (ratio, ends) = with(1.000_04, 1.000_02, 1.000_06).figures();
    assert_eq!((&*ratio, ends.unwrap()), ("1.000040", ["1.000020".into(), "1.000060".into()]));
    // Wide, but it ends just below 1.
    let (ratio, ends) = with(0.9, 0.7, 0.999_9).figures();
    assert_eq!((&*ratio, ends.unwrap()), ("0.9000", ["0.7000".into(), "0.9999".into()]));
    // As near to 1 as a number can be.
    let (_, ends) = with(0.9, 0.7, 1.0 - f64::EPSILON / 2.0).figures();
    assert_eq!(ends.unwrap()[1], "0.9999999999999999");
    let (_, ends) = with(1.1, 1.0 + f64::EPSILON, 1.2).figures();
    assert_eq!(ends.unwrap()[0], "1.0000000000000002");
}

#[test]
fn figures_have_the_digits_that_the_width_allows() {
    let figures = |ratio, low, high| with(ratio, low, high).figures().0;
    assert_eq!(figures(31.72, 31.0, 32.1), "31.7");
    assert_eq!(figures(317.2, 200.0, 400.0), "317");
    assert_eq!(figures(1.05, 1.05, 1.05), "1.05");
    assert_eq!(figures(1e-30, 1e-31, 1e-29), "1.000e-30");
    assert_eq!(figures(1e30, 1e29, 1e31), "1.000e30");
}

#[test]
fn independent_series_have_no_p_of_pairs() {
    let independent = Bootstrap { pairing: Pairing::Independent, ..Bootstrap::default() };
    let series = |name, values| Series { name, values };
    let comparison = compare(series("single", &SINGLE), series("multi", &MULTI), independent).unwrap();
    assert_eq!((comparison.paired, comparison.verdict), (None, Verdict::NoDifferenceShown));
}

#[test]
fn unit_of_the_values_does_not_matter() {
    let [base, other] = Noise::new(14).runs(10, Spread::Normal(0.02), 0.0);
    let scaled = |values: &[f64]| values.iter().map(|value| value * 1024.0).collect::<Vec<_>>();
    assert_eq!(of(&base, &other).interval, of(&scaled(&base), &scaled(&other)).interval);
}

#[test]
fn json_has_the_verdicts_words() {
    let json = serde_json::to_value(of(&SINGLE, &MULTI)).unwrap();
    assert_eq!(json["verdict"], "no difference shown");
    assert_eq!(json["bootstrap"]["pairing"], "paired");
    assert_eq!(json["paired"]["method"], "exact");
    let json = serde_json::to_value(of(&SINGLE[..1], &MULTI[..1])).unwrap();
    assert_eq!((&json["verdict"], &json["interval"]), (&"not enough runs".into(), &serde_json::Value::Null));
}
