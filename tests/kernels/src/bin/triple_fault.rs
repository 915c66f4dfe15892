//! A triple fault: no IDT, then an exception. The machine resets; must crash.
#![no_std]
#![no_main]

use case::faults::exceptions;
use switchlab_kernel::bring_up::Lab;

case::case!("triple_fault", triple_fault);

fn triple_fault(_: &Lab) {
    exceptions::lose_interrupt_table()
}
