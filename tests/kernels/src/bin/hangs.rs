//! Halts for ever. Must run into the deadline.
#![no_std]
#![no_main]

use switchlab_kernel::{arch::interrupts, bring_up::Lab};

case::case!("hangs", hangs);

fn hangs(_: &Lab) {
    interrupts::halt_for_ever()
}
