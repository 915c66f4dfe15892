//! CPU 1 never comes back, with interrupts off. Must run into the deadline.

use core::hint::spin_loop;

use case::{cpu, spawn};
use switchlab_kernel::bring_up::Lab;

pub fn spins(_: &Lab) {
    spawn(cpu(1), || spin_for_ever()).join();
}

#[inline(never)]
fn spin_for_ever() -> ! {
    loop {
        spin_loop();
    }
}
