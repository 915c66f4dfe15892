//! An exception on a stack pointer that leads nowhere: the double fault has a stack of its own. Must crash.
#![no_std]
#![no_main]

use case::{cpu, spawn};
use switchlab_kernel::bring_up::Lab;

case::case!("double_fault", double_fault);

fn double_fault(_: &Lab) {
    spawn(cpu(1), || {
        // SAFETY: does not come back: the exception finds no stack.
        unsafe { core::arch::asm!("mov rsp, 0x1000", "ud2", options(noreturn)) }
    })
    .join();
}
