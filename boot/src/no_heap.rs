//! There is no heap. `switchlab-records`, which has the exit codes, links `alloc`, which wants an
//! allocator to be named; the loader never allocates, and would be refused here.
#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr,
};

#[global_allocator]
static NO_HEAP: NoHeap = NoHeap;

struct NoHeap;

// SAFETY: no memory is ever handed out.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        ptr::null_mut()
    }

    unsafe fn dealloc(&self, _memory: *mut u8, _layout: Layout) {}
}
