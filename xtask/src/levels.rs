//! The hierarchy on the host: what each level's handoff costs on this Linux, what the original guessed of it, and
//! what is left of the reasons that it gave. Rows are measured as `bench` does it; `cmd::host` calls this.
//!
//! | file | what it owns |
//! |---|---|
//! | [`guesses`] | the original's guesses, and by what factor each was off |
//! | [`causes`] | the original's four reasons: confirmed, refuted, or not observable here |
//! | [`show`] | the tables and the JSON |
//!
//! All of it is made of the rows alone, so a `host.json` that was kept is read back and shown again.

pub mod causes;
pub mod guesses;
pub mod show;

#[cfg(test)]
pub(crate) mod testing;

use crate::bench::{Bench, Row};

/// Name of the file with all of it.
pub const FILE: &str = "host.json";

/// The levels, in the order of what they isolate, as the programs name them.
const LEVELS: [&str; 10] =
    ["call", "barrier", "fiber", "task", "goroutine", "thread", "process", "container", "vm", "network"];

/// Where a level stands; behind all others for one that is not known.
pub fn rank(level: Option<&str>) -> usize {
    level.and_then(|level| LEVELS.iter().position(|known| *known == level)).unwrap_or(LEVELS.len())
}

/// The row that is called so.
fn row<'a>(bench: &'a Bench, id: &str) -> Option<&'a Row> {
    bench.rows.iter().find(|row| row.id == id)
}

/// The middle of its rounds, where it has some.
fn median_ns(row: &Row) -> Option<f64> {
    crate::analysis::Summary::of(&row.measured()?.one_way_ns).ok().map(|summary| summary.median)
}

/// Reads a `host.json` that was kept.
///
/// # Errors
///
/// As [`Bench::parse`].
pub fn parse(text: &str) -> Result<Bench, String> {
    Bench::parse_shown(text, show::json)
}

/// Whether a text is what `host` keeps: a whole JSON with guesses in it.
pub fn is_kept(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|kept| kept.get("guesses").is_some())
}
