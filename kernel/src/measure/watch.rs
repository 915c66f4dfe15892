//! Over every timed block: nothing foreign happens in it. [`time`](super::time) holds the watch, and the clock.
//!
//! A lock is foreign unless it is the thing that is measured: an experiment declares those, and declaring them
//! allows them and no others. A declaration that nothing comes of is a failure too.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{failure, foreign::Foreign};

static ENDED: AtomicU64 = AtomicU64::new(0);
/// Blocks that are being watched.
static OPEN: AtomicU64 = AtomicU64::new(0);
/// Readings of the clock in parts of a block where no block was being watched.
static STRAY: AtomicU64 = AtomicU64::new(0);

/// How many blocks were watched so far.
pub fn ended() -> u64 {
    ENDED.load(Relaxed)
}

/// Who reads the clock in a part of a block says so: without a watch over the whole, that is a failure at the end of
/// the next one.
#[inline(always)]
pub(super) fn be_watched() {
    if OPEN.load(Relaxed) == 0 {
        STRAY.fetch_add(1, Relaxed);
    }
}

/// The locks that are the thing measured in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasuredLocks {
    /// None: tasks are bound to their CPUs, and nothing of a CPU needs a lock.
    None,
    /// Those around the queues of free tasks, which any CPU may put a task into.
    OfQueues,
}

/// A watch from before a block's first reading of the clock until behind its last.
#[derive(Debug)]
#[must_use = "a watch that is not ended finds nothing"]
pub(super) struct Watch {
    before: Foreign,
    declared: MeasuredLocks,
}

impl Watch {
    /// Begins. `declared` are the locks that are the thing measured.
    #[inline(never)]
    pub(super) fn begin(declared: MeasuredLocks) -> Self {
        OPEN.fetch_add(1, Relaxed);
        Self { before: Foreign::so_far(), declared }
    }

    /// Ends; reports a failure where anything foreign happened meanwhile, on whatever CPU. `block` says which
    /// block it was. Returns how many of the locks that were declared were taken.
    #[inline(never)]
    pub(super) fn end(self, block: fmt::Arguments<'_>) -> u64 {
        let found = Foreign::so_far().since(self.before);
        OPEN.fetch_sub(1, Relaxed);
        ENDED.fetch_add(1, Relaxed);
        let (measured, foreign) = match self.declared {
            MeasuredLocks::None => (0, found),
            MeasuredLocks::OfQueues => (found.queue_locks, Foreign { queue_locks: 0, ..found }),
        };
        if foreign != Foreign::NONE {
            failure!("{block}: in its time none of these may happen: {foreign}");
        }
        if self.declared != MeasuredLocks::None && measured == 0 {
            failure!("{block}: the locks of queues are declared as what is measured, and none was taken");
        }
        let stray = STRAY.swap(0, Relaxed);
        if stray != 0 {
            failure!(
                "{block}: until here the clock was read {stray} times in parts of blocks that nobody watched"
            );
        }
        measured
    }
}
