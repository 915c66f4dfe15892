//! An exception on a stack pointer that leads nowhere: the double fault has a stack of its own. Must crash.
#![no_std]
#![no_main]

use case::{cpu, faults::exceptions, spawn};
use switchlab_kernel::bring_up::Lab;

case::case!("double_fault", double_fault);

fn double_fault(_: &Lab) {
    spawn(cpu(1), || exceptions::lose_stack()).join();
}
