//! A task that is started from another CPU: it runs once, on its own CPU, behind what its starter had written, and who
//! waits for its end finds what it did.

use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use switchlab_sync_model::Task;

use crate::{
    explore::{Explore, for_ever, see},
    machine::{Model, ModelCpu, ModelTask, counts, spawn, start, this_model_cpu},
};

type Words = &'static [AtomicU64; 4];

fn words() -> Words {
    for_ever(std::array::from_fn(|_| AtomicU64::new(0)))
}

/// A task of `cpu` that says in word `own` that it ran, once, behind what was written to word `of_starter`.
fn told(own: usize, of_starter: usize, cpu: &'static ModelCpu, words: Words) -> &'static ModelTask {
    spawn(10 + own as u32, cpu, move || {
        assert_eq!(this_model_cpu().cpu().id(), cpu.cpu().id());
        assert_eq!(words[of_starter].load(Relaxed), 1, "what the starter had written");
        assert_eq!(words[own].load(Relaxed), 0, "a task begins once");
        words[own].store(1, Relaxed);
    })
}

#[test]
fn task_started_on_another_cpu_runs_once_and_is_joined() {
    Explore::ALL
        .run(
            |cpus: [_; 2]| {
                let words = words();
                (words, told(1, 0, cpus[1], words), cpus[1].own_task())
            },
            [
                Box::new(|(words, task, other): (Words, &'static ModelTask, &'static ModelTask), cpu| {
                    words[0].store(1, Relaxed);
                    start(task);
                    task.join();
                    assert_eq!(words[1].load(Relaxed), 1, "what the task had done");
                    see(format_args!("{} halts", cpu.halts()));
                    other.wake();
                }),
                // Its own task waits, so that the other one runs, and the idle task behind it.
                Box::new(|_, _| Task::<Model>::block_current()),
            ],
            // Who waits for the end already is woken.
            |_, cpus| assert_eq!(counts(&cpus), (2 + cpus[0].halts(), 2 + cpus[0].halts())),
        )
        .at_least(10)
        .saw(&["0 halts", "1 halts"]);
}

/// Two CPUs start a task each on a third.
#[test]
fn tasks_that_two_cpus_start_on_a_third_both_run() {
    type Shared = (Words, [&'static ModelTask; 2], &'static ModelTask);
    fn starter(own: usize) -> impl Fn(Shared, &'static ModelCpu) + Send + Sync {
        move |(words, tasks, _), _| {
            words[own].store(1, Relaxed);
            start(tasks[own]);
        }
    }
    Explore::up_to(3)
        .run(
            |cpus: [_; 3]| {
                let words = words();
                (words, [told(2, 0, cpus[2], words), told(3, 1, cpus[2], words)], cpus[2].own_task())
            },
            [
                Box::new(starter(0)),
                Box::new(starter(1)),
                Box::new(|(words, tasks, _), cpu| {
                    for task in tasks {
                        task.join();
                    }
                    assert_eq!([2, 3].map(|word: usize| words[word].load(Relaxed)), [1, 1]);
                    see(format_args!("{} IPIs taken", cpu.ipis_taken()));
                }),
            ],
            |_, cpus| assert_eq!(counts(&cpus).0, 2),
        )
        .at_least(1_000)
        .saw(&["1 IPIs taken", "2 IPIs taken"]);
}

/// Two that one CPU starts on another begin in that order.
#[test]
fn tasks_of_one_starter_begin_in_their_order() {
    Explore::ALL
        .run(
            |cpus: [_; 2]| {
                let words = words();
                (words, [told(1, 0, cpus[1], words), told(2, 1, cpus[1], words)])
            },
            [
                Box::new(|(words, tasks): (Words, [&'static ModelTask; 2]), _| {
                    words[0].store(1, Relaxed);
                    tasks.into_iter().for_each(start);
                }),
                // The second one runs behind the first, or it fails.
                Box::new(|(words, tasks), _| {
                    tasks[1].join();
                    assert_eq!(words[2].load(Relaxed), 1);
                }),
            ],
            |_, _| (),
        )
        .at_least(10);
}
