//! A page fault on CPU 1 is reported with its vector, error code, address, CPU and task. Must crash.
#![no_std]
#![no_main]

use case::{count, cpu, faults::exceptions, spawn};
use switchlab_kernel::bring_up::Lab;

case::case!("page_fault", page_fault);

fn page_fault(_: &Lab) {
    let task = spawn(cpu(1), || exceptions::write_to_nothing(0));
    count("task", u64::from(task.task().id().get()));
    task.join();
}
