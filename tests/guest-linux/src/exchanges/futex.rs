//! A number in a word that both sides wait for in the kernel: what a lock, a condition variable and a
//! channel of threads come down to.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use rustix::io::Errno;
use rustix::thread::futex::{Flags, wait, wake};

use super::{Medium, check};

/// The last number that was handed over.
#[derive(Default)]
pub struct Futex(AtomicU32);

impl Futex {
    fn hand_over(&self, number: u32) -> anyhow::Result<()> {
        // Pairs with the load in `await_number`.
        self.0.store(number, Ordering::Release);
        wake(&self.0, Flags::PRIVATE, 1).context("waking")?;
        Ok(())
    }

    /// Waits while `before` is there, and holds what comes then against `number`.
    fn await_number(&self, before: u32, number: u32) -> anyhow::Result<()> {
        loop {
            let found = self.0.load(Ordering::Acquire);
            if found != before {
                return check(number, found);
            }
            match wait(&self.0, Flags::PRIVATE, before, None) {
                // It came meanwhile, or a signal did: look again.
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error).context("waiting"),
            }
        }
    }
}

impl Medium for Futex {
    fn ping(&self, number: u32) -> anyhow::Result<()> {
        self.hand_over(number)?;
        self.await_number(number, number + 1)
    }

    fn pong(&self, number: u32) -> anyhow::Result<()> {
        self.await_number(number - 1, number)?;
        self.hand_over(number + 1)
    }
}
