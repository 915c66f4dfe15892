//! The report: one HTML file that tells what was measured, how far to believe it, and why it is so,
//! with the raw data in it. It needs no network and no script. `report` makes it; `replay` and `analyse`
//! read its data back, by [`embedded`] and by [`series`]; `run` keeps the [`listing`] for it.
//!
//! | module | what it owns |
//! |---|---|
//! | `source` | the files that a report is made of |
//! | `embed` | the same files within a page |
//! | `frame` | what every page has around what it tells |
//! | `model` | each run, judged, and what its runs or boots measured of a mode |
//! | `sections` | what each section says, in the order of the page |
//! | `original` | what the original experiment measured and guessed |
//! | `benches` | the page of benchmarks alone |
//! | `points` | the page of an experiment with many points |
//! | [`plots`] | the pictures |
//! | [`series`] | the runs as a table for `analyse` |
//! | [`listing`] | the measured loops, disassembled |
//! | `table` | tables of HTML |
//! | `templates/` | the page, its tables and figures, and its style sheet |
//!
//! What is measured comes from [`results`](crate::results), [`rigorous`](crate::rigorous) and
//! [`steps`](crate::steps), verdicts from [`verdict`](crate::verdict) and [`compare`](crate::compare), and
//! most tables and sentences are the terminal's ([`table`](crate::table)). Computed here and shown nowhere
//! else are the medians and spans of runs or boots in the pictures, and in the sentence at the top.

mod benches;
mod embed;
mod frame;
pub mod listing;
mod model;
pub(crate) mod original;
pub mod plots;
mod points;
mod sections;
pub mod series;
mod source;
mod table;
#[cfg(test)]
pub(crate) mod testing;

use askama::Template;

pub use embed::{EmbeddedFile, EmbeddedRun, element, embedded, is_report};
pub use model::NoResult;
pub use sections::exercises::{EXERCISES, Exercise};
pub use source::read;

use crate::status::Refusal;
use frame::Frame;
use model::Run;
use sections::answer::Answer;
use sections::belief::Fact;
use sections::comparison::Comparison;
use sections::levels::{self, Beside, Host};
use sections::peers::{self, Peers};
use sections::{costs, distributions, glossary, handoff, order, runs, waterfall};

/// A page, and what it amounts to.
#[derive(Debug)]
pub struct Report {
    /// The HTML.
    pub html: String,
    /// Why the first run without a result has none; `None` where all have one.
    pub no_result: Option<NoResult>,
}

/// Makes the report of `embedded` runs. The fields of `Page` are its table of contents.
///
/// # Errors
///
/// Status 2: runs of classic beside runs of experiments with many points. Status 6: a `bench.json` that is not what
/// `bench` wrote. A run without a result is a page that says so.
pub fn render(embedded: &[EmbeddedRun]) -> anyhow::Result<Report> {
    let runs: Vec<_> = embedded.iter().filter(|run| run.is_run()).collect();
    match runs.iter().filter(|run| points::is_survey(run)).count() {
        _ if runs.is_empty() => return benches::render(embedded),
        0 => {}
        all if all == runs.len() => return points::render(embedded),
        _ => {
            let names: Vec<_> = runs.iter().map(|run| &*run.name).collect();
            return Err(Refusal::usage(format!(
                "runs of classic and of experiments with many points in one report ({}): make one of each kind",
                names.join(", ")
            )));
        }
    }
    let runs = model::runs(embedded);
    let (peers, hosts) = (peers::all(embedded)?, levels::all(embedded)?);
    let no_result = runs.iter().find_map(|run| run.measured.as_ref().err()).cloned();
    let compared = sections::answer::comparisons(&runs);
    let mut page = Page {
        answer: Answer::new(&runs, &compared),
        comparisons: compared.iter().flatten().map(Comparison::new).collect(),
        several: runs.len() > 1,
        runs: runs.iter().map(Section::new).collect(),
        beside: Beside::new(None, hosts.first()),
        peers,
        hosts,
        exercises: EXERCISES,
        frame: Frame::new(embedded)?,
    };
    page.frame.glossary = glossary::used_in(&page.render()?);
    Ok(Report { html: page.render()?, no_result })
}

/// The page, in the order in which it is read.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    answer: Answer,
    /// The first run against each of the others.
    comparisons: Vec<Comparison>,
    runs: Vec<Section>,
    /// Whether there is more than one run, so that each needs its name.
    several: bool,
    /// The benchmarks beside them.
    peers: Vec<Peers>,
    hosts: Vec<Host>,
    /// The first host's levels beside the guesses.
    beside: Option<Beside>,
    exercises: &'static [Exercise],
    frame: Frame,
}

/// What the page says of one run.
struct Section {
    /// Its name.
    name: String,
    belief: Vec<Fact>,
    /// `None` where it has no result.
    measured: Option<Sections>,
    /// Why it has none.
    no_result: Option<NoResult>,
    /// The end of the log of one without a result.
    tail: String,
}

struct Sections {
    runs: runs::Runs,
    costs: costs::Costs,
    waterfall: waterfall::Waterfall,
    distributions: distributions::Distributions,
    order: order::Order,
    handoff: handoff::Handoff,
}

impl Section {
    fn new(run: &Run<'_>) -> Self {
        let measured = run.measured.as_ref().ok().map(|measured| Sections {
            runs: runs::Runs::new(run, measured),
            costs: costs::Costs::new(run, measured),
            waterfall: waterfall::Waterfall::new(run, measured),
            distributions: distributions::Distributions::new(run, measured),
            order: order::Order::new(run, measured),
            handoff: handoff::Handoff::new(run, measured),
        });
        Self {
            name: run.name.clone(),
            belief: sections::belief::facts(run),
            measured,
            no_result: run.measured.as_ref().err().cloned(),
            tail: run.tail(),
        }
    }
}
