//! What a channel tells its ends: that the other's task is gone, and when others run meanwhile.

mod common;

use std::cell::Cell;

use common::{Host, run_all, spawn, start_cpus};
use switchlab_sync::Away;

type HostChannel = switchlab_sync::Channel<Host>;

fn channel() -> &'static HostChannel {
    Box::leak(Box::default())
}

/// The second of the two is on this one of two CPUs.
const PLACES: [usize; 2] = [0, 1];
/// Enough for each way that a message can go, and for the moments at which an end can be closed between CPUs.
const NUMBERS: [u64; 5] = [0, 1, 2, 3, 40];
const TURNS: usize = 30;

fn for_all(test: impl Fn(usize, u64)) {
    for place in PLACES {
        for numbers in NUMBERS {
            (0..TURNS).for_each(|_| test(place, numbers));
        }
    }
}

#[test]
fn receiver_gets_all_that_was_sent_and_then_is_told() {
    for_all(|place, numbers| {
        let cpus = start_cpus(2);
        let pipe = channel();
        let receiver = spawn(0, cpus[0], move || {
            let pipe = pipe.receiver();
            pipe.ask_to_be_told();
            for number in 1..=numbers {
                assert_eq!(pipe.recv(), number);
                assert!(!pipe.take_failure(), "message {number} of {numbers}");
            }
            for _ in 0..3 {
                assert_eq!(pipe.recv(), 0);
                assert!(pipe.take_failure(), "behind {numbers} messages");
            }
        });
        let sender = spawn(1, cpus[place], move || {
            let pipe = pipe.sender();
            (1..=numbers).for_each(|number| pipe.send(number));
            pipe.close();
        });
        run_all(&[receiver, sender]);
    });
}

#[test]
fn sender_that_nobody_hears_any_more_is_told_and_does_not_wait() {
    for_all(|place, numbers| {
        let cpus = start_cpus(2);
        let pipe = channel();
        let sender = spawn(0, cpus[0], move || {
            let pipe = pipe.sender();
            pipe.ask_to_be_told();
            let mut sent = 0;
            while !pipe.take_failure() {
                pipe.send(sent);
                sent += 1;
            }
            assert!(sent > numbers, "the first {numbers} were heard, not {sent}");
            pipe.send(0);
            assert!(pipe.take_failure());
        });
        let receiver = spawn(1, cpus[place], move || {
            let pipe = pipe.receiver();
            (0..numbers).for_each(|number| assert_eq!(pipe.recv(), number));
            pipe.close();
        });
        run_all(&[sender, receiver]);
    });
}

#[test]
fn who_does_not_ask_is_told_nothing() {
    let cpus = start_cpus(1);
    let pipe = channel();
    let sender = spawn(0, cpus[0], move || {
        let pipe = pipe.sender();
        pipe.send(1);
        pipe.send(2);
        pipe.send(3);
        assert!(!pipe.take_failure());
        pipe.close();
    });
    let receiver = spawn(1, cpus[0], move || {
        let pipe = pipe.receiver();
        assert_eq!([pipe.recv(), pipe.recv(), pipe.recv()], [1, 2, 3]);
        assert!(!pipe.take_failure());
    });
    run_all(&[sender, receiver]);
}

/// Counts how often the CPU was given away, and had back.
#[derive(Default)]
struct Counting {
    begun: Cell<u64>,
    ended: Cell<u64>,
}

impl Away for Counting {
    fn begins(&self) {
        assert_eq!(self.begun.get(), self.ended.get(), "away twice");
        self.begun.set(self.begun.get() + 1);
    }

    fn ends(&self) {
        self.ended.set(self.ended.get() + 1);
        assert_eq!(self.begun.get(), self.ended.get(), "back twice");
    }
}

#[test]
fn each_switch_is_told_once_to_who_leaves() {
    const EXCHANGES: u64 = 1_000;
    for place in PLACES {
        let cpus = start_cpus(2);
        let (there, back) = (channel(), channel());
        let asking = spawn(0, cpus[0], move || {
            let (there, back) = (there.sender(), back.receiver());
            let away = Counting::default();
            for number in 0..EXCHANGES {
                there.send_telling(number, &away);
                assert_eq!(back.recv_telling(&away), number);
            }
            // One more where a message is in a slot before it is settled how they go.
            let away = away.begun.get();
            assert!((EXCHANGES..=EXCHANGES + 2).contains(&away), "{away} times away");
        });
        let answering = spawn(1, cpus[place], move || {
            let (there, back) = (there.receiver(), back.sender());
            let away = Counting::default();
            for number in 0..EXCHANGES {
                assert_eq!(there.recv_telling(&away), number);
                back.send_telling(number, &away);
            }
            let away = away.begun.get();
            assert!((EXCHANGES..=EXCHANGES + 2).contains(&away), "{away} times away");
        });
        run_all(&[asking, answering]);
    }
}
