//! Two processes, each with an address space of its own, pinned: by pipe, and by a futex in memory that they share.

use crate::Peer;
use crate::answer::About;
use crate::cpus::{Cores, pin};
use crate::link::pipe::by_pipe;
use crate::link::word::{by_word, shared_futex_wait, shared_futex_wake, shared_word};
use crate::plan::{Failure, Plan, Times};
use crate::sides::between;
use crate::versions::of_linux;

/// How two processes wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a read from a pipe.
    Pipe,
    /// In a futex in memory that both have.
    Futex,
}

/// Two processes.
pub struct Processes(pub Way, pub Cores);

impl Peer for Processes {
    fn about(&self) -> About {
        let (id, title) = match (self.0, self.1) {
            (Way::Futex, Cores::Same) => ("process-futex-same-core", "processes, shared futex, one core"),
            (Way::Futex, Cores::Two) => ("process-futex-other-core", "processes, shared futex, two cores"),
            (Way::Pipe, Cores::Same) => ("process-pipe-same-core", "processes, pipe, one core"),
            (Way::Pipe, Cores::Two) => ("process-pipe-other-core", "processes, pipe, two cores"),
        };
        About { id, title, base: None, version: of_linux() }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let [first, second] = self.1.cpus()?;
        match self.0 {
            Way::Pipe => {
                let [here, there] = by_pipe()?;
                between(plan, || pin(first).map(|()| here), || pin(second).map(|()| there))
            }
            Way::Futex => {
                let [here, there] = by_word(shared_word()?, shared_futex_wait, shared_futex_wake);
                between(plan, || pin(first).map(|()| here), || pin(second).map(|()| there))
            }
        }
    }
}
