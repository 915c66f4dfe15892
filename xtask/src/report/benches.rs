//! The page of benchmarks alone: what `bench` kept, without a run of the laboratory's kernel beside it.

use askama::Template;

use super::Report;
use super::embed::EmbeddedRun;
use super::frame::Frame;
use super::sections::glossary;
use super::sections::peers::{self, Peers};

/// Makes the report of such benchmarks.
///
/// # Errors
///
/// Status 6: a `bench.json` that is not what `bench` wrote.
pub(super) fn render(embedded: &[EmbeddedRun]) -> anyhow::Result<Report> {
    let peers = peers::all(embedded)?;
    let no_result = peers.iter().find_map(|bench| bench.no_result.clone());
    let mut page = Page {
        class: if no_result.is_some() { "failed" } else { "answer" },
        is_leading: peers.len() > 1,
        peers,
        frame: Frame::new(embedded)?,
    };
    page.frame.glossary = glossary::used_in(&page.render()?);
    Ok(Report { html: page.render()?, no_result })
}

/// The page, in the order in which it is read.
#[derive(Template)]
#[template(path = "benches.html")]
struct Page {
    class: &'static str,
    /// Whether each benchmark begins with its sentence, since the heading is that of none.
    is_leading: bool,
    peers: Vec<Peers>,
    frame: Frame,
}
