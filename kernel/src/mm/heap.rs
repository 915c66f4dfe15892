//! The heap, for set-up: nothing allocates while a clock runs.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::{self, NonNull},
};

use linked_list_allocator::Heap;
use switchlab_core::params::MOST_HEAP_BYTES;

use super::{frames::FRAMES, physical};
use crate::{
    foreign::{self, Kind},
    lock::Lock,
};

/// Bytes of the smallest heap: exceptions' stacks take 3 MiB with 64 CPUs, and what the blocks of 1,000 runs
/// leave behind less than 3 MiB.
pub const LEAST_HEAP_BYTES: u64 = 16 << 20;

/// The part of the memory that the heap gets, between these two. A task takes 136 bytes of the heap and
/// 4,112 of frames, so memory for the stacks of tasks is used up before the heap is.
const PART: u64 = 16;

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

/// Bytes of the heap of a machine with so much usable memory.
pub const fn heap_bytes_of(memory: u64) -> u64 {
    let part = (memory / PART).next_multiple_of(1 << 20);
    if part < LEAST_HEAP_BYTES {
        LEAST_HEAP_BYTES
    } else if part > MOST_HEAP_BYTES {
        MOST_HEAP_BYTES
    } else {
        part
    }
}

pub(super) fn init(memory: u64) {
    let bytes = heap_bytes_of(memory);
    let start = FRAMES.lock().allocate_contiguous(bytes).unwrap_or_else(|| {
        panic!("no {} MiB of usable memory in one piece for the heap: give the machine more", bytes >> 20)
    });
    let start = physical::to_virtual(start);
    // SAFETY: the frames are fresh and mapped for ever.
    unsafe { HEAP.0.lock().init(start.as_mut_ptr(), bytes as usize) };
}

/// Bytes of the heap that are in use.
pub fn heap_taken_bytes() -> u64 {
    HEAP.0.lock().used() as u64
}

/// Bytes of the heap that are free, in however many pieces.
pub fn heap_free_bytes() -> u64 {
    HEAP.0.lock().free() as u64
}
