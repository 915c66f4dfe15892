//! Tasks that yield run in turn; one that blocks is left out until it is woken.

use alloc::vec::Vec;

use case::{check, count, cpu, spawn};
use spin::Mutex;
use switchlab_kernel::{bring_up::Lab, sched};

const TASKS: u32 = 5;
const ROUNDS: u32 = 100;

static ORDER: Mutex<Vec<u32>> = Mutex::new(Vec::new());

pub fn round_robin(_: &Lab) {
    // All are ready before the first runs, since this task goes on until it blocks.
    let tasks: Vec<_> = (0..TASKS)
        .map(|me| {
            spawn(cpu(0), move || {
                for _ in 0..ROUNDS {
                    ORDER.lock().push(me);
                    sched::yield_now();
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.join());
    let order = ORDER.lock();
    for (turn, &who) in (0..).zip(order.iter()) {
        check!(who == turn % TASKS, "turn {turn} was task {who}'s, not task {}'s", turn % TASKS);
    }
    check!(order.len() as u32 == TASKS * ROUNDS, "{} turns, not {}", order.len(), TASKS * ROUNDS);
    count("turns", order.len() as u64);
}
