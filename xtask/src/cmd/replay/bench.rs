//! A benchmark that was kept, shown again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Args, write_into};
use crate::bench::judged::judge;
pub(super) use crate::bench::row::FILE;
use crate::bench::{Bench, show};
use crate::cmd::output::{Format, print};
use crate::folder;
use crate::status::{Refusal, Status};

/// Its file, or its place in a report.
pub(super) struct SavedBench {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// Whether a folder is that of a benchmark.
pub(super) fn is_folder(folder: &Path) -> bool {
    folder.join(FILE).is_file() && !folder.join(folder::LOG).exists()
}

/// Whether a text is what `bench` keeps, whole or not, and no log.
pub(super) fn is_kept(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Shows the table or the JSON.
///
/// # Errors
///
/// Status 6 for a file that is not what `bench` wrote; 2 for another format.
pub(super) fn replay(args: &Args, saved: &SavedBench) -> anyhow::Result<ExitCode> {
    let SavedBench { path, text } = saved;
    let bench = Bench::parse(text)
        .map_err(|why| Refusal::with(Status::InvalidLog, format!("{}: {why}", path.display())))?;
    let judged = judge(&bench)?;
    let json = show::json(&bench, &judged)?;
    let shown = match args.format {
        Format::Table => show::text(&bench, &judged),
        Format::Json => json.clone(),
        _ => {
            return Err(Refusal::usage(format!(
                "--format: {} is a benchmark, which is shown as table or json",
                path.display()
            )));
        }
    };
    if let Some(folder) = &args.out {
        write_into(folder, || Ok(fs::write(folder.join(FILE), &json)?))?;
    }
    print(&shown)?;
    Ok(Status::Pass.into())
}
