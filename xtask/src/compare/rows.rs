//! A row: two series to a finding. In time it is estimated; in instructions it is exact.

use serde::Serialize;
use switchlab_records::Mode;

use super::side::{PointCost, RANKS};
use super::{Basis, Side};
use crate::analysis::{self, Bootstrap, Comparison, LEAST_RUNS, Pairing, Series, Summary, Verdict};
use crate::export::switch_name;

/// One thing that both sides measured.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// `same-core switch`, `cross-core exchange p99` and so on.
    pub name: String,
    /// The median of A and of B, in the unit; of one switch, or of one exchange for a percentile. `None`
    /// where all is void.
    pub medians: [Option<f64>; 2],
    /// How many repetitions of A and of B are in it.
    pub runs: [usize; 2],
    /// What it comes to.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What a row comes to.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Finding {
    /// With an interval.
    Estimated(Comparison),
    /// To the instruction.
    Exact(Exact),
    /// The two medians alone.
    Told {
        /// B over A; `None` where one of them is not there.
        ratio: Option<f64>,
    },
}

/// A count of instructions held against another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Exact {
    /// `equal`, `more`, `fewer`, or `varies`.
    pub verdict: ExactVerdict,
    /// Instructions of a block of B less those of one of A.
    pub more_in_a_block: i128,
    /// Switches of a block of A, and of B; of a point its handoffs, one way.
    pub switches: [u64; 2],
    /// Instructions of a switch of B less those of one of A.
    pub more_in_a_switch: f64,
    /// B over A.
    pub ratio: f64,
}

/// What an exact row comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExactVerdict {
    /// To the instruction.
    Equal,
    /// B executes more.
    More,
    /// B executes fewer.
    Fewer,
    /// The runs of one side are not all the same, so nothing is exact.
    Varies,
}

/// Which way a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// B costs more.
    Worse,
    /// B costs less.
    Better,
    /// No difference, or none that is shown.
    None,
    /// There is no verdict.
    Unknown,
}

/// How findings are told: `B is slower than A`, `B executes more instructions than A`.
pub(super) struct Words {
    pub(super) less: &'static str,
    pub(super) more: &'static str,
    pub(super) none: &'static str,
    pub(super) subject: &'static str,
    /// What is less or more, behind that word; empty where the word says it.
    pub(super) things: &'static str,
    /// That there is no difference.
    pub(super) no_more: &'static str,
}

/// One switch of each mode that both measured.
///
/// # Errors
///
/// Figures that no ratio can be had of.
pub(super) fn switches(a: &Side, b: &Side, basis: Basis) -> Result<Vec<Row>, String> {
    let modes: Vec<_> = Mode::ALL.into_iter().filter(|mode| a.has(*mode) && b.has(*mode)).collect();
    // One that differs makes the whole differ, so they are judged together.
    modes.iter().map(|mode| switch(a, b, *mode, basis, modes.len() as u32)).collect()
}

fn switch(a: &Side, b: &Side, mode: Mode, basis: Basis, family: u32) -> Result<Row, String> {
    let name = switch_name(mode);
    let values = [a, b].map(|side| match basis {
        Basis::Boots => side.by_boot(mode),
        // A side of several boots against one of one: its boots are what repeats there.
        Basis::RunsOfOneBoot if side.boots.len() > 1 => side.by_boot(mode),
        Basis::RunsOfOneBoot | Basis::Exact => side.by_run(mode),
    });
    match basis {
        Basis::Exact if values.iter().all(|values| !values.is_empty()) => {
            Ok(row(name, &values, Finding::Exact(exact([a, b], mode))))
        }
        Basis::Exact => Ok(told(name, &values)),
        Basis::Boots | Basis::RunsOfOneBoot => estimated(name, &values, family),
    }
}

/// One handoff at each point that both measured, in A's order. Points are counted in instructions.
pub(super) fn points(a: &Side, b: &Side) -> Vec<Row> {
    let both = a.first().points.iter().filter(|point| b.points(&point.name).next().is_some());
    let row_of = |point: &PointCost| {
        let values =
            [a, b].map(|side| side.points(&point.name).flat_map(|point| &point.one_way).copied().collect());
        let blocks =
            [a, b].map(|side| side.points(&point.name).flat_map(|point| &point.blocks).copied().collect());
        row(point.name.clone(), &values, Finding::Exact(exact_of(blocks)))
    };
    both.map(row_of).collect()
}

/// Percentiles of the exchanges: an interval where there are boots enough, else the two figures.
///
/// # Errors
///
/// Figures that no ratio can be had of.
pub(super) fn percentiles(a: &Side, b: &Side, basis: Basis) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for mode in Mode::ALL {
        for (index, (_, rank)) in RANKS.iter().enumerate() {
            let values = [a, b].map(|side| side.percentile(mode, index));
            let least = values.each_ref().map(Vec::len).into_iter().min().unwrap_or_default();
            let name = format!("{} exchange {rank}", mode.name());
            if basis == Basis::Boots && least >= LEAST_RUNS {
                // No part of the verdict in all, so each by itself.
                rows.push(estimated(name, &values, 1)?);
            } else if least > 0 {
                rows.push(told(name, &values));
            }
        }
    }
    Ok(rows)
}

fn row(name: String, values: &[Vec<f64>; 2], finding: Finding) -> Row {
    Row { name, medians: medians(values), runs: values.each_ref().map(Vec::len), finding }
}

fn told(name: String, values: &[Vec<f64>; 2]) -> Row {
    let [a, b] = medians(values);
    row(name, values, Finding::Told { ratio: a.zip(b).map(|(a, b)| b / a) })
}

fn medians(values: &[Vec<f64>; 2]) -> [Option<f64>; 2] {
    values.each_ref().map(|values| Summary::of(values).ok().map(|summary| summary.median))
}

/// A's boots and B's are no pairs: each side is drawn for itself.
fn estimated(name: String, values: &[Vec<f64>; 2], family: u32) -> Result<Row, String> {
    if values.iter().any(Vec::is_empty) {
        return Ok(told(name, values));
    }
    let [base, other] = [("A", &values[0]), ("B", &values[1])].map(|(name, values)| Series { name, values });
    let bootstrap = Bootstrap { pairing: Pairing::Independent, family, ..Bootstrap::default() };
    let comparison = analysis::compare(base, other, bootstrap).map_err(|unfit| format!("{name}: {unfit}"))?;
    Ok(row(name, values, Finding::Estimated(comparison)))
}

fn exact(sides: [&Side; 2], mode: Mode) -> Exact {
    let blocks = sides.map(|side| {
        let measured = side.boots.iter().filter_map(|boot| boot.mode(mode));
        measured.flat_map(|measured| measured.ticks.iter().map(|ticks| (*ticks, measured.switches)))
    });
    exact_of(blocks.map(Iterator::collect::<Vec<_>>))
}

/// The blocks of each side: ticks, and switches or handoffs one way.
fn exact_of(blocks: [Vec<(u64, u64)>; 2]) -> Exact {
    let varies = blocks.iter().any(|blocks| blocks.windows(2).any(|two| two[0] != two[1]));
    let [(a_ticks, a_switches), (b_ticks, b_switches)] =
        blocks.each_ref().map(|blocks| blocks.first().copied().unwrap_or_default());
    let each = [(a_ticks, a_switches), (b_ticks, b_switches)]
        .map(|(ticks, switches)| ticks as f64 / switches as f64);
    // Cross products, since a quotient is rounded.
    let [a_size, b_size] = [(a_ticks, b_switches), (b_ticks, a_switches)]
        .map(|(ticks, switches)| u128::from(ticks) * u128::from(switches));
    Exact {
        verdict: match a_size.cmp(&b_size) {
            _ if varies => ExactVerdict::Varies,
            std::cmp::Ordering::Equal => ExactVerdict::Equal,
            std::cmp::Ordering::Less => ExactVerdict::More,
            std::cmp::Ordering::Greater => ExactVerdict::Fewer,
        },
        more_in_a_block: i128::from(b_ticks) - i128::from(a_ticks),
        switches: [a_switches, b_switches],
        more_in_a_switch: each[1] - each[0],
        ratio: b_size as f64 / a_size as f64,
    }
}

impl ExactVerdict {
    /// The verdict's word.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::More => "more",
            Self::Fewer => "fewer",
            Self::Varies => "varies",
        }
    }
}

impl Finding {
    /// Which way it goes.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Estimated(comparison) => match comparison.verdict {
                Verdict::Faster => Direction::Better,
                Verdict::Slower => Direction::Worse,
                Verdict::NoDifferenceShown => Direction::None,
                Verdict::NotEnoughRuns => Direction::Unknown,
            },
            Self::Exact(exact) => match exact.verdict {
                ExactVerdict::Fewer => Direction::Better,
                ExactVerdict::More => Direction::Worse,
                ExactVerdict::Equal => Direction::None,
                ExactVerdict::Varies => Direction::Unknown,
            },
            Self::Told { .. } => Direction::Unknown,
        }
    }

    /// B over A.
    pub const fn ratio(&self) -> Option<f64> {
        match self {
            Self::Estimated(comparison) => Some(comparison.ratio),
            Self::Exact(exact) => Some(exact.ratio),
            Self::Told { ratio } => *ratio,
        }
    }

    /// Whether the difference is larger than `threshold`, a part of A's figure, with all that it may
    /// be: the interval lies beyond it.
    pub(super) fn is_beyond(&self, threshold: f64) -> bool {
        let (low, high) = match self {
            Self::Estimated(Comparison { interval: Some(interval), .. }) => (interval.low, interval.high),
            Self::Exact(exact) => (exact.ratio, exact.ratio),
            Self::Estimated(_) | Self::Told { .. } => return false,
        };
        match self.direction() {
            // A difference that is shown may be too small for a ratio to tell it from 1.
            Direction::Worse => threshold == 0.0 || low > 1.0 + threshold,
            Direction::Better => threshold == 0.0 || high < 1.0 - threshold,
            Direction::None | Direction::Unknown => false,
        }
    }

    /// How it is told.
    pub(super) const fn words(&self) -> Words {
        match self {
            Self::Exact(_) => Words {
                less: "fewer",
                more: "more",
                none: "equal",
                subject: "B executes",
                things: " instructions",
                no_more: "B executes exactly as many instructions as A",
            },
            Self::Estimated(_) | Self::Told { .. } => Words {
                less: "faster",
                more: "slower",
                none: "no difference shown",
                subject: "B is",
                things: "",
                no_more: "no difference shown between A and B",
            },
        }
    }

    /// Why there is none, where there is none.
    pub(super) fn why_no_verdict(&self, [a, b]: [usize; 2]) -> String {
        match self {
            _ if a.min(b) == 0 => format!(
                "all runs of {} are void: stopped, paused or starved while they were measured; run it anew on a calmer host",
                if a == 0 { "A" } else { "B" }
            ),
            Self::Exact(_) => {
                "the runs of one side are not all the same, so a count is not exact; look at the logs".into()
            }
            Self::Estimated(_) | Self::Told { .. } => format!(
                "A has {a}, B has {b} to compare, and a verdict takes {LEAST_RUNS} of each; --runs and --boots give more"
            ),
        }
    }
}
