//! The end of a channel between two CPUs, in all orders: nobody waits for ever for who is gone, nothing that was sent is
//! lost but what nobody could receive any more, and nobody is told twice.
//!
//! Within one CPU there is one order; `kernel/sync/tests/told.rs` has that.

use switchlab_sync_model::{Receiver, Sender};

use crate::{
    explore::Explore,
    machine::{Model, ModelChannel, ModelCpu, channel},
};

/// Messages before the end, and preemptions: enough for each way that a message can go, and for each moment of it.
const SIZES: [(u64, usize); 4] = [(0, 3), (1, 2), (2, 1), (3, 1)];

/// Runs these two, of two CPUs.
fn in_all_orders<S: Copy + 'static>(
    preemptions: usize,
    share: impl Fn() -> S + Send + Sync + 'static,
    first: impl Fn(S, &'static ModelCpu) + Send + Sync + 'static,
    second: impl Fn(S, &'static ModelCpu) + Send + Sync + 'static,
) {
    Explore::up_to(preemptions)
        .run(move |_| share(), [Box::new(first), Box::new(second)], |_, _| ())
        .at_least(5);
}

/// Does it, and asserts that it took at most so many IPIs.
fn by_ipis(most: u64, cpu: &ModelCpu, what: impl FnOnce()) {
    let before = cpu.ipis_sent();
    what();
    let sent = cpu.ipis_sent() - before;
    assert!(sent <= most, "{sent} IPIs");
}

/// Receives all that a sender sends which ends then; and is told so.
fn receive_to_the_end(pipe: &Receiver<Model>, messages: u64) {
    for message in 1..=messages {
        assert_eq!(pipe.recv(), message);
        assert!(!pipe.take_failure(), "message {message} of {messages}");
    }
    for _ in 0..2 {
        assert_eq!(pipe.recv(), 0);
        assert!(pipe.take_failure(), "behind {messages} messages");
    }
}

/// Sends until the receiver is gone, which has received so many; and is told so each time.
fn send_to_the_end(pipe: &Sender<Model>, messages: u64) {
    let mut sent = 0;
    loop {
        pipe.send(sent + 1);
        if pipe.take_failure() {
            break;
        }
        sent += 1;
    }
    // One can lie in the slot.
    assert!((messages..=messages + 1).contains(&sent), "{sent} sent, {messages} received");
    pipe.send(0);
    assert!(pipe.take_failure());
}

#[test]
fn receiver_gets_all_that_was_sent_and_then_is_told() {
    for (messages, preemptions) in SIZES {
        in_all_orders(
            preemptions,
            channel,
            move |pipe: &'static ModelChannel, _| {
                let pipe = pipe.receiver();
                pipe.ask_to_be_told();
                receive_to_the_end(&pipe, messages);
            },
            move |pipe, cpu| {
                let pipe = pipe.sender();
                (1..=messages).for_each(|message| pipe.send(message));
                by_ipis(1, cpu, || pipe.close());
            },
        );
    }
}

#[test]
fn sender_that_nobody_hears_any_more_is_told_and_does_not_wait() {
    for (messages, preemptions) in SIZES {
        in_all_orders(
            preemptions,
            channel,
            move |pipe: &'static ModelChannel, _| {
                let pipe = pipe.sender();
                pipe.ask_to_be_told();
                send_to_the_end(&pipe, messages);
            },
            move |pipe, cpu| {
                let pipe = pipe.receiver();
                (1..=messages).for_each(|message| assert_eq!(pipe.recv(), message));
                by_ipis(1, cpu, || pipe.close());
            },
        );
    }
}

/// Where another channel is the CPU's line, messages are posted.
#[test]
fn ends_of_a_channel_that_is_no_line_are_told_too() {
    in_all_orders(
        1,
        || [channel(), channel()],
        |[line, pipe]: [&'static ModelChannel; 2], _| {
            let (line, pipe) = (line.receiver(), pipe.receiver());
            pipe.ask_to_be_told();
            assert_eq!(line.recv(), 7);
            receive_to_the_end(&pipe, 2);
        },
        |[line, pipe], cpu| {
            let (line, pipe) = (line.sender(), pipe.sender());
            line.send(7);
            (1..=2).for_each(|message| pipe.send(message));
            by_ipis(1, cpu, || pipe.close());
        },
    );
    in_all_orders(
        1,
        || [channel(), channel()],
        |[line, pipe]: [&'static ModelChannel; 2], _| {
            let (line, pipe) = (line.sender(), pipe.sender());
            pipe.ask_to_be_told();
            line.send(7);
            send_to_the_end(&pipe, 2);
        },
        |[line, pipe], cpu| {
            let (line, pipe) = (line.receiver(), pipe.receiver());
            assert_eq!(line.recv(), 7);
            (1..=2).for_each(|message| assert_eq!(pipe.recv(), message));
            by_ipis(1, cpu, || pipe.close());
        },
    );
}

#[test]
fn both_can_end_at_once() {
    in_all_orders(
        3,
        channel,
        |pipe: &'static ModelChannel, cpu| {
            let pipe = pipe.receiver();
            pipe.ask_to_be_told();
            by_ipis(1, cpu, || pipe.close());
        },
        |pipe, cpu| {
            let pipe = pipe.sender();
            pipe.ask_to_be_told();
            pipe.send(1);
            by_ipis(1, cpu, || pipe.close());
        },
    );
}

#[test]
fn who_does_not_ask_is_told_nothing() {
    in_all_orders(
        2,
        channel,
        |pipe: &'static ModelChannel, _| {
            let pipe = pipe.receiver();
            assert_eq!([pipe.recv(), pipe.recv()], [1, 2]);
            assert!(!pipe.take_failure());
        },
        |pipe, cpu| {
            let pipe = pipe.sender();
            (1..=2).for_each(|message| pipe.send(message));
            by_ipis(0, cpu, || pipe.close());
        },
    );
}
