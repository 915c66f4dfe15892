//! `compare`: two runs in, a verdict for each row and in all out, and an exit status for CI.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::print;
use crate::compare::{self, Allowed, Compared, FailOn};
use crate::status::{Refusal, Status};

/// Options of `compare`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// What B is held against: the folder of a run, a baseline's name, a log, or a report
    a: String,
    /// What the verdict is about: the same
    b: String,
    /// Which verdict of a mode's switch ends in status 1. Times need several boots on both sides (`run
    /// --boots`); of counted instructions one is enough
    #[arg(long, value_enum, default_value_t = FailOn::None)]
    fail_on: FailOn,
    /// Count a row for --fail-on only if its whole interval lies further from 1 than this
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent, requires = "fail_on", allow_negative_numbers = true)]
    threshold: f64,
    /// Compare although this differs, which else is refused
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    allow_different: Vec<Allowed>,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Folder of the runs, in which names are looked for
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
}

/// What goes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// All of it
    Json,
    /// As a comment on a change has it
    Markdown,
}

const HELP: &str = "\
Exit status:
  0  compared; nothing that --fail-on counts
  1  compared; a row that --fail-on counts
  2  they can not be compared: a unit, an accelerator, a number of CPUs or a record format that differs, no
     common mode, a run that failed or a log that is cut; or --fail-on, and a row of A's has no verdict, or
     a side of times is one boot";

fn percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..100.0).contains(&percent) => Ok(percent),
        _ => Err("a number of percent is expected, from 0 to below 100".into()),
    }
}

/// Compares and shows it.
///
/// # Errors
///
/// Status 2 for what can not be compared.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let side = |letter: char, word: &str| {
        compare::find(word, &args.out).map_err(|why| Refusal::usage(format!("{letter}: {why}")))
    };
    let (a, b) = (side('A', &args.a)?, side('B', &args.b)?);
    let compared = compare::compare(&a, &b, &args.allow_different)
        .map_err(|why| Refusal::usage(format!("can not be compared: {why}")))?;
    print(&match args.format {
        Format::Table => compare::text(&compared),
        Format::Markdown => compare::markdown(&compared),
        Format::Json => compare::json(&compared)?,
    })?;
    judge(args, &compared)
}

fn judge(args: &Args, compared: &Compared) -> anyhow::Result<ExitCode> {
    if args.fail_on == FailOn::None {
        return Ok(Status::Pass.into());
    }
    if let Some(why) = compared.too_few_boots() {
        return Err(Refusal::usage(format!("--fail-on: {why}")));
    }
    let counted = compared.counted(args.fail_on, args.threshold / 100.0);
    if counted.is_empty() {
        // What was not judged is not passed.
        return match compared.open.as_slice() {
            [] => Ok(Status::Pass.into()),
            open => Err(Refusal::usage(format!("--fail-on: {}", open.join("; ")))),
        };
    }
    let names: Vec<_> = counted.iter().map(|row| row.name.as_str()).collect();
    let beyond =
        if args.threshold > 0.0 { format!(" by more than {} %", args.threshold) } else { String::new() };
    eprintln!("counted by --fail-on: a difference{beyond} in {}", names.join(", "));
    Ok(Status::Fail.into())
}
