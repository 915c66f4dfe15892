//! A task that overflows its stack meets its guard page, on a CPU that is not the BSP. Must crash: a page fault that finds no stack is a double fault.

use case::{count, cpu, faults::exceptions, spawn};
use switchlab_kernel::{bring_up::Lab, mm};

pub fn guard_page(_: &Lab) {
    spawn(cpu(1), || {
        match mm::guard_page_of_current_stack() {
            Some(page) => count("guard_page", page),
            None => case::failure!("the page below the stack is mapped"),
        }
        case::failure!("survived {} frames below its stack", exceptions::overflow_stack(1));
    })
    .join();
}
