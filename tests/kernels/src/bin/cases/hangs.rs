//! Halts for ever. Must run into the deadline.

use switchlab_kernel::{arch::interrupts, bring_up::Lab};

pub fn hangs(_: &Lab) {
    interrupts::halt_for_ever()
}
