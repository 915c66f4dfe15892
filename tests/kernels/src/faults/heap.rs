//! The heap is used up.

use alloc::alloc::{Layout, alloc};
use core::hint::black_box;

/// Takes all of the heap, for ever, down to the last piece that it gives.
pub fn exhaust() {
    let mut bytes = 1_usize << 30;
    while bytes >= 8 {
        let layout = Layout::from_size_align(bytes, 8).expect("a power of two");
        // SAFETY: a layout with a size. What nobody uses the compiler would not take at all.
        if black_box(unsafe { alloc(layout) }).is_null() {
            bytes /= 2;
        }
    }
}
