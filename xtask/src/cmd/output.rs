//! How results are shown: the formats that `run` and `replay` share.

use clap::ValueEnum;

use crate::export;
use crate::manifest::Manifest;
use crate::results::Results;
use crate::rigorous::Findings;
use crate::status::{Refusal, Status};
use crate::table::Report;

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, with the conditions.
    Table,
    /// All of the results.
    Json,
    /// A row for each timed block.
    Csv,
    /// The table as a document has it.
    Markdown,
    /// Bencher Metric Format, a JSON: the switch of each mode, and percentiles
    Bencher,
    /// The same for github-action-benchmark, as its tool customSmallerIsBetter reads it
    Github,
}

/// The results in `format`.
///
/// # Errors
///
/// None that a valid log can cause.
pub fn render(format: Format, results: &Results<'_>, manifest: Option<&Manifest>) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table => Report::new(results, manifest).text(),
        Format::Markdown => Report::new(results, manifest).markdown(),
        Format::Json => results.json()?,
        Format::Csv => results.csv()?,
        // A tracker knows no void: what it is given is taken for good.
        Format::Bencher | Format::Github if results.is_all_void() => {
            return Err(Refusal::with(
                Status::Unstable,
                "every run is void, so there is no figure to track; free the host and run again",
            ));
        }
        Format::Bencher => export::bencher(results)?,
        Format::Github => export::github(results, manifest)?,
    })
}

impl Format {
    /// Whether it can hold several boots.
    pub const fn fits_boots(self) -> bool {
        !matches!(self, Self::Bencher | Self::Github)
    }
}

/// What several boots come to, in `format`.
///
/// # Errors
///
/// Status 2 for a format that holds one boot alone.
pub fn render_boots(format: Format, findings: &Findings<'_>) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table => findings.report().text(),
        Format::Markdown => findings.report().markdown(),
        Format::Json => findings.json()?,
        Format::Csv => findings.csv()?,
        Format::Bencher | Format::Github => {
            return Err(Refusal::usage("--format: of several boots there is table, json, csv and markdown"));
        }
    })
}

/// Writes results to stdout. A reader that has gone (`| head`) is no error.
///
/// # Errors
///
/// Any other failure of stdout.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
