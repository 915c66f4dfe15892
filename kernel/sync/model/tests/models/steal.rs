//! A queue of unpinned tasks that its CPU and a thief take from: each task is taken once, by who then sees what was
//! written before it was put there; and a CPU that finds none is called for what it can steal. Step by step, with
//! nothing that runs: in `free` the tasks run, and there are too many orders to look at all.

use std::cell::RefCell;

use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use switchlab_core::policy::Stealing;

use crate::{
    explore::{Explore, for_ever, see},
    free::{ModelPool, calls_were_taken, pool},
};

const TASKS: u32 = 2;

/// Two CPUs, and the tasks that are put into the first one's queue and taken out of it.
#[derive(Clone, Copy)]
struct Shared {
    pool: ModelPool<Stealing>,
    /// What the first CPU wrote before it put each there.
    written: &'static [AtomicU64; TASKS as usize],
    /// Who took which. No step of the checker.
    taken: &'static RefCell<Vec<(usize, u32)>>,
}

impl Shared {
    fn new() -> Self {
        Self {
            pool: pool(2, TASKS).0,
            written: for_ever(std::array::from_fn(|_| AtomicU64::new(0))),
            taken: for_ever(RefCell::new(Vec::new())),
        }
    }

    fn offer_all(self) {
        for task in 0..TASKS {
            self.written[task as usize].store(1, Relaxed);
            self.pool.offer(task);
        }
    }

    fn take(self, cpu: usize, task: u32) {
        assert_eq!(
            self.written[task as usize].load(Relaxed),
            1,
            "what was written before task {task} was put there"
        );
        self.taken.borrow_mut().push((cpu, task));
    }

    /// How many tasks each CPU has taken; none was taken twice.
    fn shares(self) -> [usize; 2] {
        let taken = self.taken.borrow();
        let mut tasks: Vec<_> = taken.iter().map(|(_, task)| task).collect();
        tasks.sort_unstable();
        tasks.dedup();
        assert_eq!(tasks.len(), taken.len(), "a task is taken once: {taken:?}");
        [0, 1].map(|cpu| taken.iter().filter(|(by, _)| *by == cpu).count())
    }
}

#[test]
fn each_task_is_taken_by_its_cpu_or_by_a_thief() {
    Explore::ALL
        .run(
            |_| Shared::new(),
            [
                Box::new(|shared: Shared, _| {
                    shared.pool.begin();
                    shared.offer_all();
                    while let Some(task) = shared.pool.look() {
                        shared.take(0, task);
                    }
                }),
                Box::new(|shared, _| {
                    shared.pool.begin();
                    if let Some(task) = shared.pool.look() {
                        shared.take(1, task);
                    }
                }),
            ],
            |shared, cpus| {
                let [own, stolen] = shared.shares();
                assert_eq!(own + stolen, TASKS as usize, "none is lost");
                calls_were_taken(shared.pool, &cpus);
                assert_eq!(shared.pool.counts().calls, 0, "nobody is idle");
                see(format_args!("{own} of its own, {stolen} stolen"));
            },
        )
        .at_least(90)
        .saw(&["1 of its own, 1 stolen", "2 of its own, 0 stolen"]);
}

#[test]
fn cpu_that_finds_none_is_called_for_what_it_can_steal() {
    Explore::ALL
        .run(
            |_| Shared::new(),
            [
                Box::new(|shared: Shared, _| {
                    shared.pool.begin();
                    shared.offer_all();
                }),
                Box::new(|shared, _| {
                    shared.pool.begin();
                    let task = shared.pool.look_until_found();
                    shared.take(1, task);
                }),
            ],
            |shared, cpus| {
                assert_eq!(shared.shares(), [0, 1]);
                calls_were_taken(shared.pool, &cpus);
                see(format_args!("{} calls", shared.pool.counts().calls));
            },
        )
        .at_least(4_000)
        .saw(&["0 calls", "1 calls", "2 calls"]);
}
