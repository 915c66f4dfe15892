//! The crate `futures`: its executor of one thread, `LocalPool`, with its bounded channel and with a task
//! that yields.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use futures::channel::mpsc::{Receiver, Sender, channel};
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use futures::{SinkExt, StreamExt};

use crate::Peer;
use crate::answer::About;
use crate::link::{PolledLink, Turn, joined, polled_ping, polled_pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// How two tasks hand over.
pub enum Pool {
    /// By a channel of one place each way.
    Channel,
    /// By yielding.
    Yield,
}

impl Peer for Pool {
    fn about(&self) -> About {
        let (id, title, base) = match self {
            Self::Channel => ("futures-channel", "futures LocalPool, channel", "ours-channel"),
            Self::Yield => ("futures-yield", "futures LocalPool, yield", "ours-yield"),
        };
        About { id, title, base: Some(base), version: of_crate("futures") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self {
            Self::Channel => {
                let [(to_pong, from_ping), (to_ping, from_pong)] = [channel(1), channel(1)];
                between(
                    plan,
                    ByChannel { to: to_pong, from: from_pong },
                    ByChannel { to: to_ping, from: from_ping },
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

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

fn between(
    plan: Plan,
    here: impl PolledLink + 'static,
    there: impl PolledLink + 'static,
) -> Result<Times, Failure> {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let pong = spawner.spawn_local_with_handle(polled_pong(plan, there)).expect("the pool is there");
    let ping = spawner.spawn_local_with_handle(polled_ping(plan, here)).expect("the pool is there");
    let (ping, pong) = pool.run_until(async { (ping.await, pong.await) });
    joined(plan, ping, &pong)
}

struct ByChannel {
    to: Sender<u32>,
    from: Receiver<u32>,
}

impl PolledLink for ByChannel {
    async fn hand(&mut self, number: u32) {
        // Where it fails the other side has gone, and the counts say so.
        let _ = self.to.send(number).await;
    }

    async fn take(&mut self) -> Option<u32> {
        self.from.next().await
    }
}

struct ByYield {
    number: Arc<AtomicU32>,
    turn: Turn,
}

impl PolledLink for ByYield {
    async fn hand(&mut self, number: u32) {
        self.number.store(number, Ordering::Relaxed);
    }

    async fn take(&mut self) -> Option<u32> {
        loop {
            let number = self.number.load(Ordering::Relaxed);
            if self.turn.is_mine(number) {
                return Some(number);
            }
            yield_now().await;
        }
    }
}

/// Lets the other tasks run first. The crate has none of its own.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
