//! Tasks that are bound to no CPU, on host threads: nothing is lost, nothing comes twice, counts are exact.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Host, run_all, spawn, start_cpus};
use switchlab_core::policy::{Lifo, Policy, Queue, RoundRobin, Stealing};
use switchlab_sync::{
    Counters, Cpu,
    free::{FreeChannel, FreeCounts, FreeTask, Me, Pool, Seat},
};

type HostPool<Y> = Pool<Host, Y>;

fn for_ever<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// What a task does; it rests at the end of each phase.
type Body<Y> = Box<dyn FnOnce(&Me<Host, Y>) + Send>;

struct Start<Y: Policy> {
    pool: &'static HostPool<Y>,
    number: u32,
    body: Mutex<Option<Body<Y>>>,
}

extern "C" fn enter<Y: Policy>(start: usize) -> ! {
    // SAFETY: `pool_of` passes the address of a value that lives for ever.
    let start = unsafe { &*std::ptr::with_exposed_provenance::<Start<Y>>(start) };
    // SAFETY: this is the first thing that the task does, and `pool_of` gave it its number.
    let me = unsafe { start.pool.enter(start.number) };
    let body = start.body.lock().unwrap().take().expect("a task starts once");
    body(&me);
    loop {
        me.rest();
    }
}

fn pool_of<Y: Policy>(cpus: usize, bodies: Vec<Body<Y>>) -> &'static HostPool<Y> {
    let seats: Vec<_> = (0..cpus).map(|_| Seat::new(vec![0; Queue::slots(bodies.len())].leak())).collect();
    let tasks: &'static [_] = (0..bodies.len() as u32).map(FreeTask::new).collect::<Vec<_>>().leak();
    let pool = for_ever(Pool::new(seats.leak(), tasks, 7));
    for ((number, body), task) in (0..).zip(bodies).zip(tasks) {
        let start = for_ever(Start { pool, number, body: Mutex::new(Some(body)) });
        let stack = vec![0_u128; 16 * 1024].leak();
        // SAFETY: the stack is this task's alone for ever.
        unsafe {
            task.prepare(
                stack.as_mut_ptr_range().end.cast(),
                enter::<Y>,
                std::ptr::from_ref(start).expose_provenance(),
            );
        }
    }
    pool
}

/// What was counted in a phase.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    handoffs: u64,
    ipis_sent: u64,
    ipis_taken: u64,
    free: FreeCounts,
}

fn counted<Y: Policy>(cpus: &[&'static Cpu<Host>], pool: &HostPool<Y>) -> Counted {
    let sum = |counter: fn(&Counters) -> &AtomicU64| {
        cpus.iter().map(|cpu| counter(&cpu.counters()).load(Relaxed)).sum::<u64>()
    };
    Counted {
        handoffs: sum(|c| c.handoffs),
        ipis_sent: sum(|c| c.ipis_sent),
        ipis_taken: sum(|c| c.ipis_taken),
        free: pool.counts(),
    }
}

/// Runs all tasks `phases` times on as many CPUs; returns what was counted in each.
fn run<Y: Policy>(cpus: u32, phases: usize, bodies: Vec<Body<Y>>) -> Vec<Counted> {
    run_on(start_cpus(cpus).leak(), phases, bodies)
}

/// The same on these CPUs.
fn run_on<Y: Policy>(
    cpus: &'static [&'static Cpu<Host>],
    phases: usize,
    bodies: Vec<Body<Y>>,
) -> Vec<Counted> {
    let tasks = bodies.len();
    let pool = pool_of(cpus.len(), bodies);
    let results = Arc::new(Mutex::new(Vec::new()));
    let told = results.clone();
    let owner = spawn(0, cpus[0], move || {
        // SAFETY: `pool_of` prepared all tasks, of a pool of their own, whose owner is this task alone.
        let run = |tasks| unsafe { pool.run(tasks) };
        run(0);
        for _ in 0..phases {
            let before = counted(cpus, pool);
            run(tasks);
            let after = counted(cpus, pool);
            told.lock().unwrap().push(Counted {
                handoffs: after.handoffs - before.handoffs,
                ipis_sent: after.ipis_sent - before.ipis_sent,
                ipis_taken: after.ipis_taken - before.ipis_taken,
                free: after.free.since(before.free),
            });
        }
        pool.close();
    });
    let workers = (1..).zip(&cpus[1..]).map(|(id, cpu)| spawn(id, cpu, move || pool.work()));
    let all: Vec<_> = std::iter::once(owner).chain(workers).collect();
    run_all(&all);
    let results = results.lock().unwrap();
    results.clone()
}

const PHASES: usize = 3;

/// Pairs that hand numbers to and fro, in each phase, each side checking each number.
fn ping_pong<Y: Policy>(pairs: u32, exchanges: u64) -> Vec<Body<Y>> {
    (0..pairs)
        .flat_map(|_| {
            let there: &FreeChannel = for_ever(FreeChannel::new());
            let back: &FreeChannel = for_ever(FreeChannel::new());
            let ask: Body<Y> = Box::new(move |me| {
                let (there, back) = (there.sender(me), back.receiver(me));
                for _ in 0..PHASES {
                    for number in 0..exchanges {
                        there.send(number);
                        assert_eq!(back.recv(), number);
                    }
                    me.rest();
                }
            });
            let answer: Body<Y> = Box::new(move |me| {
                let (there, back) = (there.receiver(me), back.sender(me));
                for _ in 0..PHASES {
                    for number in 0..exchanges {
                        assert_eq!(there.recv(), number);
                        back.send(number);
                    }
                    me.rest();
                }
            });
            [ask, answer]
        })
        .collect()
}

/// Runs them on 1 to 4 CPUs, checks what must be so under any policy, and returns what was counted, by CPUs.
fn counts_of<Y: Policy>(pairs: u32, exchanges: u64) -> Vec<(u32, Counted)> {
    let mut all = Vec::new();
    for cpus in 1..=4 {
        for counted in run::<Y>(cpus, PHASES, ping_pong(pairs, exchanges)) {
            assert_eq!(counted.handoffs, 2 * exchanges * u64::from(pairs), "{cpus} CPUs");
            assert_eq!(counted.ipis_sent, counted.ipis_taken, "{cpus} CPUs: {counted:?}");
            assert_eq!(counted.ipis_sent, counted.free.calls, "{cpus} CPUs: {counted:?}");
            all.push((cpus, counted));
        }
    }
    all
}

#[test]
fn round_robin_hands_over_between_the_cpus_that_tasks_were_dealt_to() {
    // So often that a CPU which halts without a second look was seen to sleep for ever.
    for (cpus, counted) in counts_of::<RoundRobin>(3, 10_000) {
        // The two of a pair have neighbouring numbers.
        assert_eq!(counted.free.crossings, if cpus == 1 { 0 } else { counted.handoffs });
        assert_eq!(counted.free.steals, 0);
    }
}

#[test]
fn lifo_brings_a_pair_together_and_keeps_it_there() {
    for (_, counted) in counts_of::<Lifo>(3, 2_000) {
        assert!(counted.free.crossings <= 2 * 3, "{counted:?}");
        assert_eq!(counted.free.steals, 0);
    }
}

#[test]
fn stealing_loses_no_message_and_no_wake_up() {
    for (cpus, counted) in counts_of::<Stealing>(3, 2_000) {
        assert!(counted.free.crossings <= counted.handoffs);
        assert!(cpus > 1 || counted.free == FreeCounts::default(), "{counted:?}");
    }
}

/// Each task keeps its CPU until another has begun, and all are put into CPU 0's queue: another CPU has to take one.
#[test]
fn task_whose_cpu_is_taken_is_stolen_by_one_that_idles() {
    const TASKS: u64 = 3;
    /// Where nobody comes it is for the assertion below to say so.
    const PATIENCE: Duration = Duration::from_secs(20);
    for _ in 0..20 {
        let begun: &AtomicU64 = for_ever(AtomicU64::new(0));
        let body = || -> Body<Stealing> {
            Box::new(move |_| {
                begun.fetch_add(1, Relaxed);
                let since = Instant::now();
                while begun.load(Relaxed) < 2 && since.elapsed() < PATIENCE {
                    thread::yield_now();
                }
            })
        };
        let counted = run::<Stealing>(2, 1, (0..TASKS).map(|_| body()).collect());
        assert!(counted[0].free.steals > 0, "{counted:?}");
        assert_eq!(begun.load(Relaxed), TASKS);
    }
}

/// In the midst of it, while its partner waits and other CPUs have just been called.
#[test]
fn settled_task_finds_every_ipi_taken_and_none_that_nobody_called() {
    const ROUNDS: u64 = 300;
    const EXCHANGES: u64 = 20;
    let cpus: &'static [_] = start_cpus(4).leak();
    let there: &FreeChannel = for_ever(FreeChannel::new());
    let back: &FreeChannel = for_ever(FreeChannel::new());
    let ask: Body<Stealing> = Box::new(move |me| {
        let (there, back) = (there.sender(me), back.receiver(me));
        let ipis = || {
            let sum = |counter: fn(&Counters) -> &AtomicU64| {
                cpus.iter().map(|cpu| counter(&cpu.counters()).load(Relaxed)).sum::<u64>()
            };
            me.settle();
            (sum(|c| c.ipis_sent), sum(|c| c.ipis_taken), me.counts())
        };
        let mut before = ipis();
        for round in 0..ROUNDS {
            for number in 0..EXCHANGES {
                there.send(number);
                assert_eq!(back.recv(), number);
            }
            let after = ipis();
            let (sent, taken) = (after.0 - before.0, after.1 - before.1);
            assert_eq!((sent, taken), (after.2.since(before.2).calls, sent), "round {round}");
            before = after;
        }
    });
    let answer: Body<Stealing> = Box::new(move |me| {
        let (there, back) = (there.receiver(me), back.sender(me));
        (0..ROUNDS * EXCHANGES).for_each(|_| back.send(there.recv()));
    });
    let counted = run_on(cpus, 1, vec![ask, answer]);
    assert_eq!(counted[0].handoffs, 2 * ROUNDS * EXCHANGES);
}

#[test]
#[should_panic(expected = "task 0 has an end of another pool's channel")]
fn channel_between_two_pools_is_refused() {
    let pipe: &FreeChannel = for_ever(FreeChannel::new());
    let said = Arc::new(Mutex::new(None));
    let say = said.clone();
    let send: Body<RoundRobin> = Box::new(move |me| {
        let _ = pipe.sender(me);
    });
    let receive: Body<RoundRobin> = Box::new(move |me| {
        // A panic can not leave a task's stack.
        let refused = catch_unwind(AssertUnwindSafe(|| pipe.receiver(me)));
        *say.lock().unwrap() = refused.err();
    });
    run(1, 1, vec![send]);
    run(1, 1, vec![receive]);
    if let Some(reason) = said.lock().unwrap().take() {
        resume_unwind(reason);
    }
}

#[test]
#[should_panic(expected = "the tasks of a pool are numbered from 0 on")]
fn task_whose_number_is_not_its_place_is_refused() {
    let seats = vec![Seat::new(vec![0; Queue::slots(2)].leak())].leak();
    let tasks = vec![FreeTask::new(0), FreeTask::new(2)].leak();
    let _ = HostPool::<RoundRobin>::new(seats, tasks, 0);
}

/// One slot: the second send waits for the first receive, wherever the two are.
#[test]
fn sender_waits_for_room() {
    fn deliver<Y: Policy>() {
        let pipe: &FreeChannel = for_ever(FreeChannel::new());
        let send: Body<Y> = Box::new(move |me| {
            let pipe = pipe.sender(me);
            (0..10_000).for_each(|number| pipe.send(number * number));
        });
        let receive: Body<Y> = Box::new(move |me| {
            let pipe = pipe.receiver(me);
            (0..10_000).for_each(|number| assert_eq!(pipe.recv(), number * number));
        });
        let counted = run::<Y>(3, 1, vec![send, receive]);
        assert_eq!(counted[0].handoffs, 10_000);
        assert_eq!(counted[0].ipis_sent, counted[0].ipis_taken);
    }
    deliver::<RoundRobin>();
    deliver::<Lifo>();
    deliver::<Stealing>();
}
