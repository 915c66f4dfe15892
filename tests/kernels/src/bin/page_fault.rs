//! A page fault on CPU 1 is reported with its vector, error code, address, CPU and task. Must crash.
#![no_std]
#![no_main]

use case::{count, cpu, spawn};
use switchlab_kernel::bring_up::Lab;

case::case!("page_fault", page_fault);

fn page_fault(_: &Lab) {
    let task = spawn(cpu(1), || {
        // SAFETY: faults, which is what this is for.
        unsafe { core::arch::asm!("mov byte ptr [{}], 1", in(reg) 0xdead_b000_u64) };
    });
    count("task", u64::from(task.task().id().get()));
    task.join();
}
