//! Overflows its stack without an IDT of its own: the loader's must report the page fault, and
//! nothing must end in a silent reset.
#![no_std]
#![no_main]

mod boot_shared;

use core::hint::black_box;

use bootloader_api::{BootInfo, entry_point};

entry_point!(main);

fn main(boot_info: &'static mut BootInfo) -> ! {
    say!("the guard page ends at {:#x}", boot_info.kernel_stack_bottom);
    say!("survived with {}", overflow(1));
    boot_shared::exit(boot_shared::PASS)
}

#[inline(never)]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + black_box(frame)[63] }
}
