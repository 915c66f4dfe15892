//! Threads of the operating system, pinned: by futex, by pipe, by `sched_yield`, and spinning.

use std::sync::atomic::AtomicU32;
use std::{hint, thread};

use crate::Peer;
use crate::answer::About;
use crate::cpus::{Cores, pin};
use crate::link::pipe::by_pipe;
use crate::link::word::{by_word, futex_wait, futex_wake};
use crate::link::{Link, joined, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_linux;

/// How two threads wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a futex.
    Futex,
    /// In a read from a pipe.
    Pipe,
    /// Yielding, until it is their turn.
    Yield,
    /// Spinning on a cache line.
    Spin,
}

/// Two threads.
pub struct Threads(pub Way, pub Cores);

impl Peer for Threads {
    fn about(&self) -> About {
        let (id, title) = match (self.0, self.1) {
            (Way::Futex, Cores::Same) => ("futex-same-core", "threads, futex, one core"),
            (Way::Futex, Cores::Two) => ("futex-other-core", "threads, futex, two cores"),
            (Way::Pipe, Cores::Same) => ("pipe-same-core", "threads, pipe, one core"),
            (Way::Pipe, Cores::Two) => ("pipe-other-core", "threads, pipe, two cores"),
            (Way::Yield, Cores::Same) => ("sched-yield", "threads, sched_yield, one core"),
            (Way::Yield, Cores::Two) => ("sched-yield-other-core", "threads, sched_yield, two cores"),
            (Way::Spin, Cores::Same) => ("spin-same-core", "threads, spinning, one core"),
            (Way::Spin, Cores::Two) => ("spin-other-core", "threads, spinning on a cache line, two cores"),
        };
        let base = match (self.0, self.1) {
            (Way::Yield, Cores::Same) => Some("ours-yield"),
            (_, Cores::Same) => Some("ours-channel"),
            (_, Cores::Two) => None,
        };
        About { id, title, base, version: of_linux() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let cpus = self.1.cpus()?;
        let word = AtomicU32::new(0);
        match self.0 {
            Way::Futex => between(plan, cpus, by_word(&word, futex_wait, futex_wake)),
            Way::Yield => between(plan, cpus, by_word(&word, |_, _| thread::yield_now(), |_| {})),
            Way::Spin => between(plan, cpus, by_word(&word, |_, _| hint::spin_loop(), |_| {})),
            Way::Pipe => between(plan, cpus, by_pipe()?),
        }
    }
}

fn between<L: Link + Send>(
    plan: Plan,
    [first, second]: [usize; 2],
    [mut here, mut there]: [L; 2],
) -> Result<Times, Failure> {
    thread::scope(|scope| {
        let answering = scope.spawn(move || {
            pin(second)?;
            Ok(pong(plan, &mut there))
        });
        pin(first)?;
        let ping = ping(plan, &mut here);
        let pong = answering.join().expect("a side does not panic")?;
        joined(plan, ping, &pong)
    })
}
