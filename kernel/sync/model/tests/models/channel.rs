//! A channel between CPUs: each message is received once, in the order in which they were sent, whichever way it goes,
//! and each comes with one IPI.

use loom::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use crate::{
    explore::{Explore, Explored, for_ever},
    machine::{ModelChannel, ModelCpu, channel, counts, spawn, start},
};

type Pipe = &'static ModelChannel;

/// Two CPUs hand numbers to and fro, over two channels.
pub fn exchange(explore: Explore, exchanges: u64) -> Explored {
    explore.run(
        |_: [_; 2]| [channel(), channel()],
        [
            Box::new(move |[ping, pong]: [Pipe; 2], _| {
                let (ping, pong) = (ping.sender(), pong.receiver());
                for number in 1..=exchanges {
                    ping.send(number);
                    assert_eq!(pong.recv(), 10 * number);
                }
            }),
            Box::new(move |[ping, pong], _| {
                let (ping, pong) = (ping.receiver(), pong.sender());
                for number in 1..=exchanges {
                    assert_eq!(ping.recv(), number);
                    pong.send(10 * number);
                }
            }),
        ],
        move |_, cpus| {
            assert_eq!(cpus.map(ModelCpu::handoffs), [exchanges; 2]);
            let (sent, taken) = counts(&cpus);
            // The first may find that nobody is there yet.
            assert!(
                (2 * exchanges - 2..=2 * exchanges).contains(&sent) && taken == sent,
                "{sent} sent, {taken} taken"
            );
        },
    )
}

#[test]
fn exchanges_between_two_cpus_lose_nothing() {
    exchange(Explore::ALL, 2).at_least(1_000);
}

/// So many one behind the other, and what was written before each.
fn stream(explore: Explore, messages: u64) -> Explored {
    explore.run(
        |_: [_; 2]| (channel(), for_ever(AtomicU64::new(0))),
        [
            Box::new(move |(pipe, word): (Pipe, &'static AtomicU64), _| {
                let pipe = pipe.receiver();
                for number in 1..=messages {
                    assert_eq!(pipe.recv(), number);
                    assert!(word.load(Relaxed) >= number, "what was written before message {number}");
                }
            }),
            Box::new(move |(pipe, word), _| {
                let pipe = pipe.sender();
                for number in 1..=messages {
                    word.store(number, Relaxed);
                    pipe.send(number);
                }
            }),
        ],
        move |_, cpus| {
            assert_eq!(cpus[0].handoffs(), messages);
            let (sent, taken) = counts(&cpus);
            assert!(taken <= sent, "{sent} sent, {taken} taken");
        },
    )
}

#[test]
fn messages_of_a_stream_come_once_and_in_order() {
    stream(Explore::ALL, 1).at_least(10);
    stream(Explore::up_to(3), 2).at_least(500);
    stream(Explore::up_to(2), 3).at_least(500);
}

/// Two tasks of one CPU hand numbers to and fro, and never halt, while a third of it waits for another CPU's message.
#[test]
fn tasks_that_hand_over_on_one_cpu_hear_a_message_of_another() {
    type Shared = ([Pipe; 3], &'static AtomicU64);
    Explore::up_to(3)
        .run(
            |_: [_; 2]| ([(); 3].map(|()| channel()), for_ever(AtomicU64::new(0))),
            [
                Box::new(|([there, back, far], heard): Shared, cpu| {
                    let answers = spawn(10, cpu, || {
                        let (there, back) = (there.receiver(), back.sender());
                        loop {
                            back.send(there.recv());
                        }
                    });
                    let hears = spawn(11, cpu, || {
                        let far = far.receiver();
                        assert_eq!([far.recv(), far.recv()], [1, 2]);
                        heard.store(1, Relaxed);
                    });
                    [hears, answers].into_iter().for_each(start);
                    let (there, back) = (there.sender(), back.receiver());
                    let mut number = 0;
                    while heard.load(Relaxed) == 0 {
                        number += 1;
                        there.send(number);
                        assert_eq!(back.recv(), number);
                        // The checker runs the other CPU before this one goes round once more.
                        thread::yield_now();
                    }
                }),
                Box::new(|([_, _, far], _), _| {
                    let far = far.sender();
                    (1..=2).for_each(|number| far.send(number));
                }),
            ],
            |_, _| (),
        )
        .at_least(500);
}

/// Messages of two CPUs to one: one channel is its line, the other's are posted.
#[test]
fn messages_of_two_cpus_do_not_take_each_others_wake_ups() {
    for (messages, preemptions) in [(1, 2), (2, 0)] {
        Explore::up_to(preemptions)
            .run(
                |_: [_; 3]| [channel(), channel()],
                [
                    Box::new(move |pipes: [Pipe; 2], _| {
                        let [first, second] = pipes.map(|pipe| pipe.receiver());
                        for number in 1..=messages {
                            assert_eq!(first.recv(), number);
                            assert_eq!(second.recv(), 10 * number);
                        }
                    }),
                    Box::new(move |[pipe, _], _| {
                        let pipe = pipe.sender();
                        (1..=messages).for_each(|number| pipe.send(number));
                    }),
                    Box::new(move |[_, pipe], _| {
                        let pipe = pipe.sender();
                        (1..=messages).for_each(|number| pipe.send(10 * number));
                    }),
                ],
                move |_, cpus| assert_eq!(cpus[0].handoffs(), 2 * messages),
            )
            .at_least(50);
    }
}

/// The receiver's CPU is interrupted by a third, and finds a message whose own IPI is still to come.
#[test]
fn message_that_another_interrupt_shows_is_whole() {
    Explore::up_to(1)
        .run(
            |cpus: [_; 3]| (channel(), cpus[0]),
            [
                Box::new(|(pipe, _): (Pipe, &'static ModelCpu), _| {
                    let pipe = pipe.receiver();
                    (1..=3).for_each(|number| assert_eq!(pipe.recv(), number));
                }),
                Box::new(|(pipe, _), _| {
                    let pipe = pipe.sender();
                    (1..=3).for_each(|number| pipe.send(number));
                }),
                Box::new(|(_, receiver), _| receiver.cpu().interrupt()),
            ],
            |_, cpus| assert_eq!(cpus[0].handoffs(), 3),
        )
        .at_least(100);
}
