//! 65,536 tasks on stacks of one page: what each takes of the memory, frames of page tables and the heap
//! included, and that they run in turn, start to end.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{check, count, cpu, spawn_small};
use switchlab_kernel::{
    bring_up::Lab,
    mm,
    sched::{self, JoinHandle},
};

const TASKS: u64 = 65_536;

static TURN: AtomicU64 = AtomicU64::new(0);

pub fn many_tasks(_: &Lab) {
    let taken = || (mm::taken_bytes(), mm::heap_taken_bytes());
    let before = taken();
    let tasks = spawn_all(TURN.load(Relaxed));
    let after = taken();
    count("tasks", TASKS);
    count("bytes", after.0 - before.0 + after.1 - before.1);
    join_all(tasks);

    // The stacks come again.
    join_all(spawn_all(TURN.load(Relaxed)));
    count("frames_of_the_second_time", mm::taken_bytes() - after.0);
    count("turns", TURN.load(Relaxed));
}

/// None runs before this task waits.
fn spawn_all(first: u64) -> Vec<JoinHandle> {
    let mut tasks = Vec::with_capacity(TASKS as usize);
    for number in 0..TASKS {
        let body = move || {
            take_turn(first + number);
            sched::yield_now();
            take_turn(first + TASKS + number);
        };
        tasks.push(spawn_small(cpu(0), body));
    }
    tasks
}

fn take_turn(due: u64) {
    let found = TURN.load(Relaxed);
    check!(found == due, "turn {found}, and {due} is due");
    TURN.store(found + 1, Relaxed);
}

fn join_all(tasks: Vec<JoinHandle>) {
    tasks.into_iter().for_each(JoinHandle::join);
}
