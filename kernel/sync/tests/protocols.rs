//! The protocols on host threads: nothing is lost, nothing comes twice, counts are exact.

mod common;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use common::{Host, HostTask, run_all, spawn, start_cpus};
use switchlab_sync::{Counters, Cpu};

type HostChannel = switchlab_sync::Channel<Host>;

fn channel() -> &'static HostChannel {
    Box::leak(Box::default())
}

fn get(cpu: &Cpu<Host>, counter: fn(&Counters) -> &AtomicU64) -> u64 {
    counter(&cpu.counters()).load(Relaxed)
}

/// Two tasks hand a number to and fro `exchanges` times; returns what was counted in between.
fn ping_pong(a: &'static Cpu<Host>, b: &'static Cpu<Host>, exchanges: u64) -> [u64; 4] {
    let (ping, pong) = (channel(), channel());
    let counts = Arc::new(Mutex::new([0; 4]));
    let result = counts.clone();
    let total = move || {
        let both = |counter| get(a, counter) + if std::ptr::eq(a, b) { 0 } else { get(b, counter) };
        [both(|c| c.handoffs), both(|c| c.switches), both(|c| c.ipis_sent), both(|c| c.ipis_taken)]
    };
    let first = spawn(0, a, move || {
        let (ping, pong) = (ping.sender(), pong.receiver());
        ping.send(0);
        assert_eq!(pong.recv(), 0);
        let before = total();
        for n in 1..=exchanges {
            ping.send(n);
            assert_eq!(pong.recv(), n);
        }
        let after = total();
        ping.send(u64::MAX);
        *result.lock().unwrap() = std::array::from_fn(|i| after[i] - before[i]);
    });
    let second = spawn(1, b, move || {
        let (ping, pong) = (ping.receiver(), pong.sender());
        for n in 0..=exchanges {
            assert_eq!(ping.recv(), n);
            pong.send(n);
        }
        // Stays until the other side has counted: an exit is a switch too.
        assert_eq!(ping.recv(), u64::MAX);
    });
    run_all(&[first, second]);
    *counts.lock().unwrap()
}

#[test]
fn same_core_exchange_is_two_handoffs_and_two_switches() {
    let cpus = start_cpus(1);
    assert_eq!(ping_pong(cpus[0], cpus[0], 10_000), [20_000, 20_000, 0, 0]);
}

#[test]
fn cross_core_exchange_is_two_handoffs_and_two_ipis_and_no_switch() {
    let cpus = start_cpus(2);
    assert_eq!(ping_pong(cpus[0], cpus[1], 10_000), [20_000, 0, 20_000, 20_000]);
}

/// Two channels to one task, in turn its CPU's line: each message is one IPI.
#[test]
fn channels_that_leave_the_line_to_each_other_lose_nothing() {
    const TURNS: u64 = 300;
    let cpus = start_cpus(2);
    let (here, far) = (cpus[0], cpus[1]);
    let (there, back) = ([channel(), channel()], channel());
    let counted = Arc::new(Mutex::new([0; 2]));
    let result = counted.clone();
    let receiver = spawn(0, here, move || {
        let (lines, back) = (there.map(|channel| channel.receiver()), back.sender());
        for line in &lines {
            assert_eq!(line.recv(), 0, "the first settles how messages go");
            line.leave_line();
        }
        let count = || [get(here, |c| c.ipis_taken), get(far, |c| c.ipis_sent)];
        let before = count();
        for turn in 1..=TURNS {
            let line = &lines[turn as usize % 2];
            line.take_line();
            back.send(turn);
            assert_eq!(line.recv(), turn);
            line.leave_line();
        }
        let after = count();
        *result.lock().unwrap() = [0, 1].map(|i| after[i] - before[i]);
        back.send(u64::MAX);
    });
    let sender = spawn(1, far, move || {
        let (lines, back) = (there.map(|channel| channel.sender()), back.receiver());
        lines.iter().for_each(|line| line.send(0));
        for turn in 1..=TURNS {
            assert_eq!(back.recv(), turn);
            lines[turn as usize % 2].send(turn);
        }
        assert_eq!(back.recv(), u64::MAX);
    });
    run_all(&[receiver, sender]);
    assert_eq!(*counted.lock().unwrap(), [TURNS, TURNS]);
}

/// What becomes of a receiver that takes its CPU's line though its messages do not go by one: it has received
/// `received` messages of the sender on CPU `from`, behind another channel's on the same two CPUs.
fn take_line_in_vain(from: usize, received: u64) {
    let cpus = start_cpus(2);
    let (other, pipe) = (channel(), channel());
    let said = Arc::new(Mutex::new(None));
    let say = said.clone();
    let receiver = spawn(0, cpus[0], move || {
        let (other, pipe) = (other.receiver(), pipe.receiver());
        assert_eq!(other.recv(), 0);
        (0..received).for_each(|n| assert_eq!(pipe.recv(), n));
        other.leave_line();
        // A panic can not leave a task's stack.
        let refused = catch_unwind(AssertUnwindSafe(|| pipe.take_line()));
        *say.lock().unwrap() = refused.err();
    });
    let sender = spawn(1, cpus[from], move || {
        other.sender().send(0);
        let pipe = pipe.sender();
        (0..received).for_each(|n| pipe.send(n));
    });
    run_all(&[receiver, sender]);
    if let Some(reason) = said.lock().unwrap().take() {
        resume_unwind(reason);
    }
}

#[test]
#[should_panic(expected = "the messages of this channel do not go by a line")]
fn channel_within_one_cpu_is_no_line() {
    take_line_in_vain(0, 1);
}

#[test]
#[should_panic(expected = "the messages of this channel do not go by a line")]
fn channel_whose_messages_are_posted_is_no_line() {
    take_line_in_vain(1, 1);
}

#[test]
#[should_panic(expected = "the messages of this channel do not go by a line")]
fn channel_that_nothing_was_sent_by_is_no_line() {
    take_line_in_vain(1, 0);
}

#[test]
fn yielding_tasks_run_in_turn() {
    const TASKS: usize = 3;
    const TURNS: usize = 50;
    let cpus = start_cpus(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let [ready, gates] = [(); 2].map(|()| [(); TASKS].map(|()| channel()));
    let mut all: Vec<_> = (0..TASKS)
        .map(|me| {
            let order = order.clone();
            spawn(me as u32, cpus[0], move || {
                ready[me].sender().send(0);
                gates[me].receiver().recv();
                for _ in 0..TURNS {
                    order.lock().unwrap().push(me);
                    Cpu::<Host>::yield_now();
                }
            })
        })
        .collect();
    all.push(spawn(TASKS as u32, cpus[0], move || {
        // Only when all are there, whenever their wake-ups came, they begin.
        ready.iter().for_each(|ready| _ = ready.receiver().recv());
        gates.iter().for_each(|gate| gate.sender().send(0));
    }));
    run_all(&all);
    let order = order.lock().unwrap();
    let turns = |me| order.iter().enumerate().filter(move |(_, who)| **who == me).map(|(at, _)| at);
    let all_begun = (0..TASKS).filter_map(|me| turns(me).next()).max().unwrap();
    let one_ended = (0..TASKS).filter_map(|me| turns(me).next_back()).min().unwrap();
    assert!((0..TASKS).all(|me| turns(me).count() == TURNS), "{order:?}");
    // While all take part, each has its turn between two of any other.
    let in_turn = order.get(all_begun..=one_ended).unwrap_or_default();
    assert!(in_turn.len() > TURNS, "they ran one behind the other: {order:?}");
    for round in in_turn.windows(TASKS) {
        assert!((0..TASKS).all(|me| round.contains(&me)), "{round:?} in {order:?}");
    }
}

#[test]
fn wake_that_comes_first_is_not_lost() {
    let cpus = start_cpus(2);
    for _ in 0..200 {
        let sleeper = spawn(0, cpus[0], HostTask::block_current);
        let waker = spawn(1, cpus[1], move || sleeper.wake());
        run_all(&[sleeper, waker]);
    }
}

#[test]
fn many_cpus_wake_one_and_nothing_is_lost() {
    const EACH: u64 = 2000;
    let cpus = start_cpus(4);
    let hub: Vec<_> = (0..3).map(|_| (channel(), channel())).collect();
    let mut tasks = Vec::new();
    for (n, (request, reply)) in hub.iter().copied().enumerate() {
        let n = n as u32;
        tasks.push(spawn(n, cpus[n as usize + 1], move || {
            let (request, reply) = (request.sender(), reply.receiver());
            for i in 0..EACH {
                request.send(i);
                assert_eq!(reply.recv(), i + 1);
            }
        }));
        tasks.push(spawn(10 + n, cpus[0], move || {
            let (request, reply) = (request.receiver(), reply.sender());
            for i in 0..EACH {
                assert_eq!(request.recv(), i);
                reply.send(i + 1);
            }
        }));
    }
    run_all(&tasks);
}

#[test]
fn full_slot_blocks_the_sender_on_either_cpu() {
    let cpus = start_cpus(2);
    for (from, to) in [(0, 0), (0, 1)] {
        let pipe = channel();
        let sender = spawn(0, cpus[from], move || {
            let pipe = pipe.sender();
            (0..5000).for_each(|n| pipe.send(n));
        });
        let receiver = spawn(1, cpus[to], move || {
            let pipe = pipe.receiver();
            (0..5000).for_each(|n| assert_eq!(pipe.recv(), n));
        });
        run_all(&[sender, receiver]);
    }
}

#[test]
fn task_that_only_yields_still_hears_other_cpus() {
    // The first message is posted, those after it come by the line.
    const MESSAGES: u64 = 3;
    // Never reached where they are heard; far more than it takes to be heard.
    const PATIENCE: u64 = 50_000_000;
    let cpus = start_cpus(2);
    let word = channel();
    let heard: &'static AtomicU64 = Box::leak(Box::default());
    let in_time: &'static AtomicU64 = Box::leak(Box::default());
    let busy = spawn(0, cpus[0], move || {
        for _ in 0..PATIENCE {
            if heard.load(Relaxed) == MESSAGES {
                in_time.store(1, Relaxed);
                break;
            }
            Cpu::<Host>::yield_now();
        }
    });
    let listener = spawn(1, cpus[0], move || {
        let word = word.receiver();
        for n in 1..=MESSAGES {
            assert_eq!(word.recv(), n);
            heard.store(n, Relaxed);
        }
    });
    let speaker = spawn(2, cpus[1], move || {
        let word = word.sender();
        (1..=MESSAGES).for_each(|n| word.send(n));
    });
    run_all(&[busy, listener, speaker]);
    assert_eq!(in_time.load(Relaxed), 1, "CPU 0 heard of it only when its task had ended");
}

#[test]
fn tasks_that_only_wait_for_each_other_still_hear_other_cpus() {
    // Never reached where the wake-up is heard; far more than it takes to be heard.
    const PATIENCE: u64 = 20_000_000;
    let cpus = start_cpus(2);
    let (there, back, word) = (channel(), channel(), channel());
    let under_way: &'static AtomicU64 = Box::leak(Box::default());
    let heard: &'static AtomicU64 = Box::leak(Box::default());
    let in_time: &'static AtomicU64 = Box::leak(Box::default());
    let first = spawn(0, cpus[0], move || {
        let (there, back) = (there.sender(), back.receiver());
        for n in 0..PATIENCE {
            if heard.load(Relaxed) != 0 {
                in_time.store(1, Relaxed);
                break;
            }
            there.send(1);
            back.recv();
            under_way.store(n, Relaxed);
        }
        there.send(0);
    });
    let second = spawn(1, cpus[0], move || {
        let (there, back) = (there.receiver(), back.sender());
        while there.recv() != 0 {
            back.send(0);
        }
    });
    let listener = spawn(2, cpus[0], move || heard.store(word.receiver().recv(), Relaxed));
    let speaker = spawn(3, cpus[1], move || {
        // From here on CPU 0 does not halt.
        while under_way.load(Relaxed) < 100 {
            std::thread::yield_now();
        }
        word.sender().send(7);
    });
    run_all(&[first, second, listener, speaker]);
    assert_eq!(in_time.load(Relaxed), 1, "CPU 0 heard of it only when its tasks had ended");
}

#[test]
fn state_of_a_task_follows_from_where_it_is() {
    let cpus = start_cpus(1);
    let (there, back) = (channel(), channel());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let states = seen.clone();
    let answering = spawn(0, cpus[0], move || {
        let (there, back) = (there.receiver(), back.sender());
        for n in 0..3 {
            assert_eq!(there.recv(), n);
            back.send(n);
        }
    });
    let asking = spawn(1, cpus[0], move || {
        let (there, back) = (there.sender(), back.receiver());
        let me = Cpu::<Host>::current();
        let look = || states.lock().unwrap().push([me.state().name(), answering.state().name()]);
        for n in 0..3 {
            look();
            there.send(n);
            look();
            assert_eq!(back.recv(), n);
        }
        Cpu::<Host>::yield_now();
        look();
    });
    run_all(&[answering, asking]);
    let seen = seen.lock().unwrap();
    // Started first and not yet run, or waiting for the first message; from the second on it is handed the CPU,
    // and waits for the next when it gives it back.
    assert_eq!(seen[2..5], [["running", "blocked"]; 3]);
    // With the last message it has ended.
    assert_eq!(seen[5..], [["running", "exited"]; 2]);
    assert_eq!((answering.state().name(), asking.state().name()), ("exited", "exited"));
}

#[test]
fn task_in_line_has_its_turn_however_long_two_hand_the_cpu_to_and_fro() {
    const PATIENCE: u64 = 1_000_000;
    let cpus = start_cpus(1);
    let (there, back) = (channel(), channel());
    let had_its_turn: &'static AtomicU64 = Box::leak(Box::default());
    let turns_before: &'static AtomicU64 = Box::leak(Box::default());
    let answering = spawn(0, cpus[0], move || {
        let (there, back) = (there.receiver(), back.sender());
        while there.recv() != 0 {
            back.send(0);
        }
    });
    let asking = spawn(1, cpus[0], move || {
        let (there, back) = (there.sender(), back.receiver());
        for n in 0..PATIENCE {
            there.send(1);
            back.recv();
            if n == 10 {
                // In line from here on.
                let third = spawn(2, Cpu::<Host>::current().cpu(), move || had_its_turn.store(1, Relaxed));
                // SAFETY: `spawn` prepared its context.
                unsafe { third.start() };
            }
            if had_its_turn.load(Relaxed) != 0 {
                break;
            }
            turns_before.store(n, Relaxed);
        }
        there.send(0);
    });
    run_all(&[answering, asking]);
    assert!(turns_before.load(Relaxed) < 13, "{} exchanges before its turn", turns_before.load(Relaxed));
}
