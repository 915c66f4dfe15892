//! CPU 1 never comes back, with interrupts off. Must run into the deadline.
#![no_std]
#![no_main]

use core::hint::spin_loop;

use case::{cpu, spawn};
use switchlab_kernel::bring_up::Lab;

case::case!("spins", spins);

fn spins(_: &Lab) {
    spawn(cpu(1), || spin_for_ever()).join();
}

#[inline(never)]
fn spin_for_ever() -> ! {
    loop {
        spin_loop();
    }
}
