//! How results are shown: the formats that `run` and `replay` share.

use clap::ValueEnum;

use crate::export;
use crate::judged::Found;
use crate::manifest::Manifest;
use crate::printable;
use crate::results::Results;
use crate::rigorous::Findings;
use crate::status::{Refusal, Status};
use crate::survey::{Survey, show};
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
pub fn render(format: Format, found: &Found<'_>, manifest: Option<&Manifest>) -> anyhow::Result<String> {
    match found {
        Found::Classic(results) => render_modes(format, results, manifest),
        Found::Survey(survey) => render_points(format, survey, manifest),
    }
}

/// The points of an experiment with many.
fn render_points(format: Format, survey: &Survey<'_>, manifest: Option<&Manifest>) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table => show::Report::new(survey, manifest).text(),
        Format::Markdown => show::Report::new(survey, manifest).markdown(),
        Format::Json => survey.json()?,
        Format::Csv => survey.csv()?,
        Format::Bencher | Format::Github if survey.cells.iter().all(|cell| cell.all_void) => {
            return Err(Refusal::with(
                Status::Unstable,
                "no point counts, so there is no figure to track: all are void or absent",
            ));
        }
        Format::Bencher => export::points::bencher(survey)?,
        Format::Github => export::points::github(survey, manifest)?,
    })
}

fn render_modes(
    format: Format,
    results: &Results<'_>,
    manifest: Option<&Manifest>,
) -> anyhow::Result<String> {
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

/// What several boots come to, in `format`.
///
/// # Errors
///
/// A tracker wants figures and there are none: status 7 where all boots are void, 6 where there is no boot.
pub fn render_boots(format: Format, findings: &Findings<'_>) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table => findings.report().text(),
        Format::Markdown => findings.report().markdown(),
        Format::Json => findings.json()?,
        Format::Csv => findings.csv()?,
        Format::Bencher => export::boots::bencher(findings)?.ok_or_else(|| nothing_to_track(findings))?,
        Format::Github => export::boots::github(findings)?.ok_or_else(|| nothing_to_track(findings))?,
    })
}

fn nothing_to_track(findings: &Findings<'_>) -> anyhow::Error {
    if findings.results.is_empty() {
        return Refusal::with(Status::InvalidLog, "no boot is whole, so there is no figure to track");
    }
    Refusal::with(
        Status::Unstable,
        "no boot counts, so there is no figure to track: what was measured is void; free the host and run again",
    )
}

/// Writes results to stdout, control characters of a guest's spelt out. A reader that has gone (`| head`) is no error.
///
/// # Errors
///
/// Any other failure of stdout.
pub fn print(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(printable::lines(text).as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::testing;
    use crate::rigorous::{BootEntry, BootResult, Boots, Goal, folder_name};
    use crate::status::status_of;

    #[test]
    fn tracker_gets_no_figure_of_boots_that_do_not_count() {
        let boots = Boots::new("classic", 7, Goal::Boots { boots: 1 });
        let entry = BootEntry { number: 1, folder: folder_name(1), seed: 7 };
        let log = golden::ended(golden::classic(12, 1, 1_000));
        let void = BootResult::of_log(&entry, &log, Some(&testing::manifest_with_voids(&[1]))).unwrap();
        for (results, status, why) in [
            (&[void][..], Status::Unstable, "what was measured is void"),
            (&[], Status::InvalidLog, "no boot is whole"),
        ] {
            let findings = Findings::new(&boots, results);
            for format in [Format::Bencher, Format::Github] {
                let error = render_boots(format, &findings).unwrap_err();
                assert_eq!(status_of(&error), status, "{format:?}");
                assert!(error.to_string().contains(why), "{error}");
            }
            assert!(render_boots(Format::Table, &findings).is_ok());
        }
    }
}
