//! A number in a word that both sides look for, yielding the processor in between.

use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::sched_yield;

use super::{Medium, check};

/// The last number that was handed over.
#[derive(Default)]
pub struct Turns(AtomicU32);

impl Turns {
    /// Yields while `before` is there, and holds what comes then against `number`.
    fn await_number(&self, before: u32, number: u32) -> anyhow::Result<()> {
        loop {
            sched_yield();
            // Pairs with the stores below.
            let found = self.0.load(Ordering::Acquire);
            if found != before {
                return check(number, found);
            }
        }
    }
}

impl Medium for Turns {
    fn ping(&self, number: u32) -> anyhow::Result<()> {
        self.0.store(number, Ordering::Release);
        self.await_number(number, number + 1)
    }

    fn pong(&self, number: u32) -> anyhow::Result<()> {
        // The ping of this number may be there already: it was looked for in the last turn's yield.
        if self.0.load(Ordering::Acquire) == number - 1 {
            self.await_number(number - 1, number)?;
        }
        self.0.store(number + 1, Ordering::Release);
        Ok(())
    }
}
