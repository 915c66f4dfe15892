//! Joining waits for the task's end, on any CPU, and its stack is used again.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{check, count, cpu, for_ever, spawn};
use switchlab_core::task_state::TaskState;
use switchlab_kernel::{bring_up::Lab, sched};

const TASKS: u64 = 3_000;

pub fn join(lab: &Lab) {
    let done = for_ever(AtomicU64::new(0));
    for n in 0..TASKS {
        // Far more than there is memory for stacks, if they were not used again.
        let task = spawn(cpu(n as usize % lab.cpus as usize), move || {
            sched::yield_now();
            done.fetch_add(1, Relaxed);
        });
        let joined = task.task();
        task.join();
        check!(done.load(Relaxed) == n + 1, "join {n} returned before the task's end");
        check!(joined.state() == TaskState::Exited, "task {n} is {:?} when it is joined", joined.state());
    }
    // A task that ended long ago can be joined too.
    let early = spawn(cpu(0), || {});
    for _ in 0..5 {
        sched::yield_now();
    }
    early.join();
    count("joined", TASKS + 1);
}
