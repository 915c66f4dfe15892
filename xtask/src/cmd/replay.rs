//! `replay`: a saved log in, the same outputs out, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use switchlab_records::read_log;

use super::output::{Format, print, render};
use crate::exit::{Outcome, judge_log};
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::results::Results;
use crate::status::{Refusal, Status};

/// Options of `replay`.
#[derive(clap::Args)]
pub struct Args {
    /// A serial log, or the folder of a run; the manifest beside it gives the conditions
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write results.json and results.csv into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Decodes the log and shows its results.
///
/// # Errors
///
/// Status 2 for a log that cannot be read or a folder that cannot be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = if args.log.is_dir() { args.log.join(crate::folder::LOG) } else { args.log.clone() };
    let bytes = fs::read(&path).map_err(|error| {
        Refusal::usage(format!("{}: {error}; a saved serial log is expected", path.display()))
    })?;
    let text = String::from_utf8_lossy(&bytes);
    let manifest = conditions(&path);
    let outcome = judge_log(&text);
    let log = read_log(&text);
    let results = match &outcome {
        Outcome::Pass => Results::from_log(&log).map_err(Outcome::InvalidLog),
        _ => Err(outcome),
    };
    let results = match results {
        Ok(results) => results,
        Err(outcome) => return Ok(report_failure(&outcome, &text, &path, manifest.as_ref())),
    };
    if let Some(folder) = &args.out {
        fs::create_dir_all(folder).context("making it").and_then(|()| results.write(folder)).map_err(
            |error| Refusal::usage(format!("--out {}: {error:#}; a folder is expected", folder.display())),
        )?;
    }
    print(&render(args.format, &results, manifest.as_ref())?)?;
    Ok(Status::Pass.into())
}

/// The manifest beside the log. Without it the results are shown without their conditions: the log is
/// whole by itself.
fn conditions(log: &Path) -> Option<Manifest> {
    log.parent().map_or(Ok(None), Manifest::read).unwrap_or_else(|why| {
        eprintln!("note: {why}; the conditions of the run are not shown");
        None
    })
}

fn report_failure(outcome: &Outcome, log: &str, log_path: &Path, manifest: Option<&Manifest>) -> ExitCode {
    let command = manifest.map(Manifest::shell_line);
    let kernel = manifest.map(|manifest| PathBuf::from(&manifest.kernel.path));
    let failure = Failure { outcome, log, log_path, command: command.as_deref(), kernel: kernel.as_deref() };
    eprint!("error: {}", failure.message());
    outcome.status().into()
}
