//! A task that overflows its stack meets its guard page, on a CPU that is not the BSP. Must crash: a page fault that finds no stack is a double fault.
#![no_std]
#![no_main]

use core::hint::black_box;

use case::{count, cpu, spawn};
use switchlab_kernel::{bring_up::Lab, mm};

case::case!("guard_page", guard_page);

fn guard_page(_: &Lab) {
    spawn(cpu(1), || {
        match mm::guard_page_of_current_stack() {
            Some(page) => count("guard_page", page),
            None => case::failure!("the page below the stack is mapped"),
        }
        case::failure!("survived {} frames below its stack", overflow(1));
    })
    .join();
}

#[inline(never)]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + black_box(frame)[63] }
}
