//! A queue of unpinned tasks that its CPU and a thief take from: each task is taken once, by who then sees what was
//! written before it was put there; and a CPU that finds none is called for what it can steal. Step by step, with
//! nothing that runs: in `free` the tasks run, and there are too many orders to look at all.

use std::cell::RefCell;

use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use switchlab_core::policy::{Queue, Stealing};
use switchlab_sync_model::free::{FreeTask, Pool, Seat};

use crate::{
    explore::{Explore, for_ever, see},
    machine::{Model, counts, touch},
};

const TASKS: u32 = 2;

/// Two CPUs, and the tasks that are put into the first one's queue and taken out of it.
#[derive(Clone, Copy)]
struct Shared {
    pool: &'static Pool<Model, Stealing>,
    /// What the first CPU wrote before it put each there.
    written: &'static [AtomicU64; TASKS as usize],
    /// Who took which. No step of the checker.
    taken: &'static RefCell<Vec<(usize, u32)>>,
}

impl Shared {
    fn new() -> Self {
        let seats = (0..2).map(|_| Seat::new(for_ever(vec![0; Queue::slots(TASKS as usize)])));
        let seats = for_ever(seats.collect::<Vec<_>>());
        let tasks = for_ever((0..TASKS).map(FreeTask::new).collect::<Vec<_>>());
        touch(tasks);
        let pool: &'static Pool<Model, Stealing> = for_ever(Pool::new(seats, tasks, 7));
        touch(pool);
        Self {
            pool,
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
        assert_eq!(self.written[task as usize].load(Relaxed), 1, "what was written before task {task} was put there");
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
                    shared.pool.begin(TASKS.into());
                    shared.offer_all();
                    while let Some(task) = shared.pool.look() {
                        shared.take(0, task);
                    }
                }),
                Box::new(|shared, _| {
                    shared.pool.begin(TASKS.into());
                    if let Some(task) = shared.pool.look() {
                        shared.take(1, task);
                    }
                }),
            ],
            |shared, cpus| {
                let [own, stolen] = shared.shares();
                assert_eq!(own + stolen, TASKS as usize, "none is lost");
                assert_eq!(counts(&cpus), (0, 0), "nobody is idle");
                see(format_args!("{own} of its own, {stolen} stolen"));
            },
        )
        .at_least(200)
        .saw(&["1 of its own, 1 stolen", "2 of its own, 0 stolen"]);
}

#[test]
fn cpu_that_finds_none_is_called_for_what_it_can_steal() {
    Explore::ALL
        .run(
            |_| Shared::new(),
            [
                Box::new(|shared: Shared, _| {
                    shared.pool.begin(TASKS.into());
                    shared.offer_all();
                }),
                Box::new(|shared, _| {
                    shared.pool.begin(TASKS.into());
                    let task = shared.pool.look_until_found();
                    shared.take(1, task);
                }),
            ],
            |shared, cpus| {
                assert_eq!(shared.shares(), [0, 1]);
                let (sent, taken) = counts(&cpus);
                assert_eq!((sent, taken), (shared.pool.counts().calls, sent), "IPIs");
                see(format_args!("{sent} calls"));
            },
        )
        .at_least(10_000)
        .saw(&["0 calls", "1 calls", "2 calls"]);
}
