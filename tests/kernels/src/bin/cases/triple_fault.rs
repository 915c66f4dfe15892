//! A triple fault: no IDT, then an exception. The machine resets; must crash.

use case::faults::exceptions;
use switchlab_kernel::bring_up::Lab;

pub fn triple_fault(_: &Lab) {
    exceptions::lose_interrupt_table()
}
