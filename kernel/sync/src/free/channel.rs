//! A channel of one slot between two free tasks. Its two ends belong to one task each.
//!
//! Whoever has to wait says so in the channel's state, by an operation that also finds that there is no need
//! to; whoever takes that word back wakes it. So a task is woken once for each time that it waits.

use core::ptr;

use crate::{
    Platform, Words,
    atomic::{AcqRel, Acquire, AtomicPtr, AtomicRef, AtomicU8, AtomicU64, Relaxed, count},
};

use super::{FreeTask, Me, Policy};

/// There is a message.
const FULL: u8 = 1;
const RECEIVER_WAITS: u8 = 2;
const SENDER_WAITS: u8 = 4;

/// One slot for a `u64`, one sending free task, one receiving free task of the same pool.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct FreeChannel {
    state: AtomicU8,
    value: AtomicU64,
    /// The CPU on which the message was sent.
    from: AtomicU64,
    receiver: AtomicRef<FreeTask>,
    sender: AtomicRef<FreeTask>,
    /// Whose tasks they are: a [`Pool`](super::Pool), of whatever policy. Null, where there is no end yet.
    pool: AtomicPtr<()>,
}

/// The end of a [`FreeChannel`] that sends.
#[derive(Debug)]
pub struct FreeSender<P: Platform, Y: Policy> {
    channel: &'static FreeChannel,
    me: Me<P, Y>,
}

/// The end of a [`FreeChannel`] that receives.
#[derive(Debug)]
pub struct FreeReceiver<P: Platform, Y: Policy> {
    channel: &'static FreeChannel,
    me: Me<P, Y>,
}

impl FreeChannel {
    /// An empty channel without ends.
    pub const fn new() -> Self {
        Self {
            state: AtomicU8::new(0),
            value: AtomicU64::new(0),
            from: AtomicU64::new(0),
            receiver: AtomicRef::none(),
            sender: AtomicRef::none(),
            pool: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Makes the running task the one that sends.
    ///
    /// # Panics
    ///
    /// If there was a sender before, or the other end is a task's of another pool.
    #[cold]
    pub fn sender<P: Platform, Y: Policy>(&'static self, me: &Me<P, Y>) -> FreeSender<P, Y> {
        self.join(me);
        // Release: pairs with the acquire of the receiver that wakes it.
        let before = self.sender.swap(Some(me.task), AcqRel);
        assert!(before.is_none(), "task {} sends where another does", me.task.number);
        FreeSender { channel: self, me: me.again() }
    }

    /// Makes the running task the one that receives.
    ///
    /// # Panics
    ///
    /// If there was a receiver before, or the other end is a task's of another pool.
    #[cold]
    pub fn receiver<P: Platform, Y: Policy>(&'static self, me: &Me<P, Y>) -> FreeReceiver<P, Y> {
        self.join(me);
        // Release: pairs with the acquire of the sender that wakes it.
        let before = self.receiver.swap(Some(me.task), AcqRel);
        assert!(before.is_none(), "task {} receives where another does", me.task.number);
        FreeReceiver { channel: self, me: me.again() }
    }

    /// Makes it a channel of the running task's pool: who wakes a task by its number wakes one of its own pool.
    fn join<P: Platform, Y: Policy>(&self, me: &Me<P, Y>) {
        let own = ptr::from_ref(me.pool).cast_mut().cast();
        let is_own = match self.pool.compare_exchange(ptr::null_mut(), own, Relaxed, Relaxed) {
            Ok(_) => true,
            Err(pool) => pool == own,
        };
        assert!(is_own, "task {} has an end of another pool's channel", me.task.number);
    }
}

impl Default for FreeChannel {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform, Y: Policy> FreeSender<P, Y> {
    /// Sends a message; waits while the one before is still in the slot.
    #[inline(always)]
    pub fn send(&self, value: u64) {
        let channel = self.channel;
        // Acquire: pairs with the receiver's swap, so that the slot is read before it is overwritten.
        while channel.state.load(Acquire) & FULL != 0 {
            if channel.state.fetch_or(SENDER_WAITS, AcqRel) & FULL != 0 {
                self.me.wait();
            }
        }
        channel.value.store(value, Relaxed);
        channel.from.store(self.me.cpu() as u64, Relaxed);
        // Release: the message before the state.
        if channel.state.swap(FULL, AcqRel) & RECEIVER_WAITS != 0 {
            // Acquire: pairs with `FreeChannel::receiver`.
            let receiver = channel.receiver.load(Acquire);
            self.me.pool.wake(receiver.expect("a receiver that waits is known"));
        }
    }
}

impl<P: Platform, Y: Policy> FreeReceiver<P, Y> {
    /// Waits for a message and takes it.
    #[inline(always)]
    pub fn recv(&self) -> u64 {
        let channel = self.channel;
        // Acquire: pairs with the sender's swap.
        if channel.state.load(Acquire) & FULL == 0
            && channel.state.fetch_or(RECEIVER_WAITS, AcqRel) & FULL == 0
        {
            self.me.wait();
        }
        let (value, from) = (channel.value.load(Relaxed), channel.from.load(Relaxed));
        if channel.state.swap(0, AcqRel) & SENDER_WAITS != 0 {
            // Acquire: pairs with `FreeChannel::sender`.
            let sender = channel.sender.load(Acquire);
            self.me.pool.wake(sender.expect("a sender that waits is known"));
        }
        P::count::<{ Words::HANDOFFS }>();
        let here = self.me.cpu();
        if from != here as u64 {
            count(&self.me.pool.seats[here].own.crossings);
        }
        value
    }
}
