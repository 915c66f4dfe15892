//! `report`: runs in, one HTML file out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::report;
use crate::status::{self, Refusal, Status};

/// Options of `report`.
#[derive(clap::Args)]
#[command(after_help = status::HELP)]
pub struct Args {
    /// Folders of runs, or reports
    #[arg(value_name = "RUN", default_value = "runs/latest")]
    runs: Vec<PathBuf>,
    /// The file to write [default: report.html in the first folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the report and says where it is.
///
/// # Errors
///
/// Status 2 for a run that is not there or has no log, and for a file that can not be written.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let mut runs = Vec::new();
    for path in &args.runs {
        runs.extend(report::read(path)?);
    }
    let page = report::render(&runs)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out(&args.runs[0]),
    };
    fs::write(&out, &page.html).map_err(|error| {
        Refusal::usage(format!("--out {}: {error}; a file that can be written is expected", out.display()))
    })?;
    println!("{}", out.display());
    let kib = page.html.len().div_ceil(1024);
    eprintln!("report: {kib} KiB in {:.2} s", start.elapsed().as_secs_f64());
    match page.no_result {
        None => Ok(Status::Pass.into()),
        Some(none) => {
            eprintln!("no result: {}; the report says so", none.outcome);
            Ok(none.status.into())
        }
    }
}

/// Beside what it is made of: in a run's folder, and in place of a report.
fn default_out(run: &Path) -> PathBuf {
    if run.is_dir() { run.join("report.html") } else { run.to_path_buf() }
}
