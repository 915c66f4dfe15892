//! A stray write into a stack.

use switchlab_kernel::mm::guard_page_of_current_stack;

/// Bytes of the page below a stack.
const GUARD: u64 = 4096;

/// Changes the last word of the stack that runs, by a bit of it that the number tells.
pub fn overwrite_last_word(number: u64) {
    let guard = guard_page_of_current_stack().expect("a task runs, on a stack with a guard page");
    let last = core::ptr::with_exposed_provenance_mut::<u64>((guard + GUARD) as usize);
    // SAFETY: mapped, and this task's own; what it has got to is far above.
    unsafe { last.write_volatile(last.read_volatile() ^ 1 << (number % 64)) };
}
