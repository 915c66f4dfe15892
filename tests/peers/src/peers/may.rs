//! The crate `may`: stackful coroutines with a scheduler, here of one worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use may::coroutine;
use may::sync::mpsc::{Receiver, Sender, channel};

use crate::Peer;
use crate::answer::About;
use crate::link::{Link, Turn, joined, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// How two coroutines hand over.
pub enum May {
    /// By a channel without bound each way; there is no other.
    Mpsc,
    /// By yielding.
    Yield,
}

impl Peer for May {
    fn about(&self) -> About {
        let (id, title, base) = match self {
            Self::Mpsc => ("may-mpsc", "may, one worker, mpsc", "ours-channel"),
            Self::Yield => ("may-yield", "may, one worker, yield", "ours-yield"),
        };
        About { id, title, base: Some(base), version: of_crate("may") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        may::config().set_workers(1);
        match self {
            Self::Mpsc => {
                let [(to_pong, from_ping), (to_ping, from_pong)] = [channel(), channel()];
                between(
                    plan,
                    ByMpsc { to: to_pong, from: from_pong },
                    ByMpsc { to: to_ping, from: from_ping },
                )
            }
            Self::Yield => {
                let number = Arc::new(AtomicU32::new(0));
                let [here, there] =
                    [Turn::Ping, Turn::Pong].map(|turn| ByYield { number: Arc::clone(&number), turn });
                between(plan, here, there)
            }
        }
    }
}

fn between(
    plan: Plan,
    mut here: impl Link + Send + 'static,
    mut there: impl Link + Send + 'static,
) -> Result<Times, Failure> {
    // SAFETY: neither uses thread-local storage, nor much of its stack.
    let answering = unsafe { coroutine::spawn(move || pong(plan, &mut there)) };
    // SAFETY: as above.
    let starting = unsafe { coroutine::spawn(move || ping(plan, &mut here)) };
    let ping = starting.join().expect("a side does not panic");
    let pong = answering.join().expect("a side does not panic");
    joined(plan, ping, &pong)
}

struct ByMpsc {
    to: Sender<u32>,
    from: Receiver<u32>,
}

impl Link for ByMpsc {
    fn hand(&mut self, number: u32) {
        // Where it fails the other side has gone, and the counts say so.
        let _ = self.to.send(number);
    }

    fn take(&mut self) -> Option<u32> {
        self.from.recv().ok()
    }
}

struct ByYield {
    number: Arc<AtomicU32>,
    turn: Turn,
}

impl Link for ByYield {
    fn hand(&mut self, number: u32) {
        // Pairs with the acquire in `take`.
        self.number.store(number, Ordering::Release);
    }

    fn take(&mut self) -> Option<u32> {
        loop {
            // Pairs with the release in `hand`.
            let number = self.number.load(Ordering::Acquire);
            if self.turn.is_mine(number) {
                return Some(number);
            }
            coroutine::yield_now();
        }
    }
}
