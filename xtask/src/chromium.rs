//! Where a Chromium is found. The test of the report's looks takes it; `doctor` says whether it is there.

use std::path::PathBuf;

/// Names that Chromium goes by.
const PROGRAMS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome-headless-shell"];

/// Its executable: the one that `SWITCHLAB_CHROMIUM` names, else the first in PATH.
pub fn find() -> Option<PathBuf> {
    let named = std::env::var_os("SWITCHLAB_CHROMIUM").map(PathBuf::from);
    named.or_else(|| PROGRAMS.iter().find_map(|program| which::which(program).ok()))
}
