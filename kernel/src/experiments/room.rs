//! What memory is left for the tasks of experiments that have many, and which `--memory` would do where it is too
//! little. `scale` and `policy` ask before they start any.

use alloc::{format, string::String};

use crate::mm::{self, StackSize};

/// Bytes of frames that a task with the smallest stack takes: the stack, and two entries in a page table, the guard
/// page's too.
pub const FRAMES_OF_A_TASK: u64 = StackSize::Smallest.bytes() + 16;

/// Bytes of frames that are left for all else: stacks of the usual size, page tables.
const FRAMES_LEFT: u64 = 6 << 20;
/// Bytes of the heap that are left.
const HEAP_LEFT: u64 = 2 << 20;

/// Bytes of a machine's memory at the most that no kernel gets: the firmware's, the loader's, the kernel's own image.
const NEVER_USABLE: u64 = 8 << 20;

/// What is free for tasks, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Of frames.
    pub frames: u64,
    /// Of the heap.
    pub heap: u64,
}

impl Room {
    /// Of this machine.
    pub fn of_this_machine() -> Self {
        Self::left_of(mm::free_bytes(), mm::heap_free_bytes())
    }

    /// Of one with `memory` bytes and all else as here: rather less than it would have.
    fn of_one_with(memory: u64) -> Self {
        let usable = memory.saturating_sub(NEVER_USABLE);
        let heap = mm::heap_bytes_of(usable);
        let heap_here = mm::heap_taken_bytes() + mm::heap_free_bytes();
        let others = mm::taken_bytes().saturating_sub(heap_here);
        Self::left_of(usable.saturating_sub(heap + others), heap.saturating_sub(mm::heap_taken_bytes()))
    }

    const fn left_of(frames: u64, heap: u64) -> Self {
        Self { frames: frames.saturating_sub(FRAMES_LEFT), heap: heap.saturating_sub(HEAP_LEFT) }
    }
}

/// What to ask for where this machine's room does not do: the least `--memory`, of powers of two, whose room `fits`.
/// More than what this machine was given, since what `fits` there would do here.
pub fn memory_that(fits: impl Fn(Room) -> bool) -> String {
    let sizes = (6..=20).map(|log| 1_u64 << log);
    match sizes.into_iter().find(|mib| fits(Room::of_one_with(mib << 20))) {
        Some(mib) => format!("--memory {mib}M"),
        None => "no memory is enough, since the heap has an end".into(),
    }
}

/// A need as a person gives it: rounded up.
pub fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

/// What there is, likewise: rounded down, so that it never looks as if it were enough.
pub fn whole_mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
