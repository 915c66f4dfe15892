//! A triple fault: no IDT, then an exception. The machine resets; must crash.
#![no_std]
#![no_main]

use switchlab_kernel::bring_up::Lab;
use x86_64::{VirtAddr, instructions::tables::lidt, structures::DescriptorTablePointer};

case::case!("triple_fault", triple_fault);

fn triple_fault(_: &Lab) {
    // SAFETY: ends the machine, which is what this is for.
    unsafe {
        lidt(&DescriptorTablePointer { limit: 0, base: VirtAddr::zero() });
        core::arch::asm!("ud2");
    }
}
