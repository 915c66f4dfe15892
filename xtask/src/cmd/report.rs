//! `report`: runs, benchmarks and hierarchies of the host in, one HTML file out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::folder;
use crate::report;
use crate::status::{self, Refusal, Status};

/// Name of the page.
const NAME: &str = "report.html";

/// Options of `report`.
#[derive(clap::Args)]
#[command(after_help = status::HELP)]
pub struct Args {
    /// Folders of runs or of benchmarks, a bench.json, a host.json, or reports [default: runs/latest, and
    /// runs/latest-bench and runs/latest-host where there are such]
    #[arg(value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// The file to write [default: report.html in the first folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the report and says where it is.
///
/// # Errors
///
/// Status 2 for a run that is not there or has no log, and for a file that can not be written; 6 for a benchmark's
/// file that is cut or was changed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let mut runs = Vec::new();
    let paths = if args.runs.is_empty() { last(Path::new("runs")) } else { args.runs.clone() };
    for path in &paths {
        runs.extend(report::read(path)?);
    }
    let page = report::render(&runs)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => default_out(&paths[0]),
    };
    fs::write(&out, &page.html).map_err(|error| {
        Refusal::usage(format!("--out {}: {error}; a file that can be written is expected", out.display()))
    })?;
    println!("{}", out.display());
    let kib = page.html.len().div_ceil(1024);
    let of: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    eprintln!("report of {}: {kib} KiB in {:.2} s", of.join(" and "), start.elapsed().as_secs_f64());
    match page.no_result {
        None => Ok(Status::Pass.into()),
        Some(none) => {
            eprintln!("no result: {}; the report says so", none.outcome);
            Ok(none.status.into())
        }
    }
}

/// The last run, and beside it the last benchmark and the last hierarchy of the host: whichever there is.
fn last(runs: &Path) -> Vec<PathBuf> {
    let latest = [folder::LATEST, folder::LATEST_BENCH, folder::LATEST_HOST].map(|name| runs.join(name));
    let there: Vec<_> = latest.iter().filter(|path| path.is_dir()).cloned().collect();
    // Without either, the one that is expected is named as missing.
    if there.is_empty() { latest.into_iter().take(1).collect() } else { there }
}

/// Beside what it is made of: in its folder, and in place of a report.
fn default_out(run: &Path) -> PathBuf {
    let is_report = || fs::read(run).is_ok_and(|bytes| report::is_report(&String::from_utf8_lossy(&bytes)));
    if run.is_dir() {
        run.join(NAME)
    } else if is_report() {
        run.to_path_buf()
    } else {
        run.with_file_name(NAME)
    }
}
