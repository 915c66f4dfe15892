//! A channel of one slot between two tasks, on any CPUs.
//!
//! Each message comes with exactly one wake-up of the receiver, whether or not it waits already,
//! and receiving takes exactly one. Across CPUs the wake-up is an IPI. So at most one is on its way
//! in each direction, none can merge with another, and IPIs sent = IPIs taken = messages
//! (decision 7 of the design). A receiver that went on as soon as it saw a message, without its
//! wake-up, would be faster and could not be counted.

use switchlab_records::Mark;

use crate::{
    Parker, Platform,
    atomic::{AcqRel, Acquire, AtomicU8, AtomicU64, Relaxed, Release, count},
};

/// The receiver is known.
const BOUND: u8 = 1;
/// There is a message in the slot.
const FULL: u8 = 2;
/// The sender waits for the slot to get empty.
const SENDER_WAITS: u8 = 4;

/// One slot for a `u64`, one sending task, one receiving task.
///
/// On cache lines of its own, so that its neighbours do not matter.
#[derive(Debug)]
#[repr(align(64))]
pub struct Channel<P: Platform> {
    flags: AtomicU8,
    value: AtomicU64,
    receiver: Parker<P>,
    sender: Parker<P>,
}

impl<P: Platform> Channel<P> {
    /// An empty channel. The first task that receives is its receiver for ever.
    pub const fn new() -> Self {
        Self {
            flags: AtomicU8::new(0),
            value: AtomicU64::new(0),
            receiver: Parker::new(),
            sender: Parker::new(),
        }
    }

    /// Puts a message into the slot and wakes the receiver; blocks while the slot is full.
    ///
    /// One task sends on a channel.
    ///
    /// # Panics
    ///
    /// If it has to wait where another task has waited to send before.
    #[inline(always)]
    pub fn send(&'static self, value: u64) {
        // Acquire: pairs with the receiver's swap, so that the slot is read before it is overwritten.
        if self.flags.load(Acquire) == BOUND {
            self.value.store(value, Relaxed);
            // Release: the message before the flag. Nobody else writes the flags of an empty slot.
            self.flags.store(BOUND | FULL, Release);
            P::mark(Mark::MessageStored);
            self.wake_receiver();
        } else {
            self.send_slow(value);
        }
    }

    /// The slot is full, or the receiver has not come yet.
    #[cold]
    fn send_slow(&'static self, value: u64) {
        while self.flags.load(Acquire) & FULL != 0 {
            let cpu = P::this_cpu();
            self.sender.claim(cpu.current());
            // Either the receiver's swap finds this bit and wakes, or this finds the slot empty.
            if self.flags.fetch_or(SENDER_WAITS, AcqRel) & FULL == 0 {
                self.flags.fetch_and(!SENDER_WAITS, Relaxed);
            } else {
                self.sender.wait(cpu);
            }
        }
        self.value.store(value, Relaxed);
        // A receiver that binds at the same time either comes before, and gets a wake-up, or finds
        // FULL, and needs none.
        if self.flags.fetch_or(FULL, AcqRel) & BOUND != 0 {
            self.wake_receiver();
        }
    }

    #[inline(always)]
    fn wake_receiver(&'static self) {
        let receiver = self.receiver.owner().expect("a bound channel has a receiver");
        self.receiver.wake_task(receiver);
    }

    /// Takes the message out of the slot; blocks until there is one.
    ///
    /// # Panics
    ///
    /// If another task has received here before.
    #[inline(always)]
    pub fn recv(&'static self) -> u64 {
        let cpu = P::this_cpu();
        let bound_and_mine = self.receiver.owner().is_some_and(|owner| core::ptr::eq(owner, cpu.current()));
        if bound_and_mine || !self.bind() {
            self.receiver.wait(cpu);
        }
        let value = self.value.load(Relaxed);
        // Acquire: pairs with the sender's store. Release: the slot was read before it is empty.
        if self.flags.swap(BOUND, AcqRel) & SENDER_WAITS != 0 {
            self.wake_sender();
        }
        count(&cpu.counters().handoffs);
        P::mark(Mark::MessageTaken);
        value
    }

    /// Makes the running task the receiver, before it receives: from here on every message comes
    /// with its wake-up, the first one too.
    ///
    /// # Panics
    ///
    /// If another task has received here before, or a message waits already.
    pub fn bind_receiver(&self) {
        assert!(!self.bind(), "a message came before its receiver said that it would wait for it");
    }

    /// Makes the running task the receiver; true where a message waits that came before and has no
    /// wake-up.
    #[cold]
    fn bind(&self) -> bool {
        self.receiver.claim(P::this_cpu().current());
        self.flags.fetch_or(BOUND, AcqRel) & FULL != 0
    }

    #[cold]
    fn wake_sender(&'static self) {
        let sender = self.sender.owner().expect("a sender that waits has claimed its place");
        self.sender.wake_task(sender);
    }
}

impl<P: Platform> Default for Channel<P> {
    fn default() -> Self {
        Self::new()
    }
}
