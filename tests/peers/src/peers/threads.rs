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

/// Two threads, by how they wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// In a futex.
    Futex(Cores),
    /// In a read from a pipe.
    Pipe(Cores),
    /// Yielding on one core, until it is their turn.
    Yield,
    /// Spinning on a cache line, on two cores.
    Spin,
}

impl Threads {
    const fn cores(self) -> Cores {
        match self {
            Self::Futex(cores) | Self::Pipe(cores) => cores,
            Self::Yield => Cores::Same,
            Self::Spin => Cores::Two,
        }
    }
}

impl Peer for Threads {
    fn about(&self) -> About {
        let (id, title) = match self {
            Self::Futex(Cores::Same) => ("futex-same-core", "threads, futex, one core"),
            Self::Futex(Cores::Two) => ("futex-other-core", "threads, futex, two cores"),
            Self::Pipe(Cores::Same) => ("pipe-same-core", "threads, pipe, one core"),
            Self::Pipe(Cores::Two) => ("pipe-other-core", "threads, pipe, two cores"),
            Self::Yield => ("sched-yield", "threads, sched_yield, one core"),
            Self::Spin => ("spin-other-core", "threads, spinning on a cache line, two cores"),
        };
        let base = match (self, self.cores()) {
            (Self::Yield, _) => Some("ours-yield"),
            (_, Cores::Same) => Some("ours-channel"),
            (_, Cores::Two) => None,
        };
        About { id, title, base, version: of_linux() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let cpus = self.cores().cpus()?;
        let word = AtomicU32::new(0);
        match self {
            Self::Futex(_) => between(plan, cpus, by_word(&word, futex_wait, futex_wake)),
            Self::Yield => between(plan, cpus, by_word(&word, |_, _| thread::yield_now(), |_| {})),
            Self::Spin => between(plan, cpus, by_word(&word, |_, _| hint::spin_loop(), |_| {})),
            Self::Pipe(_) => between(plan, cpus, by_pipe()?),
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
