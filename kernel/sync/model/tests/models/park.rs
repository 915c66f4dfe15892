//! Park and wake: no wake-up is lost, whether it comes before the wait or behind it; none ends two waits; and who was
//! woken sees what the waker had written.

use loom::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};
use switchlab_sync_model::{Cpu, Task};

use crate::{
    explore::{Explore, Explored, for_ever, see},
    machine::{Model, ModelCpu, counts, spawn, start},
};

/// CPUs, and words that they write.
type Shared<const N: usize> = ([&'static ModelCpu; N], &'static [AtomicU64; N]);

fn share<const N: usize>(cpus: [&'static ModelCpu; N]) -> Shared<N> {
    (cpus, for_ever(std::array::from_fn(|_| AtomicU64::new(0))))
}

fn block() {
    Task::<Model>::block_current();
}

/// The first CPU's task waits once, the second CPU wakes it once.
pub fn park_and_wake(explore: Explore) -> Explored {
    explore.run(
        share,
        [
            Box::new(|(_, words): Shared<2>, cpu| {
                // Where it is here already it comes before the wait.
                Cpu::<Model>::take_arrived();
                block();
                assert_eq!(words[1].load(Relaxed), 1, "what the waker had written");
                see(["woken before it waits", "woken as it halts"][cpu.halts() as usize]);
            }),
            Box::new(|(cpus, words), _| {
                words[1].store(1, Relaxed);
                cpus[0].own_task().wake();
            }),
        ],
        |_, cpus| assert_eq!(counts(&cpus), (1, 1)),
    )
}

#[test]
fn wake_up_is_not_lost_whenever_it_comes() {
    park_and_wake(Explore::ALL).at_least(5).saw(&["woken before it waits", "woken as it halts"]);
}

/// Two wake each other in turn: one wake-up more or less, and one of them goes on before the other has written, or waits
/// for ever.
#[test]
fn each_wake_up_ends_one_wait() {
    const TURNS: u64 = 2;
    Explore::ALL
        .run(
            share,
            [
                Box::new(|(cpus, words): Shared<2>, _| {
                    for turn in 1..=TURNS {
                        words[0].store(turn, Relaxed);
                        cpus[1].own_task().wake();
                        Cpu::<Model>::take_arrived();
                        block();
                        assert_eq!(words[1].load(Relaxed), turn);
                    }
                }),
                Box::new(|(cpus, words), _| {
                    for turn in 1..=TURNS {
                        Cpu::<Model>::take_arrived();
                        block();
                        assert_eq!(words[0].load(Relaxed), turn);
                        words[1].store(turn, Relaxed);
                        cpus[0].own_task().wake();
                    }
                }),
            ],
            |_, cpus| assert_eq!(counts(&cpus), (2 * TURNS, 2 * TURNS)),
        )
        .at_least(10);
}

/// Two that meet on their way are one: the wait that it ends finds what both had written.
#[test]
fn wake_ups_that_meet_lose_nothing_that_was_written() {
    Explore::ALL
        .run(
            share,
            [
                Box::new(|(_, words): Shared<2>, _| {
                    let mut waits = 0;
                    while words[1].load(Relaxed) < 2 {
                        block();
                        waits += 1;
                    }
                    see(format_args!("{waits} waits"));
                }),
                Box::new(|(cpus, words), _| {
                    for number in 1..=2 {
                        words[1].store(number, Relaxed);
                        cpus[0].own_task().wake();
                    }
                }),
            ],
            |_, _| (),
        )
        .at_least(10)
        .saw(&["0 waits", "1 waits", "2 waits"]);
}

#[test]
fn wake_ups_of_two_cpus_lose_nothing_that_was_written() {
    fn waker(own: usize) -> impl Fn(Shared<3>, &'static ModelCpu) + Send + Sync {
        move |(cpus, words), _| {
            words[own].store(1, Relaxed);
            cpus[0].own_task().wake();
        }
    }
    Explore::up_to(3)
        .run(
            share,
            [
                Box::new(|(_, words): Shared<3>, _| {
                    let mut waits = 0;
                    while words[1].load(Relaxed) + words[2].load(Relaxed) < 2 {
                        block();
                        waits += 1;
                    }
                    see(format_args!("{waits} waits"));
                }),
                Box::new(waker(1)),
                Box::new(waker(2)),
            ],
            |_, cpus| {
                let (sent, taken) = counts(&cpus);
                assert!(taken <= sent && sent <= 2, "{sent} sent, {taken} taken");
            },
        )
        .at_least(1_000)
        .saw(&["0 waits", "1 waits", "2 waits"]);
}

/// An IPI that brings nothing ends no wait.
#[test]
fn interrupt_is_no_wake_up() {
    Explore::ALL
        .run(
            share,
            [
                Box::new(|(_, words): Shared<2>, cpu| {
                    block();
                    assert_eq!(words[1].load(Relaxed), 1, "what the waker had written");
                    see(format_args!("{} halts", cpu.halts()));
                }),
                Box::new(|(cpus, words), _| {
                    cpus[0].cpu().interrupt();
                    words[1].store(1, Relaxed);
                    cpus[0].own_task().wake();
                }),
            ],
            |_, _| (),
        )
        .at_least(5)
        .saw(&["1 halts", "2 halts"]);
}

/// Two tasks that only yield to each other never halt, and hear of a wake-up for a third all the same.
#[test]
fn tasks_that_only_give_way_hear_a_wake_up() {
    Explore::ALL
        .run(
            |cpus: [_; 2]| {
                let (cpus, words) = share(cpus);
                let waits = spawn(10, cpus[0], || {
                    block();
                    assert_eq!(words[1].load(Relaxed), 1, "what the waker had written");
                    words[0].store(1, Relaxed);
                });
                (words, waits)
            },
            [
                Box::new(|(words, waits): (&'static [AtomicU64; 2], _), cpu| {
                    start(waits);
                    start(spawn(11, cpu, || {
                        loop {
                            Cpu::<Model>::yield_now();
                        }
                    }));
                    while words[0].load(Relaxed) == 0 {
                        Cpu::<Model>::yield_now();
                        // The checker runs the other CPU before this one goes round once more.
                        thread::yield_now();
                    }
                    assert_eq!(cpu.halts(), 0);
                }),
                Box::new(|(words, waits), _| {
                    words[1].store(1, Relaxed);
                    waits.wake();
                }),
            ],
            |_, cpus| assert_eq!(counts(&cpus), (1, 1)),
        )
        .at_least(5);
}
