//! A word from one CPU to another, for who waits without a scheduler: it spins, or spins and then halts.
//!
//! The word holds the last number that was put there, and who waits knows the one before: a number has come
//! when the word is another. So nobody has to empty it, and a put is one write.
//!
//! # Spinning, then halting
//!
//! Who has waited long enough puts [`ASLEEP`] into the same word, if it is still as it was, and halts. Who
//! puts a number swaps it in, and sends an IPI if what it took out is [`ASLEEP`].
//!
//! All that both sides decide by is this one word, which has one order of changes, so:
//!
//! 1. **Nobody sleeps for ever.** [`ASLEEP`] was put there before the number, and the put finds it; or after,
//!    and then the word is not as it was, and nobody halts.
//! 2. **No IPI is left behind.** One is sent for each [`ASLEEP`] that a put took out, and whoever put it there
//!    goes on only when that IPI was taken. IPIs sent = IPIs taken = halts announced and ended.
//!
//! It needs that the two take turns (a put is followed by another only when the first was received), and that
//! no other IPI is sent to the waiting CPU meanwhile.

use crate::{
    Cpu, Platform, Words,
    atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release},
};

/// In a slot to which nothing was put.
pub const NOTHING: u64 = u64::MAX;
/// In a slot whose receiver halts, or is about to.
pub const ASLEEP: u64 = u64::MAX - 1;

/// One word, from one CPU to one other. Numbers are what is less than [`ASLEEP`], and no two that follow each
/// other are the same.
///
/// On a pair of cache lines of its own: processors fetch two.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Slot(AtomicU64);

impl Slot {
    /// A slot to which nothing was put.
    pub const fn new() -> Self {
        Self(AtomicU64::new(NOTHING))
    }

    /// Makes it as new. Nobody uses it meanwhile.
    pub fn clear(&self) {
        self.0.store(NOTHING, Relaxed);
    }

    /// The word itself, for a processor that can wait for it.
    #[inline(always)]
    pub const fn word(&self) -> &AtomicU64 {
        &self.0
    }

    /// What it holds; a number, where that is not `last`, which is what was received from it before.
    #[inline(always)]
    pub fn look(&self) -> u64 {
        // Acquire: pairs with the puts.
        self.0.load(Acquire)
    }

    /// Puts a number there for a receiver that never halts.
    #[inline(always)]
    pub fn put(&self, number: u64) {
        self.0.store(number, Release);
    }

    /// Puts a number there, and wakes the receiver's CPU, which has the words `home`, where it sleeps.
    #[inline(always)]
    pub fn put_and_wake<P: Platform>(&self, number: u64, home: &'static Words) {
        // Acquire: an IPI is sent behind the put. The one before it to that CPU was taken: its receiver went
        // on only then.
        if self.0.swap(number, AcqRel) == ASLEEP {
            P::count::<{ Words::IPIS_SENT }>();
            P::send_ipi_again(home);
        }
    }

    /// Says that this CPU sleeps, and halts until the IPI of the put was taken; returns the number. Where one has come
    /// since it held `last`, it does not sleep, and returns none.
    #[inline(always)]
    pub fn sleep<P: Platform>(&self, last: u64) -> Option<u64> {
        // Release: pairs with the acquire of `put_and_wake`, so that the IPI comes behind this. Acquire: as in `look`.
        if self.0.compare_exchange(last, ASLEEP, AcqRel, Acquire).is_err() {
            return None;
        }
        Some(Cpu::<P>::halt_until(|| {
            let found = self.look();
            (found != ASLEEP).then_some(found)
        }))
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}
