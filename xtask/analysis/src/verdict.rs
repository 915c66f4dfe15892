//! Two series of runs to one verdict, and the sentence that says it. Every command that compares
//! comes through here.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Unfit;
use super::bootstrap::{Bootstrap, Interval, Pairing};
use super::order::median;
use super::sign_flip::SignFlip;

/// With fewer runs than this there is no verdict: of 4 pairs that differ by nothing, all four lie
/// on one side in one of eight cases, and no interval that can be drawn from them knows better.
/// Of 5 it is one of sixteen, of 6 one of thirty-two.
pub const LEAST_RUNS: usize = 5;

/// A named series of values, one a run.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// As it stands in sentences.
    pub name: &'a str,
    /// Times or other costs, above 0, in one unit for all that is compared.
    pub values: &'a [f64],
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The interval lies below 1.
    Faster,
    /// The interval lies above 1.
    Slower,
    /// The interval includes 1.
    NoDifferenceShown,
    /// Fewer than [`LEAST_RUNS`] runs.
    NotEnoughRuns,
}

impl Verdict {
    /// The verdict's words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::NoDifferenceShown => "no difference shown",
            Self::NotEnoughRuns => "not enough runs",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.words())
    }
}

/// How a series compares with its base. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// What it is held against.
    pub base: String,
    /// What is compared: the verdict is about this one.
    pub other: String,
    /// Runs of the base.
    pub base_runs: usize,
    /// Runs of the other.
    pub other_runs: usize,
    /// The other's median over the base's.
    pub ratio: f64,
    /// Where that ratio may lie, by 95 %. `None` for fewer than [`LEAST_RUNS`] runs.
    pub interval: Option<Interval>,
    /// What it comes to.
    pub verdict: Verdict,
    /// The p of the pairs, beside the verdict; `None` where runs are no pairs or are not enough.
    pub paired: Option<SignFlip>,
    /// How the interval was drawn.
    pub bootstrap: Bootstrap,
}

/// Compares `other` with `base`.
///
/// # Errors
///
/// Values that are not fit, pairs of different length.
pub fn compare(base: Series<'_>, other: Series<'_>, bootstrap: Bootstrap) -> Result<Comparison, Unfit> {
    bootstrap.check(base.values, other.values)?;
    let enough = base.values.len().min(other.values.len()) >= LEAST_RUNS;
    let interval = enough.then(|| bootstrap.ratio_of_medians(base.values, other.values)).transpose()?;
    let pairs = enough && bootstrap.pairing == Pairing::Paired;
    Ok(Comparison {
        base: base.name.into(),
        other: other.name.into(),
        base_runs: base.values.len(),
        other_runs: other.values.len(),
        ratio: median(&mut other.values.to_vec()) / median(&mut base.values.to_vec()),
        interval,
        verdict: verdict(interval),
        paired: pairs.then(|| SignFlip::of(base.values, other.values)),
        bootstrap,
    })
}

fn verdict(interval: Option<Interval>) -> Verdict {
    match interval {
        None => Verdict::NotEnoughRuns,
        Some(interval) if interval.includes(1.0) => Verdict::NoDifferenceShown,
        Some(interval) if interval.low > 1.0 => Verdict::Slower,
        Some(_) => Verdict::Faster,
    }
}

impl Comparison {
    /// The interval's width over the ratio; `None` without an interval.
    pub fn relative_width(&self) -> Option<f64> {
        self.interval.map(|interval| interval.width / self.ratio)
    }

    /// The ratio and the interval's ends with as many decimals as tell them apart: two digits of
    /// the width, three of the ratio, and never "1.00" for what is not 1 where a difference is
    /// called.
    pub fn figures(&self) -> (String, Option<[String; 2]>) {
        let width = self.interval.map_or(0.0, |interval| interval.width);
        let mut decimals = decimals(self.ratio, 3).max(decimals(width, 2));
        if let Some(interval) = self.interval.filter(|interval| !interval.includes(1.0)) {
            let shown = [interval.low, interval.high, self.ratio];
            let enough = |decimals: &usize| shown.iter().all(|value| keeps_its_side(*value, *decimals));
            decimals = (decimals..NEXT_TO_1).find(enough).unwrap_or(NEXT_TO_1);
        }
        let ends =
            self.interval.map(|interval| [interval.low, interval.high].map(|end| figure(end, decimals)));
        (figure(self.ratio, decimals), ends)
    }
}

/// As many as a number near 1 has.
const MOST_DECIMALS: usize = 15;

/// With so many the numbers next to 1 are told from it: 0.9999999999999999 and 1.0000000000000002. No figure has more.
const NEXT_TO_1: usize = 16;

/// The decimals with which so many digits of a value show.
fn decimals(value: f64, digits: i32) -> usize {
    if value <= 0.0 {
        return 0;
    }
    let decimals = digits - 1 - value.log10().floor() as i32;
    usize::try_from(decimals).unwrap_or(0).min(MOST_DECIMALS)
}

fn figure(value: f64, decimals: usize) -> String {
    if (1e-9..1e15).contains(&value) { format!("{value:.decimals$}") } else { format!("{value:.3e}") }
}

/// Whether a value that is above 1, or below it, is so as shown.
fn keeps_its_side(value: f64, decimals: usize) -> bool {
    let shown = figure(value, decimals).parse().unwrap_or(value);
    value.total_cmp(&1.0) == f64::total_cmp(&shown, &1.0)
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, other, verdict, .. } = self;
        let (ratio, ends) = self.figures();
        let Some([low, high]) = ends else {
            let runs = self.base_runs.min(self.other_runs);
            let runs = if runs == 1 { "1 run".into() } else { format!("{runs} runs") };
            return write!(
                f,
                "{verdict}: {runs} of {other} and {base}, and a verdict takes {LEAST_RUNS}; {other} is {ratio} times {base} by the medians"
            );
        };
        let interval = format_args!("(95 % interval {low} to {high})");
        match verdict {
            Verdict::Faster | Verdict::Slower => {
                write!(f, "{other} is {verdict}: {ratio} times {base} {interval}")
            }
            Verdict::NoDifferenceShown | Verdict::NotEnoughRuns => {
                write!(f, "{verdict}: {other} is {ratio} times {base} {interval}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
