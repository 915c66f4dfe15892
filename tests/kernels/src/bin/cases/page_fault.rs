//! A page fault on CPU 1 is reported with its vector, error code, address, CPU and task. Must crash.

use case::{count, cpu, faults::exceptions, spawn};
use switchlab_kernel::bring_up::Lab;

pub fn page_fault(_: &Lab) {
    let task = spawn(cpu(1), || exceptions::write_to_nothing(0));
    count("task", u64::from(task.task().id().get()));
    task.join();
}
