//! The crate `tokio`: tasks on the current thread, and on two workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::yield_now;

use crate::Peer;
use crate::answer::About;
use crate::link::{PolledLink, Turn, joined, polled_ping, polled_pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// How two tasks hand over.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// By a channel of one place each way.
    Mpsc,
    /// By `Notify`, with the number beside it.
    Notify,
    /// By yielding.
    Yield,
}

/// What runs them.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// The current thread.
    Current,
    /// Two threads.
    Two,
}

/// Two tasks.
pub struct Tokio(pub Way, pub Workers);

impl Peer for Tokio {
    fn about(&self) -> About {
        let (id, title, base) = match (self.0, self.1) {
            (Way::Mpsc, Workers::Current) => ("tokio-mpsc", "tokio, one thread, mpsc", "ours-channel"),
            (Way::Notify, Workers::Current) => ("tokio-notify", "tokio, one thread, Notify", "ours-channel"),
            (Way::Yield, Workers::Current) => ("tokio-yield", "tokio, one thread, yield", "ours-yield"),
            (Way::Mpsc, Workers::Two) => ("tokio-mpsc-two", "tokio, two workers, mpsc", "ours-channel"),
            (Way::Notify, Workers::Two) => ("tokio-notify-two", "tokio, two workers, Notify", "ours-channel"),
            (Way::Yield, Workers::Two) => ("tokio-yield-two", "tokio, two workers, yield", "ours-yield"),
        };
        About { id, title, base: Some(base), version: of_crate("tokio") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        let runtime = match self.1 {
            Workers::Current => Builder::new_current_thread().build(),
            Workers::Two => Builder::new_multi_thread().worker_threads(2).build(),
        };
        let runtime = runtime.map_err(|why| Failure::System { what: "a runtime", why })?;
        let number = Arc::new(AtomicU32::new(0));
        match self.0 {
            Way::Mpsc => {
                let [(to_pong, from_ping), (to_ping, from_pong)] = [channel(1), channel(1)];
                between(
                    &runtime,
                    plan,
                    ByMpsc { to: to_pong, from: from_pong },
                    ByMpsc { to: to_ping, from: from_ping },
                )
            }
            Way::Notify => {
                let [ping, pong] = [(); 2].map(|()| Arc::new(Notify::new()));
                let here = ByNotify {
                    number: Arc::clone(&number),
                    mine: Arc::clone(&ping),
                    other: Arc::clone(&pong),
                };
                between(&runtime, plan, here, ByNotify { number, mine: pong, other: ping })
            }
            Way::Yield => {
                let [here, there] =
                    [Turn::Ping, Turn::Pong].map(|turn| ByYield { number: Arc::clone(&number), turn });
                between(&runtime, plan, here, there)
            }
        }
    }

    fn is_of_one_thread(&self) -> bool {
        matches!(self.1, Workers::Current)
    }
}

fn between(
    runtime: &Runtime,
    plan: Plan,
    here: impl PolledLink + 'static,
    there: impl PolledLink + 'static,
) -> Result<Times, Failure> {
    runtime.block_on(async {
        // Both are tasks: what `block_on` itself polls is woken otherwise.
        let pong = tokio::spawn(polled_pong(plan, there));
        let ping = tokio::spawn(polled_ping(plan, here));
        let (ping, pong) = (ping.await.expect("it does not panic"), pong.await.expect("it does not panic"));
        joined(plan, ping, &pong)
    })
}

struct ByMpsc {
    to: Sender<u32>,
    from: Receiver<u32>,
}

impl PolledLink for ByMpsc {
    async fn hand(&mut self, number: u32) {
        // Where it fails the other side has gone, and the counts say so.
        let _ = self.to.send(number).await;
    }

    async fn take(&mut self) -> Option<u32> {
        self.from.recv().await
    }
}

struct ByNotify {
    number: Arc<AtomicU32>,
    mine: Arc<Notify>,
    other: Arc<Notify>,
}

impl PolledLink for ByNotify {
    async fn hand(&mut self, number: u32) {
        // Pairs with the acquire in `take`.
        self.number.store(number, Ordering::Release);
        self.other.notify_one();
    }

    async fn take(&mut self) -> Option<u32> {
        self.mine.notified().await;
        // Pairs with the release in `hand`.
        Some(self.number.load(Ordering::Acquire))
    }
}

struct ByYield {
    number: Arc<AtomicU32>,
    turn: Turn,
}

impl PolledLink for ByYield {
    async fn hand(&mut self, number: u32) {
        // Pairs with the acquire in `take`.
        self.number.store(number, Ordering::Release);
    }

    async fn take(&mut self) -> Option<u32> {
        loop {
            // Pairs with the release in `hand`.
            let number = self.number.load(Ordering::Acquire);
            if self.turn.is_mine(number) {
                return Some(number);
            }
            yield_now().await;
        }
    }
}
