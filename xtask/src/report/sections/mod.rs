//! What each section of the page says, a file each, in the order of the page. They turn results into
//! words, tables and pictures; the templates have the words that are always the same.

pub(super) mod answer;
pub(super) mod belief;
pub(super) mod comparison;
pub(super) mod costs;
pub(super) mod distributions;
pub(super) mod docs;
pub(super) mod exercises;
pub(super) mod files;
pub(super) mod glossary;
pub(super) mod handoff;
pub(super) mod levels;
pub(super) mod limits;
pub(super) mod order;
pub(super) mod peers;
pub(super) mod runs;
pub(super) mod waterfall;

use switchlab_records::Mode;

/// What a mode hands over between, for those who do not know its name.
const fn between(mode: Mode) -> &'static str {
    match mode {
        Mode::SameCore => "two tasks on one CPU",
        Mode::CrossCore => "two tasks on two CPUs",
        Mode::Switch => "two bare contexts",
        Mode::Free => "two unpinned tasks on all CPUs",
    }
}
