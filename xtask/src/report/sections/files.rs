//! The raw data that the page carries.

use switchlab_core::format::Grouped;

use crate::report::EmbeddedRun;
use crate::report::table::Table;

/// The embedded files.
pub(crate) fn files(runs: &[EmbeddedRun]) -> Table {
    let rows = runs.iter().flat_map(|run| {
        run.files.iter().map(|file| {
            vec![file.path.clone(), run.name.clone(), Grouped(file.bytes.len() as u64).to_string()]
        })
    });
    Table::of_text("What is embedded", &["file", "of", "bytes"], rows.collect())
}
