//! The report: one HTML file that tells what was measured, how far to believe it, and why it is so,
//! with the raw data in it. It needs no network and no script. Called by `report`; `replay` reads a
//! report's data back by [`embedded`].
//!
//! | module | what it owns |
//! |---|---|
//! | `source` | the files that a report is made of |
//! | `embed` | the same files within a page |
//! | `model` | each boot, judged |
//! | `sections` | what each section says, in the order of the page |
//! | [`plots`] | the pictures |
//! | [`listing`] | the measured loops, disassembled |
//! | `table` | tables of HTML |
//! | `templates/` | the page, and its style sheet |
//!
//! Figures come from [`results`](crate::results) and tables from [`table`](crate::table): nothing is
//! computed here that the terminal does not show as well.

mod embed;
pub mod listing;
mod model;
pub mod plots;
mod sections;
mod source;
mod table;
#[cfg(test)]
mod testing;

use askama::Template;

pub use embed::{EmbeddedFile, EmbeddedRun, embedded, is_report};
pub use model::NoResult;
pub use sections::exercises::{EXERCISES, Exercise};
pub use source::read;

use model::Boot;
use sections::answer::Answer;
use sections::belief::Fact;
use sections::{costs, distributions, glossary, handoff, order, runs, waterfall};
use table::Table;

/// A page, and what it amounts to.
#[derive(Debug)]
pub struct Report {
    /// The HTML.
    pub html: String,
    /// Why the first boot without a result has none; `None` where all have one.
    pub no_result: Option<NoResult>,
}

/// Makes the report of `runs`. The fields of `Page` are its table of contents.
///
/// # Errors
///
/// None to be expected: a run without a result is a page that says so.
pub fn render(runs: &[EmbeddedRun]) -> anyhow::Result<Report> {
    let boots = model::boots(runs);
    let no_result = boots.iter().find_map(|boot| boot.result.as_ref().err()).cloned();
    let page = Page {
        answer: Answer::new(&boots),
        boots: boots.iter().map(Section::new).collect(),
        several: boots.len() > 1,
        limits: sections::limits::limits(),
        exercises: EXERCISES,
        glossary: Vec::new(),
        files: sections::files::files(runs),
        data: embed::element(runs)?,
        version: env!("CARGO_PKG_VERSION"),
    };
    // The words that the page uses are known when all else is there.
    let glossary = glossary::used_in(&page.render()?);
    Ok(Report { html: Page { glossary, ..page }.render()?, no_result })
}

/// The page, in the order in which it is read.
#[derive(Template)]
#[template(path = "page.html")]
struct Page {
    answer: Answer,
    boots: Vec<Section>,
    /// Whether there is more than one boot, so that each needs its name.
    several: bool,
    limits: String,
    exercises: &'static [Exercise],
    glossary: Vec<glossary::Topic>,
    files: Table,
    data: String,
    version: &'static str,
}

/// What the page says of one boot.
struct Section {
    /// Its name.
    name: String,
    belief: Vec<Fact>,
    /// `None` where it has no result.
    measured: Option<Measured>,
    /// Why it has none.
    no_result: Option<NoResult>,
    /// The end of the log of one without a result.
    tail: String,
}

struct Measured {
    runs: runs::Runs,
    costs: costs::Costs,
    waterfall: waterfall::Waterfall,
    distributions: distributions::Distributions,
    order: order::Order,
    handoff: handoff::Handoff,
}

impl Section {
    fn new(boot: &Boot<'_>) -> Self {
        let measured = boot.result.as_ref().ok().map(|results| Measured {
            runs: runs::Runs::new(boot, results),
            costs: costs::Costs::new(boot, results),
            waterfall: waterfall::Waterfall::new(boot, results),
            distributions: distributions::Distributions::new(boot, results),
            order: order::Order::new(boot, results),
            handoff: handoff::Handoff::new(boot, results),
        });
        Self {
            name: boot.name.clone(),
            belief: sections::belief::facts(boot),
            measured,
            no_result: boot.result.as_ref().err().cloned(),
            tail: boot.tail(),
        }
    }
}
