//! What has no place in a timed block, counted where it happens, on any CPU: calls of the heap, locks, texts.
//! [`mm`](crate::mm)'s heap, [`lock`](crate::lock), [`console`](crate::console) and
//! [`report`](mod@crate::report) count; every block is [timed](crate::measure::time) under
//! a watch, which fails the run where anything was counted meanwhile.
//!
//! There are two kinds of lock, which count apart: the kernel's, which no block may take, and that around a queue
//! of free tasks (`switchlab_sync::free`), which a block may take where its experiment has declared it as a part
//! of what is measured, and nowhere else.
//!
//! Always on: it costs an addition where nothing is measured, and nothing in a block but for one instruction for
//! each queue's lock, among those of the CPU that takes it.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::sched;

/// What is foreign to a timed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An allocation, or the return of one.
    HeapCall,
    /// A lock of the kernel that was taken.
    Lock,
    /// Formatted text, or a record, on its way to a buffer or the serial line.
    Text,
}

static SO_FAR: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

/// Counts one of a kind.
pub fn count(kind: Kind) {
    SO_FAR[kind as usize].fetch_add(1, Relaxed);
}

/// How often each kind happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Calls of the heap.
    pub heap_calls: u64,
    /// Locks of the kernel taken.
    pub locks: u64,
    /// Locks around queues of free tasks taken.
    pub queue_locks: u64,
    /// Texts written.
    pub texts: u64,
}

impl Foreign {
    /// Nothing.
    pub const NONE: Self = Self { heap_calls: 0, locks: 0, queue_locks: 0, texts: 0 };

    /// All until now. Once there are CPUs that run tasks.
    pub fn so_far() -> Self {
        let of = |kind: Kind| SO_FAR[kind as usize].load(Relaxed);
        let of_queues = |cpu: &&'static sched::Cpu| cpu.counters().queue_locks.load(Relaxed);
        Self {
            heap_calls: of(Kind::HeapCall),
            locks: of(Kind::Lock),
            queue_locks: sched::cpus().iter().map(of_queues).sum(),
            texts: of(Kind::Text),
        }
    }

    /// What came after `before`.
    pub const fn since(self, before: Self) -> Self {
        Self {
            heap_calls: self.heap_calls - before.heap_calls,
            locks: self.locks - before.locks,
            queue_locks: self.queue_locks - before.queue_locks,
            texts: self.texts - before.texts,
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { heap_calls, locks, queue_locks, texts } = self;
        write!(f, "heap calls {heap_calls}, locks {locks}, queue locks {queue_locks}, texts {texts}")
    }
}
