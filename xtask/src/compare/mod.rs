//! Two runs, or two sets of boots, held against each other: what may be compared, each row's verdict,
//! and what it comes to in all. Called by `cmd::compare`; nothing here prints.
//!
//! | file | what it owns |
//! |---|---|
//! | `source` | a word of the command line to a side: the logs behind it, judged |
//! | `side` | what a side's boots measured, without what is void |
//! | `conditions` | what differs between two boots, and what that forbids |
//! | `rows` | a row's two series to its finding: estimated in time, exact in instructions |
//! | `show` | as text, markdown and JSON |

mod conditions;
mod rows;
mod show;
mod side;
mod source;

pub use conditions::Allowed;
pub use rows::{Direction, Exact, Finding, Row};
pub(crate) use show::{findings, sheets};
pub use show::{json, markdown, text};
pub use side::{Boot, PointCost, Side};
pub use source::find;

use serde::Serialize;
use switchlab_records::{Mode, Unit};

use conditions::{Difference, Weight, differences};
use rows::Words;

/// Version of what `--format json` gives.
const FORMAT: u32 = 1;

/// What is known of comparisons by the runs of one boot (`kernel/docs/measurement.md` says how).
const OF_ONE_BOOT: &str = "runs of one boot call a difference where there is none in 18 of 120 comparisons of one build's boots with each other";

/// What two sides come to.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Version of this format.
    pub format: u32,
    /// What B is held against.
    pub a: SideFacts,
    /// What the verdicts are about.
    pub b: SideFacts,
    /// What a row is of.
    #[serde(skip)]
    pub thing: &'static str,
    /// `ns` or `instructions`.
    pub unit: &'static str,
    /// What stands for one repetition.
    pub basis: Basis,
    /// What differs, and may be why the figures do.
    pub warnings: Vec<String>,
    /// Whether both booted the same kernel.
    pub kernel: String,
    /// One switch of each mode: what counts.
    pub rows: Vec<Row>,
    /// Percentiles of the exchanges: told, and no part of the verdict in all.
    pub information: Vec<Row>,
    /// What it comes to.
    pub verdict: Overall,
    /// What A has and nothing can be said on: a row without a verdict, a mode that B lacks; each with why.
    #[serde(skip)]
    pub open: Vec<String>,
}

/// One side, in short.
#[derive(Clone, Debug, Serialize)]
pub struct SideFacts {
    /// As it was asked for.
    pub name: String,
    /// Boots.
    pub boots: usize,
    /// Runs in all boots.
    pub runs: usize,
    /// Those of them that are void, and out of it.
    pub void_runs: usize,
    /// Its conditions, in one line.
    pub conditions: String,
}

/// What stands for one repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Each boot by the median of its runs: boots are independent.
    Boots,
    /// Each run, of a boot on at least one side: runs of a boot are correlated.
    RunsOfOneBoot,
    /// Counted instructions, which repeat to the last one.
    Exact,
}

/// What all rows come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Overall {
    /// `slower`, `faster`, `mixed`, `no difference shown`, `more`, `fewer`, `equal` or `no verdict`.
    pub word: &'static str,
    /// In one sentence.
    pub sentence: String,
}

/// Compares `b` with `a`.
///
/// # Errors
///
/// What makes them incomparable, and what would help.
pub fn compare(a: &Side, b: &Side, allowed: &[Allowed]) -> Result<Compared, String> {
    let mut warnings = Vec::new();
    for side in [a, b] {
        uniform(side, &mut warnings)?;
    }
    for difference in differences(a.first(), b.first()) {
        weigh(&difference, allowed, &mut warnings)?;
    }
    warnings.extend(conditions::notes(a, b));
    let basis = basis(a, b);
    let rows = match [a.has_points(), b.has_points()] {
        [false, false] => rows::switches(a, b, basis)?,
        [true, true] => rows::points(a, b),
        _ => {
            let [a, b] = [a, b].map(|side| &side.first().facts.experiment);
            return Err(format!(
                "A is of {a}, B of {b}: one measures at many points, the other modes; runs of one experiment are expected"
            ));
        }
    };
    if rows.is_empty() && a.has_points() {
        let [a, b] = [a, b].map(|side| &side.first().facts.experiment);
        return Err(format!(
            "no common point: A is of {a}, B of {b}; runs that measured the same are expected"
        ));
    }
    if rows.is_empty() {
        return Err(format!(
            "no common mode: A has {}, B has {}; runs that measured the same are expected",
            a.mode_names(),
            b.mode_names()
        ));
    }
    if rows.iter().all(|row| row.runs.contains(&0)) {
        return Err(rows[0].finding.why_no_verdict(rows[0].runs));
    }
    let without: Vec<_> = rows.iter().filter(|row| row.finding.direction() == Direction::Unknown).collect();
    let no_verdict =
        |row: &&Row| format!("no verdict on {}: {}", row.name, row.finding.why_no_verdict(row.runs));
    // Where none has one, the verdict says so.
    if without.len() < rows.len() {
        warnings.extend(without.iter().map(no_verdict));
    }
    let gone = Mode::ALL.into_iter().filter(|mode| a.has(*mode) && !b.has(*mode));
    let gone = gone.map(|mode| format!("B has no {}", mode.name()));
    let of_a = a.first().points.iter().map(|point| &point.name);
    let of_b = b.first().points.iter().map(|point| &point.name);
    let points = of_a.clone().filter(|name| b.points(name).next().is_none());
    let points: Vec<_> = points.map(|name| format!("B has no {name}")).collect();
    let new = of_b.filter(|name| a.points(name).next().is_none()).map(|name| format!("A has no {name}"));
    warnings.extend(points.iter().cloned().chain(new));
    let open = without.iter().map(no_verdict).chain(gone).chain(points).collect();
    Ok(Compared {
        format: FORMAT,
        a: a.facts(),
        b: b.facts(),
        thing: if a.has_points() { "One handoff" } else { "One switch" },
        unit: a.first().facts.unit_name(),
        basis,
        warnings,
        kernel: conditions::kernels(a.first(), b.first()),
        verdict: overall(&rows, basis),
        rows,
        information: rows::percentiles(a, b, basis)?,
        open,
    })
}

/// The boots of one side are repetitions of one thing, so nothing that matters may differ.
fn uniform(side: &Side, warnings: &mut Vec<String>) -> Result<(), String> {
    let (first, others) = (side.first(), &side.boots[1..]);
    for boot in others {
        for Difference { what, values: [one, other], weight } in differences(first, boot) {
            let text = format!("the boots of {} differ in {what}: {one} and {other}", side.name);
            match weight {
                Weight::Warn => {
                    if !warnings.contains(&text) {
                        warnings.push(text);
                    }
                }
                Weight::Never | Weight::Unless(_) => {
                    return Err(format!(
                        "{text}; boots of one build under one set of conditions are expected"
                    ));
                }
            }
        }
        if !first.is_same_kernel(boot) {
            return Err(format!(
                "the boots of {} are of different kernels; boots of one build are expected",
                side.name
            ));
        }
    }
    Ok(())
}

fn weigh(difference: &Difference, allowed: &[Allowed], warnings: &mut Vec<String>) -> Result<(), String> {
    let Difference { what, values: [a, b], weight } = difference;
    let text = format!("{what} differs: A {a}, B {b}");
    match weight {
        Weight::Never => return Err(format!("{text}; there is no comparing them")),
        Weight::Unless(which) if !allowed.contains(which) => {
            return Err(format!(
                "{text}; what differs then need not be the build. --allow-different {} compares all the same",
                which.name()
            ));
        }
        Weight::Unless(_) | Weight::Warn => warnings.push(text),
    }
    Ok(())
}

fn basis(a: &Side, b: &Side) -> Basis {
    match (a.first().facts.unit, a.boots.len().min(b.boots.len())) {
        (Unit::Instructions, _) => Basis::Exact,
        (Unit::Time, 0 | 1) => Basis::RunsOfOneBoot,
        (Unit::Time, _) => Basis::Boots,
    }
}

/// A sentence has room for so many names.
const MOST_NAMES: usize = 6;

/// The names, or of many the first and how many more there are.
fn named(names: &[&str]) -> String {
    match names.len().checked_sub(MOST_NAMES) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST_NAMES].join(", ")),
    }
}

/// All rows to one word: a difference in any row is one, and differences in both directions are mixed.
fn overall(rows: &[Row], basis: Basis) -> Overall {
    let names = |direction: Direction| {
        let rows = rows.iter().filter(|row| row.finding.direction() == direction);
        named(&rows.map(|row| row.name.as_str()).collect::<Vec<_>>())
    };
    let (worse, better) = (names(Direction::Worse), names(Direction::Better));
    let Words { less, more, none, subject, things, no_more } = rows[0].finding.words();
    let has = |direction| rows.iter().any(|row| row.finding.direction() == direction);
    // What one boot shows, it shows of itself.
    let of = if basis == Basis::RunsOfOneBoot { "; of these boots, not yet of the builds" } else { "" };
    match (worse.is_empty(), better.is_empty()) {
        (false, false) => Overall {
            word: "mixed",
            sentence: format!("mixed: {subject} {more}{things} than A in {worse}, {less} in {better}{of}"),
        },
        (false, true) => {
            Overall { word: more, sentence: format!("{subject} {more}{things} than A in {worse}{of}") }
        }
        (true, false) => {
            Overall { word: less, sentence: format!("{subject} {less}{things} than A in {better}{of}") }
        }
        (true, true) if has(Direction::None) => {
            Overall { word: none, sentence: format!("{no_more} in {}", names(Direction::None)) }
        }
        (true, true) => Overall {
            word: "no verdict",
            sentence: format!("no verdict: {}", rows[0].finding.why_no_verdict(rows[0].runs)),
        },
    }
}

/// What `--fail-on` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// A row in which B is slower, or executes more instructions.
    Slower,
    /// A row in which B is faster, or executes fewer instructions.
    Faster,
    /// Either.
    Any,
    /// Nothing.
    None,
}

impl Compared {
    /// Why no exit status may hang on it: times of runs of one boot. What one boot shows is of that boot,
    /// and is called a difference far too often to fail a build.
    pub fn too_few_boots(&self) -> Option<String> {
        let sides = [("A", self.a.boots), ("B", self.b.boots)];
        let single: Vec<_> = sides.iter().filter(|(_, boots)| *boots == 1).map(|(side, _)| *side).collect();
        let who = match (self.basis, single.as_slice()) {
            (Basis::Exact | Basis::Boots, _) | (Basis::RunsOfOneBoot, []) => return None,
            (Basis::RunsOfOneBoot, [side]) => format!("{side} is one boot"),
            (Basis::RunsOfOneBoot, _) => "A and B are one boot each".into(),
        };
        Some(format!(
            "{who}, and {OF_ONE_BOOT}, which is too often for an exit status; make it `run --boots`, or `run --deterministic` on both sides, where one boot is exact"
        ))
    }

    /// The rows that `fail_on` counts: those whose whole interval lies beyond the threshold, a part of
    /// A's figure.
    pub fn counted(&self, fail_on: FailOn, threshold: f64) -> Vec<&Row> {
        let counts = |row: &&Row| {
            let beyond = row.finding.is_beyond(threshold);
            match (row.finding.direction(), fail_on) {
                (Direction::Worse, FailOn::Slower | FailOn::Any) => beyond,
                (Direction::Better, FailOn::Faster | FailOn::Any) => beyond,
                _ => false,
            }
        };
        self.rows.iter().filter(counts).collect()
    }
}
