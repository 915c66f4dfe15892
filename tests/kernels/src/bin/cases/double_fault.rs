//! An exception on a stack pointer that leads nowhere: the double fault has a stack of its own. Must crash.

use case::{cpu, faults::exceptions, spawn};
use switchlab_kernel::bring_up::Lab;

pub fn double_fault(_: &Lab) {
    spawn(cpu(1), || exceptions::lose_stack()).join();
}
