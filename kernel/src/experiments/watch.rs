//! Over every timed block: nothing foreign happens in it. [`measure_block`](super::exchange::measure_block)
//! calls it, and so has whatever else reads the clock around what it measures.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{failure, foreign::Foreign};

static ENDED: AtomicU64 = AtomicU64::new(0);

/// How many blocks were watched so far.
pub fn ended() -> u64 {
    ENDED.load(Relaxed)
}

/// A watch from before a block's first reading of the clock until behind its last.
#[derive(Debug)]
#[must_use = "a watch that is not ended finds nothing"]
pub struct Watch(Foreign);

impl Watch {
    /// Begins.
    pub fn begin() -> Self {
        Self(Foreign::so_far())
    }

    /// Ends; reports a failure where anything foreign happened meanwhile, on whatever CPU. `block` says which
    /// block it was.
    pub fn end(self, block: fmt::Arguments<'_>) {
        let found = Foreign::so_far().since(self.0);
        ENDED.fetch_add(1, Relaxed);
        if found != Foreign::NONE {
            failure!("{block}: in its time none of these may happen: {found}");
        }
    }
}
