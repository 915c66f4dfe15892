//! What every page has around what it tells: the limits, the words, and the files that it carries.

use super::embed::{self, EmbeddedRun};
use super::sections::{files, glossary, limits};
use super::table::Table;

/// The parts of `templates/frame.html` that are the same for every page.
pub(super) struct Frame {
    pub(super) limits: String,
    /// The words that the page uses: known when all else is there.
    pub(super) glossary: Vec<glossary::Topic>,
    pub(super) files: Table,
    pub(super) data: String,
    pub(super) version: &'static str,
}

impl Frame {
    /// Around a page of `embedded`, without its words.
    ///
    /// # Errors
    ///
    /// None to be expected.
    pub(super) fn new(embedded: &[EmbeddedRun]) -> anyhow::Result<Self> {
        Ok(Self {
            limits: limits::limits(),
            glossary: Vec::new(),
            files: files::files(embedded),
            data: embed::element(embedded)?,
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}
