//! Channels deliver in order, and block both ways: on one CPU and across two.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{check, count, cpu, for_ever, spawn};
use switchlab_kernel::{
    bring_up::Lab,
    sched::{self, Channel},
};

const MESSAGES: u64 = 20_000;

pub fn channels(lab: &Lab) {
    let mut pairs = 1;
    deliver_in_order(0, 0);
    if lab.cpus > 1 {
        deliver_in_order(0, 1);
        deliver_in_order(1, 0);
        pairs = 3;
    }
    block_both_ways();
    message_before_the_receiver();
    count("messages", pairs * MESSAGES);
}

fn deliver_in_order(from: usize, to: usize) {
    let pipe = for_ever(Channel::new());
    let sender = spawn(cpu(from), move || {
        let pipe = pipe.sender();
        (0..MESSAGES).for_each(|n| pipe.send(n * n));
    });
    let receiver = spawn(cpu(to), move || {
        let pipe = pipe.receiver();
        for n in 0..MESSAGES {
            let found = pipe.recv();
            check!(found == n * n, "CPU {from} to {to}: message {n} is {found}, not {}", n * n);
        }
    });
    sender.join();
    receiver.join();
}

/// One slot: the second send waits for the first receive, a receive waits for a send.
fn block_both_ways() {
    let pipe = for_ever(Channel::new());
    let sent = for_ever(AtomicU64::new(0));
    let received = for_ever(AtomicU64::new(0));
    let last = for_ever(Channel::new());
    let sender = spawn(cpu(0), move || {
        let pipe = pipe.sender();
        for n in 0..3 {
            pipe.send(n);
            sent.store(n + 1, Relaxed);
        }
        pipe.send(last.receiver().recv());
    });
    for _ in 0..5 {
        sched::yield_now();
    }
    check!(sent.load(Relaxed) == 1, "{} sends into one slot without a receiver", sent.load(Relaxed));
    let receiver = spawn(cpu(0), move || {
        let pipe = pipe.receiver();
        for n in 0..4 {
            pipe.recv();
            received.store(n + 1, Relaxed);
        }
    });
    for _ in 0..5 {
        sched::yield_now();
    }
    check!(received.load(Relaxed) == 3, "{} of 3 messages received", received.load(Relaxed));
    last.sender().send(9);
    sender.join();
    receiver.join();
    check!(received.load(Relaxed) == 4, "{} of 4 messages received", received.load(Relaxed));
}

fn message_before_the_receiver() {
    let pipe = for_ever(Channel::new());
    let sender = pipe.sender();
    sender.send(42);
    let receiver = spawn(cpu(0), move || {
        let pipe = pipe.receiver();
        check!(pipe.recv() == 42, "a message that came before its receiver was lost");
        check!(pipe.recv() == 43, "the message after it was lost");
    });
    sender.send(43);
    receiver.join();
}
