//! Where a Chromium is found. The test of the report's looks takes it; `doctor` says whether it is there.

use std::path::{Path, PathBuf};

/// What names one that is not in PATH.
const VARIABLE: &str = "SWITCHLAB_CHROMIUM";

/// Names that Chromium goes by.
const PROGRAMS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome-headless-shell"];

/// Its executable: the one that `SWITCHLAB_CHROMIUM` names, else the first in PATH; `None` where there is
/// none in PATH.
///
/// # Errors
///
/// What `SWITCHLAB_CHROMIUM` names is no executable: its name, and what is wrong.
pub fn find() -> Result<Option<PathBuf>, String> {
    match std::env::var_os(VARIABLE).filter(|name| !name.is_empty()) {
        Some(name) => which::which(&name)
            .map(Some)
            .map_err(|_| format!("{}: named by {VARIABLE}, and no executable", Path::new(&name).display())),
        None => Ok(PROGRAMS.iter().find_map(|program| which::which(program).ok())),
    }
}
