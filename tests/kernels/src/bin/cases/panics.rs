//! A panic on an AP, while it holds the console's lock and another CPU writes. Must crash, and say its piece.

use case::{cpu, spawn};
use switchlab_kernel::{bring_up::Lab, console, log};

pub fn panics(_: &Lab) {
    let busy = spawn(cpu(2), || {
        loop {
            log!("another CPU writes");
        }
    });
    spawn(cpu(1), || {
        let console = console::lock();
        panic!("the lock is held: {}", core::any::type_name_of_val(&console));
    })
    .join();
    busy.join();
}
