//! Exceptions, and a halt for ever, in the midst of a block.

use core::{arch::asm, hint::black_box};

use x86_64::{VirtAddr, instructions::tables::lidt, structures::DescriptorTablePointer};

/// In the lower half, which belongs to ring 3: nothing is there while a task of the kernel's runs.
const NOTHING: u64 = 0xdead_b000;
const PAGE: u64 = 4096;

/// Writes where nothing is; the number tells where.
pub fn write_to_nothing(number: u64) {
    // SAFETY: faults, which is what this is for.
    unsafe { asm!("mov byte ptr [{}], 1", in(reg) NOTHING + PAGE * number) };
}

/// Calls itself until the stack is used up, which its guard page says: a page fault that finds no stack.
#[inline(never)]
pub fn overflow_stack(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow_stack(depth + 1) + black_box(frame)[63] }
}

/// An exception on a stack pointer that leads nowhere.
pub fn lose_stack() -> ! {
    // SAFETY: does not come back: the exception finds no stack.
    unsafe { asm!("mov rsp, 0x1000", "ud2", options(noreturn)) }
}

/// An exception without an interrupt table.
pub fn lose_interrupt_table() -> ! {
    // SAFETY: ends the machine, which is what this is for.
    unsafe {
        lidt(&DescriptorTablePointer { limit: 0, base: VirtAddr::zero() });
        asm!("ud2", options(noreturn));
    }
}
