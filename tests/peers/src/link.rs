//! The exchange of two sides that pass numbers, for every peer that is more than a bare switch: the loops,
//! once for sides that block and once for sides that are polled. The first side says 1, the second 2, the
//! first 3: each checks that it got the one that was due.

pub mod pipe;
pub mod socket;
pub mod word;

use std::future::Future;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::plan::{Failure, Plan, Times};

/// A side's end, which blocks.
pub trait Link {
    /// Passes a number on.
    fn hand(&mut self, number: u32);
    /// Waits for the other side's; `None` where there is no other side any more.
    fn take(&mut self) -> Option<u32>;
}

/// A side's end, which is polled.
pub trait PolledLink: Send {
    /// Passes a number on.
    fn hand(&mut self, number: u32) -> impl Future<Output = ()> + Send;
    /// Waits for the other side's; `None` where there is no other side any more.
    fn take(&mut self) -> impl Future<Output = Option<u32>> + Send;
}

/// What a side comes to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Side {
    times: Times,
    count: u64,
    wrong: u64,
}

impl Side {
    fn got(&mut self, number: Option<u32>, due: u32) {
        self.count += u64::from(number.is_some());
        self.wrong += u64::from(number.is_some_and(|number| number != due));
    }
}

/// Both sides to one result.
pub fn joined(plan: Plan, ping: Side, pong: &Side) -> Result<Times, Failure> {
    plan.check(ping.count, pong.count, ping.wrong + pong.wrong)?;
    Ok(ping.times)
}

/// The number that goes one way in an exchange, and the one that comes back. They wrap: what is lost is the
/// one before or after.
fn numbers(exchange: u64) -> [u32; 2] {
    [1, 2].map(|step| (2 * exchange + step) as u32)
}

/// The side that starts, and holds the clock.
pub fn ping(plan: Plan, link: &mut impl Link) -> Side {
    let mut side = Side::default();
    for block in plan.blocks() {
        let started = Instant::now();
        for exchange in block.clone() {
            let [there, back] = numbers(exchange);
            link.hand(there);
            let got = link.take();
            side.got(got, back);
        }
        side.times.push(&block, started.elapsed());
    }
    side
}

/// The side that answers.
pub fn pong(plan: Plan, link: &mut impl Link) -> Side {
    let mut side = Side::default();
    for exchange in 0..plan.total() {
        let [there, back] = numbers(exchange);
        let got = link.take();
        side.got(got, there);
        link.hand(back);
    }
    side
}

/// As [`ping`].
pub async fn polled_ping(plan: Plan, mut link: impl PolledLink) -> Side {
    let mut side = Side::default();
    for block in plan.blocks() {
        let started = Instant::now();
        for exchange in block.clone() {
            let [there, back] = numbers(exchange);
            link.hand(there).await;
            let got = link.take().await;
            side.got(got, back);
        }
        side.times.push(&block, started.elapsed());
    }
    side
}

/// As [`pong`].
pub async fn polled_pong(plan: Plan, mut link: impl PolledLink) -> Side {
    let mut side = Side::default();
    for exchange in 0..plan.total() {
        let [there, back] = numbers(exchange);
        let got = link.take().await;
        side.got(got, there);
        link.hand(back).await;
    }
    side
}

/// Which numbers are a side's to take: the second side's are odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The side that starts.
    Ping,
    /// The side that answers.
    Pong,
}

impl Turn {
    /// Whether `number` was said to this side.
    pub fn is_mine(self, number: u32) -> bool {
        match self {
            Self::Ping => number.is_multiple_of(2),
            Self::Pong => !number.is_multiple_of(2),
        }
    }
}
