//! What runs show, and whether two series of them differ: pure functions over `&[f64]`, without
//! input or output, but for the reader of anyone's tables. xtask calls them, as `xtask::analysis`, wherever something is compared. A crate
//! of its own because it draws, and reads, by the million: it is optimised in every build, which all of xtask
//! would pay for in minutes of compiling.
//!
//! | file | what it owns |
//! |---|---|
//! | `verdict` | [`compare`]: two series to a ratio, its interval, and one of four verdicts; the sentence |
//! | `bootstrap` | [`Bootstrap`]: the interval of the ratio of medians |
//! | `medians` | the medians of resamples, for few rows and for millions |
//! | `sign_flip` | the p of a difference between pairs |
//! | `summary` | [`Summary`]: median, quartiles, spread, outliers counted |
//! | `drift` | [`Drift`]: the trend over run order |
//! | `order` | sorting and quantiles |
//! | [`measurements`] | a table of runs from a CSV file |
//! | `draw` | the random numbers, the same for a seed everywhere |
//!
//! A value is what one run measured: a time, or another cost, of which less is faster. It is finite
//! and above 0, since there is no ratio to nothing. A run that is void is left out by the caller.
#![forbid(unsafe_code)]

mod bootstrap;
mod draw;
mod drift;
pub mod measurements;
mod medians;
mod order;
mod sign_flip;
mod summary;
mod verdict;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod truth;

pub use bootstrap::{Bootstrap, CONFIDENCE, Interval, Levels, Pairing};
pub use drift::{Drift, SlopeOf, Trend, TrendTest};
pub use sign_flip::{SignFlip, SignFlipMethod};
pub use summary::{Outliers, Summary};
pub use verdict::{Comparison, LEAST_RUNS, Series, Verdict, compare};

use thiserror::Error;

/// Why values cannot be analysed.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum Unfit {
    /// There is none.
    #[error("there are no values")]
    Empty,
    /// Not finite, not above 0, or so large or small that a ratio would overflow.
    #[error("value {position} is {value}: not between {LEAST:e} and {MOST:e}, so no ratio can be had")]
    Value {
        /// From 1.
        position: usize,
        /// As it came.
        value: f64,
    },
    /// Pairs of different length.
    #[error("{base} values against {other}: pairs need as many of each; compare them as independent")]
    Lengths {
        /// Values of the base.
        base: usize,
        /// Values of the other.
        other: usize,
    },
    /// More values than a rank can tell.
    #[error("{0} values: the most are 4294967295")]
    TooMany(usize),
    /// A bootstrap that draws nothing.
    #[error("a bootstrap of 0 resamples has no interval")]
    NoResamples,
}

/// Below this no value is accepted.
pub const LEAST: f64 = 1e-100;
/// Above this no value is accepted.
pub const MOST: f64 = 1e100;

/// That all of `values` can be analysed.
///
/// # Errors
///
/// What is wrong with the first that can not.
pub fn check(values: &[f64]) -> Result<(), Unfit> {
    if values.is_empty() {
        return Err(Unfit::Empty);
    }
    if u32::try_from(values.len()).is_err() {
        return Err(Unfit::TooMany(values.len()));
    }
    match values.iter().position(|value| !(LEAST..=MOST).contains(value)) {
        Some(index) => Err(Unfit::Value { position: index + 1, value: values[index] }),
        None => Ok(()),
    }
}
