//! What becomes of who is at a channel whose other end's task is gone: the end of a wait, where the rest of the channel
//! is the way of a message.
//!
//! | the one that is gone | at the other end | is told, if it asked to be |
//! |---|---|---|
//! | the sender | waits for a message | now: it gets none, and finds that it failed |
//! | the sender | comes later | behind what was sent before, each time |
//! | the receiver | waits for room | now: its message is lost, and it finds that it failed |
//! | the receiver | comes later | as soon as its slot is full, each time |
//!
//! Nothing on the way of a message asks for any of that: a closed channel's state is no kind of channel ([`CLOSED`]), so
//! only the slow ways meet it, and they ask here.

use super::{
    Channel, DIRECT, DIRECT_SENDER_WAITS, EMPTY, LINE, NOTICED, POSTED, Receiver, SENDER_WAITS, Sender,
};
use crate::{
    Cpu, Platform,
    atomic::{AcqRel, Acquire, AtomicBool, AtomicU8, Relaxed, SeqCst},
};

/// All three: one end's task is gone, and whoever is at the other is to be told. No kind, so that no fast path takes it.
pub(super) const CLOSED: usize = NOTICED | LINE | POSTED;

/// Of the words for both ends.
pub(super) const SENDER: usize = 0;
pub(super) const RECEIVER: usize = 1;

/// One end's task is gone.
const GONE: u8 = 1;
/// The end wants to be told of that: the one that sends, the one that receives.
const ASKS: [u8; 2] = [2, 4];

/// What a channel knows of the ends of its tasks.
#[derive(Debug)]
pub(super) struct Gone {
    /// The bits above. In one word, so that of one that asks and one that goes at the same time exactly one finds the
    /// other, and makes the state [`CLOSED`]: if both did, the later would take what the earlier has come to since for a
    /// message.
    ends: AtomicU8,
    /// Which were in vain: see [`Sender::take_failure`].
    failed: [AtomicBool; 2],
}

impl Gone {
    /// Neither is gone.
    pub(super) const fn new() -> Self {
        Self { ends: AtomicU8::new(0), failed: [const { AtomicBool::new(false) }; 2] }
    }

    /// Notes that an end asks to be told; returns whether the other is gone.
    fn ask_to_be_told(&self, own: usize) -> bool {
        // Acquire: pairs with the release of who is gone, for what it did to the state.
        self.ends.fetch_or(ASKS[own], AcqRel) & GONE != 0
    }
}

impl<P: Platform> Channel<P> {
    /// Says that the task at end `own` is gone. Who is at the other is told, if it wants to be: now where it waits, else
    /// as it comes. By that task.
    #[expect(unsafe_code, reason = "a bit of the state")]
    #[cold]
    fn close(&'static self, own: usize) {
        let other = 1 - own;
        // Either this finds that the other asked, or that one, as it begins to, finds this. One that is not there yet
        // does not wait.
        if self.gone.ends.fetch_or(GONE, SeqCst) & (GONE | ASKS[other]) != ASKS[other] {
            return;
        }
        let state = self.state.load(Acquire);
        if let Some(receiver) = state.reference() {
            // It waits, on this CPU, for a message and nothing else. So it gets one.
            self.state.store(CLOSED | SENDER_WAITS | EMPTY, Relaxed);
            self.receiver.leave_token(receiver);
            self.gone.failed[RECEIVER].store(true, Relaxed);
            P::raise_question();
            return Cpu::hand_over(receiver, 0);
        }
        let state = state.number();
        let is_of_one_cpu = state & DIRECT != 0 || state == DIRECT_SENDER_WAITS;
        if other == RECEIVER {
            // The highest bit, so that whoever takes looks behind it.
            if is_of_one_cpu {
                self.state.store(CLOSED | SENDER_WAITS | state & EMPTY, Relaxed);
            } else {
                // SAFETY: only the receiver of a direct channel writes itself there, and none is, or will be: nobody
                // settles a channel that is closed.
                unsafe { self.state.set(CLOSED | SENDER_WAITS, AcqRel) };
            }
            self.wake_receiver();
            return;
        }
        // Full, so that whoever sends has to wait, and asks before it does. One that has just found a line's slot empty
        // stores over this (`send`), which makes it full as well.
        let before = if is_of_one_cpu {
            self.state.store(CLOSED, Relaxed);
            state
        } else {
            // SAFETY: as above: the receiver, which is gone, is this.
            unsafe { self.mark_closed_to_sender() }
        };
        if before & SENDER_WAITS != 0 || before == DIRECT_SENDER_WAITS {
            self.wake_sender();
        }
    }

    /// Makes the state one of which a sender asks; returns what it was.
    ///
    /// # Safety
    ///
    /// No receiver writes itself there.
    #[expect(unsafe_code, reason = "bits of the state")]
    unsafe fn mark_closed_to_sender(&self) -> usize {
        // In one order with the bits of `Gone`, and with who sets `SENDER_WAITS` and asks for those: that one may have
        // stored over this (`send`), and so sees nothing by it.
        // SAFETY: the caller owes it.
        unsafe {
            self.state.clear(EMPTY, SeqCst);
            self.state.set(CLOSED, SeqCst)
        }
    }

    /// Whether the other end's task is gone, and this one is to be told.
    pub(super) fn is_closed_for(&self, own: usize) -> bool {
        let both = GONE | ASKS[own];
        // Acquire: pairs with the release in `close`, for what was sent before. In one order with that besides: see
        // `mark_closed_to_sender`.
        self.gone.ends.load(SeqCst) & both == both
    }

    /// What was asked for at end `own` is in vain.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&self, own: usize) {
        self.gone.failed[own].store(true, Relaxed);
        P::raise_question();
    }

    /// Receives where the sender is gone: what it sent before that, `value` where there `was_full` slot, and then nothing.
    /// Leaves a token, since nobody sends one any more.
    pub(super) fn recv_closed(&self, value: u64, was_full: bool) -> u64 {
        // Nobody else touches it any more.
        self.state.store(CLOSED | SENDER_WAITS | EMPTY, Relaxed);
        self.receiver.leave_token(Cpu::current());
        if was_full {
            return value;
        }
        self.fail(RECEIVER);
        0
    }
}

impl<P: Platform> Sender<P> {
    /// Asks to be told when the receiver is gone: then what is sent, or waits for room, is lost and
    /// [`take_failure`](Self::take_failure) says so.
    #[expect(unsafe_code, reason = "a bit of the state")]
    pub fn ask_to_be_told(&self) {
        if self.channel.gone.ask_to_be_told(SENDER) {
            // SAFETY: no receiver writes itself there: it is gone.
            unsafe { self.channel.mark_closed_to_sender() };
        }
    }

    /// Whether the last message was lost since the receiver is gone; asked once for each. [`Platform::raise_question`] was
    /// called for it.
    pub fn take_failure(&self) -> bool {
        self.channel.gone.failed[SENDER].swap(false, Relaxed)
    }

    /// Says that the sender is gone. It sends no more.
    pub fn close(self) {
        self.channel.close(SENDER);
    }
}

impl<P: Platform> Receiver<P> {
    /// Asks to be told when the sender is gone: then a wait for a message ends, gives 0, and
    /// [`take_failure`](Self::take_failure) says so.
    #[expect(unsafe_code, reason = "a bit of the state")]
    pub fn ask_to_be_told(&self) {
        if self.channel.gone.ask_to_be_told(RECEIVER) {
            // SAFETY: the receiver is this one, and does not wait.
            unsafe { self.channel.state.set(CLOSED | SENDER_WAITS, AcqRel) };
            self.channel.receiver.leave_token(Cpu::current());
        }
    }

    /// Whether the last message is none since the sender is gone; asked once for each. [`Platform::raise_question`] was
    /// called for it.
    pub fn take_failure(&self) -> bool {
        self.channel.gone.failed[RECEIVER].swap(false, Relaxed)
    }

    /// Says that the receiver is gone. It receives no more.
    pub fn close(self) {
        self.channel.close(RECEIVER);
    }
}
