//! A benchmark that was kept, or a hierarchy of the host's, shown again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Args, write_into};
use crate::bench::judged::judge;
pub(super) use crate::bench::row::FILE;
use crate::bench::{Bench, show};
use crate::cmd::output::{Format, print};
use crate::folder;
use crate::levels;
use crate::status::{Refusal, Status};

/// Its file, or its place in a report.
pub(super) struct SavedBench {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// The file in a folder that is that of a benchmark or of a hierarchy.
pub(super) fn file_of(folder: &Path) -> Option<PathBuf> {
    let files = [FILE, levels::FILE].map(|name| folder.join(name));
    files.into_iter().find(|file| file.is_file() && !folder.join(folder::LOG).exists())
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
    let parsed = if levels::is_kept(text) { levels::parse(text) } else { Bench::parse(text) };
    let bench =
        parsed.map_err(|why| Refusal::with(Status::InvalidLog, format!("{}: {why}", path.display())))?;
    let judged = judge(&bench)?;
    let (name, json, table) = if levels::is_kept(text) {
        (levels::FILE, levels::show::json(&bench, &judged)?, levels::show::text(&bench, &judged))
    } else {
        (FILE, show::json(&bench, &judged)?, show::text(&bench, &judged))
    };
    let shown = match args.format {
        Format::Table => table,
        Format::Json => json.clone(),
        _ => {
            return Err(Refusal::usage(format!(
                "--format: {} is a benchmark, which is shown as table or json",
                path.display()
            )));
        }
    };
    if let Some(folder) = &args.out {
        write_into(folder, || Ok(fs::write(folder.join(name), &json)?))?;
    }
    print(&shown)?;
    Ok(Status::Pass.into())
}
