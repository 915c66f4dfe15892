//! A task that overflows a stack of one page meets its guard page. Must crash: a page fault that finds no
//! stack is a double fault.

use core::hint::black_box;

use case::{count, cpu, for_ever, spawn_small};
use switchlab_kernel::{bring_up::Lab, mm, sched::Channel};

pub fn small_guard_page(_: &Lab) {
    let [there, back]: [&'static Channel; 2] = [for_ever(Channel::new()), for_ever(Channel::new())];
    let task = spawn_small(cpu(1), || {
        // Others say so: this stack is not for reports.
        back.sender().send(mm::guard_page_of_current_stack().unwrap_or(0));
        black_box(overflow(there.receiver().recv()));
    });
    match back.receiver().recv() {
        0 => case::failure!("the page below the stack is mapped"),
        page => count("guard_page", page),
    }
    there.sender().send(1);
    task.join();
    case::failure!("survived below its stack");
}

#[inline(never)]
fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + black_box(frame)[15] }
}
