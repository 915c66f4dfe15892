//! Two CPUs panic at once. Must crash once.

use case::{cpu, spawn};
use switchlab_kernel::bring_up::Lab;

pub fn panics_twice(_: &Lab) {
    let tasks = [1, 2].map(|number| spawn(cpu(number), move || panic!("CPU {number} has had enough")));
    for task in tasks {
        task.join();
    }
}
