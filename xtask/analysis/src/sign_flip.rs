//! The p of a difference between pairs: if neither side is slower, each pair's log ratio could as
//! well have had the other sign. Information beside the interval, on which alone the verdict stands.

use serde::Serialize;
use statrs::function::erf::erfc;

/// Up to this many pairs every choice of signs is looked at: half a million.
const MOST_EXACT: usize = 20;

/// A sign-flip test of the sum of the pairs' log ratios, two-sided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignFlip {
    /// The chance of a sum at least this far from 0, were the signs tossed.
    pub p: f64,
    /// The least that this many pairs can give: 2 / 2^pairs. Below 6 pairs it is above 0.05.
    pub least_p: f64,
    /// How many pairs.
    pub pairs: usize,
    /// How it was computed.
    pub method: SignFlipMethod,
}

/// How the p was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignFlipMethod {
    /// All choices of signs, counted.
    Exact,
    /// The sum of many tossed signs is nearly normal.
    Normal,
}

impl SignFlip {
    /// Of pairs whose values are above 0. No pairs have p = 1.
    pub(super) fn of(base: &[f64], other: &[f64]) -> Self {
        let logs: Vec<f64> = base.iter().zip(other).map(|(base, other)| (other / base).ln()).collect();
        let pairs = logs.len();
        let least_p = 2.0 * 0.5f64.powi(i32::try_from(pairs).unwrap_or(i32::MAX).max(1));
        if pairs <= MOST_EXACT {
            return Self { p: exact(&logs), least_p, pairs, method: SignFlipMethod::Exact };
        }
        let sum: f64 = logs.iter().sum();
        let squares: f64 = logs.iter().map(|log| log * log).sum();
        let p = if squares > 0.0 { erfc(sum.abs() / squares.sqrt() / std::f64::consts::SQRT_2) } else { 1.0 };
        Self { p: p.max(least_p), least_p, pairs, method: SignFlipMethod::Normal }
    }
}

/// The part of all choices of signs whose sum is at least as far from 0.
fn exact(logs: &[f64]) -> f64 {
    let Some((first, others)) = logs.split_first() else { return 1.0 };
    let total: f64 = logs.iter().map(|log| log.abs()).sum();
    // Sums of the same terms in another order differ in their last bits; they are equal all the same.
    let reached = logs.iter().sum::<f64>().abs() - total * 1e-12;
    // The first sign is held: turning all of them gives the same distance.
    let choices = 1u32 << others.len();
    let mut sum = first + others.iter().sum::<f64>();
    let mut signs = 0u32;
    let mut as_far = u32::from(sum.abs() >= reached);
    for choice in 1..choices {
        // Gray's order: each choice turns one sign.
        let turned = choice.trailing_zeros();
        signs ^= 1 << turned;
        let step = 2.0 * others[turned as usize];
        sum += if signs >> turned & 1 == 1 { -step } else { step };
        as_far += u32::from(sum.abs() >= reached);
    }
    f64::from(as_far) / f64::from(choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MULTI, Noise, SINGLE};

    /// All 2^n choices, each summed afresh.
    fn by_hand(logs: &[f64]) -> f64 {
        let sum = |signs: u32| {
            let signed =
                logs.iter().enumerate().map(|(n, log)| if signs >> n & 1 == 1 { -log } else { *log });
            signed.sum::<f64>().abs()
        };
        let reached = sum(0) * (1.0 - 1e-9);
        let as_far = (0..1u32 << logs.len()).filter(|signs| sum(*signs) >= reached).count();
        as_far as f64 / f64::from(1u32 << logs.len())
    }

    #[test]
    fn originals_pairs_have_p_of_a_quarter() {
        // Paired t of the differences in milliseconds gives 0.27: no winner either.
        let test = SignFlip::of(&SINGLE, &MULTI);
        assert_eq!((test.p, test.least_p, test.pairs), (0.25, 0.0625, 5));
        assert_eq!(test.method, SignFlipMethod::Exact);
    }

    #[test]
    fn every_choice_of_signs_is_counted_once() {
        let mut noise = Noise::new(4);
        for pairs in 1..=10 {
            let logs: Vec<f64> = (0..pairs).map(|_| noise.normal() + 0.5).collect();
            assert_eq!(exact(&logs), by_hand(&logs), "{pairs}");
        }
    }

    #[test]
    fn pairs_that_are_equal_differ_by_chance() {
        assert_eq!(SignFlip::of(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]).p, 1.0);
        assert_eq!(SignFlip::of(&[1.0; 30], &[1.0; 30]).p, 1.0);
        assert_eq!(SignFlip::of(&[], &[]).p, 1.0);
    }

    #[test]
    fn one_sided_pairs_reach_the_least_p() {
        for pairs in [1, 2, 6, 20, 21, 200] {
            let test = SignFlip::of(&vec![1.0; pairs], &vec![2.0; pairs]);
            assert!(test.p >= test.least_p && test.p <= 1e-4f64.max(test.least_p), "{pairs}: {test:?}");
        }
    }

    #[test]
    fn many_pairs_agree_with_few() {
        let mut noise = Noise::new(5);
        let base = vec![1.0; 20];
        let other: Vec<f64> = (0..20).map(|_| (0.05 * noise.normal() + 0.02).exp()).collect();
        let few = SignFlip::of(&base, &other);
        // The same pairs and one that is equal: one more, and computed the other way.
        let (base, other) = ([base, vec![1.0]].concat(), [other, vec![1.0]].concat());
        let many = SignFlip::of(&base, &other);
        assert_eq!((few.method, many.method), (SignFlipMethod::Exact, SignFlipMethod::Normal));
        assert!((few.p - many.p).abs() < 0.02, "{} {}", few.p, many.p);
    }
}
