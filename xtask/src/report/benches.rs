//! The page of benchmarks alone: what `bench` and `host` kept, without a run of the laboratory's kernel beside it.

use askama::Template;

use super::Report;
use super::embed::EmbeddedRun;
use super::frame::Frame;
use super::sections::glossary;
use super::sections::levels::{self, Beside, Host};
use super::sections::peers::{self, Peers};

/// Makes the report of such benchmarks.
///
/// # Errors
///
/// Status 6: a `bench.json` that is not what `bench` wrote.
pub(super) fn render(embedded: &[EmbeddedRun]) -> anyhow::Result<Report> {
    let (peers, hosts) = (peers::all(embedded)?, levels::all(embedded)?);
    let of_peers = peers.iter().map(|bench| &bench.no_result);
    let no_result = of_peers.chain(hosts.iter().map(|host| &host.no_result)).find_map(Clone::clone);
    let mut page = Page {
        class: if no_result.is_some() { "failed" } else { "answer" },
        is_leading: peers.len() + hosts.len() > 1,
        beside: Beside::new(None, hosts.first()),
        peers,
        hosts,
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
    hosts: Vec<Host>,
    /// The first host's levels beside the guesses.
    beside: Option<Beside>,
    frame: Frame,
}
