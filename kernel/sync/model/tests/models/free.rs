//! Tasks that are bound to no CPU: each runs on one CPU at a time, behind what it did on the last (`stacks` looks, at
//! each switch); none is lost, whatever CPU it is put to, or stolen from; and a CPU that has nothing to do and halts is
//! woken for what is put into a queue as it does.

use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use switchlab_core::policy::{Lifo, Policy, Queue, RoundRobin, Stealing};
use switchlab_sync_model::free::{FreeChannel, FreeTask, Me, Pool, Seat};

use crate::{
    explore::{Explore, Explored, for_ever, see},
    machine::{Model, ModelCpu, counts, touch},
    stacks::Flow,
};

pub type ModelPool<Y> = &'static Pool<Model, Y>;
/// What a task does; it rests then.
type Part<Y> = Box<dyn FnOnce(&Me<Model, Y>)>;

/// A pool of so many CPUs, and its tasks, which are not prepared.
pub fn pool<Y: Policy>(cpus: usize, tasks: u32) -> (ModelPool<Y>, &'static [FreeTask]) {
    let seats = (0..cpus).map(|_| Seat::new(for_ever(vec![0; Queue::slots(tasks as usize)])));
    let seats = for_ever(seats.collect::<Vec<_>>());
    let tasks: &'static Vec<_> = for_ever((0..tasks).map(FreeTask::new).collect());
    touch(tasks);
    let pool: ModelPool<Y> = for_ever(Pool::new(seats, tasks, 7));
    touch(pool);
    (pool, tasks)
}

/// Asserts that each call was one IPI, and that it was taken.
pub fn calls_were_taken<Y: Policy>(pool: ModelPool<Y>, cpus: &[&'static ModelCpu]) {
    let (sent, taken) = counts(cpus);
    assert_eq!((sent, taken), (pool.counts().calls, sent), "IPIs");
}

/// A pool of so many CPUs, whose tasks do these parts.
fn pool_of<Y: Policy>(cpus: usize, parts: Vec<Part<Y>>) -> ModelPool<Y> {
    let (pool, tasks) = pool(cpus, parts.len() as u32);
    for ((number, part), task) in (0..).zip(parts).zip(tasks.iter()) {
        let flow: &Flow = for_ever(Flow::new(move || {
            // SAFETY: this is the first thing that the task does, and its number is its own.
            let me = unsafe { pool.enter(number) };
            part(&me);
            loop {
                me.rest();
            }
        }));
        // SAFETY: the stack is its own in this execution, and it does not run yet.
        flow.prepare(|top, entry, argument| unsafe { task.prepare(top, entry, argument) });
    }
    pool
}

/// Lets a pool of two CPUs run all of its tasks, `parts` of which are made anew for each order.
fn run<Y: Policy>(
    explore: Explore,
    parts: impl Fn() -> Vec<Part<Y>> + Send + Sync + 'static,
    at_end: impl Fn(ModelPool<Y>, [&'static ModelCpu; 2]) + Send + Sync + 'static,
) -> Explored {
    explore.run(
        move |_| {
            let parts = parts();
            let tasks = parts.len();
            (pool_of(2, parts), tasks)
        },
        [
            Box::new(|(pool, tasks): (ModelPool<Y>, usize), _| {
                // SAFETY: `pool_of` prepared all, and nobody else has them or does this.
                unsafe { pool.run(tasks) };
                pool.close();
            }),
            Box::new(|(pool, _), _| pool.work()),
        ],
        move |(pool, _), cpus| {
            calls_were_taken(pool, &cpus);
            at_end(pool, cpus);
        },
    )
}

/// So many tasks that do nothing but to say that they ran.
fn told<Y: Policy>(tasks: usize) -> Vec<Part<Y>> {
    (0..tasks)
        .map(|_| -> Part<Y> {
            let ran = for_ever(AtomicU64::new(0));
            Box::new(move |me| {
                assert_eq!(ran.swap(1, Relaxed), 0, "a task begins once");
                see(format_args!("on CPU {}", me.cpu()));
            })
        })
        .collect()
}

#[test]
fn tasks_that_were_dealt_to_two_cpus_all_run() {
    run::<RoundRobin>(Explore::ALL, || told(2), |_, _| ()).at_least(1_000).saw(&["on CPU 0", "on CPU 1"]);
}

/// One of two is what can be stolen: the last one is left to its CPU.
#[test]
fn task_that_is_stolen_runs_once() {
    run::<Stealing>(Explore::up_to(5), || told(2), |_, _| ()).at_least(10_000).saw(&["on CPU 0", "on CPU 1"]);
}

#[test]
fn tasks_of_one_queue_all_run_on_whichever_cpu_takes_them() {
    run::<Stealing>(Explore::up_to(3), || told(3), |_, _| ()).at_least(1_000).saw(&["on CPU 0", "on CPU 1"]);
}

/// One sends so many messages to the other.
fn stream<Y: Policy>(messages: u64) -> Vec<Part<Y>> {
    let pipe = for_ever(FreeChannel::new());
    touch(pipe);
    let pipe: &'static FreeChannel = pipe;
    vec![
        Box::new(move |me| {
            let pipe = pipe.sender(me);
            (1..=messages).for_each(|number| pipe.send(number));
        }),
        Box::new(move |me| {
            let pipe = pipe.receiver(me);
            (1..=messages).for_each(|number| assert_eq!(pipe.recv(), number));
        }),
    ]
}

fn messages_come_once_and_in_order<Y: Policy>(explore: Explore, messages: u64) -> Explored {
    run::<Y>(
        explore,
        move || stream(messages),
        move |pool, cpus| {
            assert_eq!(cpus.map(ModelCpu::handoffs).iter().sum::<u64>(), messages);
            see(format_args!("{} crossings", pool.counts().crossings));
        },
    )
}

#[test]
fn messages_come_once_and_in_order_where_each_task_keeps_its_cpu() {
    messages_come_once_and_in_order::<RoundRobin>(Explore::up_to(2), 2).at_least(100).saw(&["2 crossings"]);
}

#[test]
fn messages_come_once_and_in_order_where_the_woken_go_to_the_waker() {
    messages_come_once_and_in_order::<Lifo>(Explore::up_to(2), 2).at_least(100);
}

#[test]
fn messages_come_once_and_in_order_where_cpus_steal() {
    messages_come_once_and_in_order::<Stealing>(Explore::up_to(2), 2).at_least(100);
}
