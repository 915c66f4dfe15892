//! The heap, for set-up: nothing allocates while a clock runs.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::{self, NonNull},
};

use linked_list_allocator::Heap;

use super::{frames::FRAMES, physical};
use crate::{
    foreign::{self, Kind},
    lock::Lock,
};

/// Bytes of the heap: exceptions' stacks take 3 MiB with 64 CPUs, and what the blocks of 1,000 runs
/// leave behind less than 3 MiB.
pub const HEAP_BYTES: u64 = 16 << 20;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap(Lock::new(Heap::empty()));

/// A heap behind a lock, whose calls are counted.
struct CountingHeap(Lock<Heap>);

// SAFETY: the heap hands out what lies in its memory and is not handed out, aligned as asked, one CPU at a
// time, and neither panics nor allocates itself.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        foreign::count(Kind::HeapCall);
        self.0.lock().allocate_first_fit(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        foreign::count(Kind::HeapCall);
        // SAFETY: the caller passes what `alloc` gave it for this layout, and not twice. It is not null.
        unsafe { self.0.lock().deallocate(NonNull::new_unchecked(pointer), layout) };
    }
}

pub(super) fn init() {
    let start = FRAMES
        .lock()
        .allocate_contiguous(HEAP_BYTES)
        .unwrap_or_else(|| panic!("no {} MiB of usable memory in one piece for the heap", HEAP_BYTES >> 20));
    let start = physical::to_virtual(start);
    // SAFETY: the frames are fresh and mapped for ever.
    unsafe { HEAP.0.lock().init(start.as_mut_ptr(), HEAP_BYTES as usize) };
}
