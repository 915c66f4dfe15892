//! The heap, for set-up: nothing allocates while a clock runs.

use linked_list_allocator::LockedHeap;

use super::{frames::FRAMES, physical};

/// Bytes of the heap: exceptions' stacks take 3 MiB with 64 CPUs, and what the blocks of 1,000 runs
/// leave behind less than 3 MiB.
pub const HEAP_BYTES: u64 = 16 << 20;

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

pub(super) fn init() {
    let start = FRAMES
        .lock()
        .allocate_contiguous(HEAP_BYTES)
        .unwrap_or_else(|| panic!("no {} MiB of usable memory in one piece for the heap", HEAP_BYTES >> 20));
    let start = physical::to_virtual(start);
    // SAFETY: the frames are fresh and mapped for ever.
    unsafe { HEAP.lock().init(start.as_mut_ptr(), HEAP_BYTES as usize) };
}
