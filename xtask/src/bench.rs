//! The laboratory's own handoffs beside everyone else's: which peers there are, their rounds, and the table
//! that they come to. `cmd::bench` calls it.
//!
//! | file | what it owns |
//! |---|---|
//! | [`row`] | [`Row`]: one peer and what became of it, wherever it was measured; the file `bench.json` |
//! | [`program`] | the programs that are peers: how they are built, asked and run |
//! | [`go`] | Go's program, where there is a Go |
//! | [`rounds`] | all peers interleaved, round by round |
//! | [`scale`] | our tasks as they become more: what a switch takes, and the lines that it touches |
//! | [`caches`] | the host's caches, as sysfs tells of them |
//! | [`judged`] | each row's interval, and its ratio to ours |
//! | [`kept`] | a `bench.json` that was kept, read back |
//! | [`show`] | the table and the JSON |
//!
//! Rows measured elsewhere, in a guest, are [`Row`]s too, with a [`Place`] of their own: they
//! are held against the row that their `base` names in the same place.

pub mod caches;
pub mod go;
pub mod judged;
pub mod kept;
pub mod program;
pub mod rounds;
pub mod row;
pub mod scale;
pub mod show;

pub use row::{Bench, Outcome, Place, Row};
