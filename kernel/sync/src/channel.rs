//! A channel of one slot between two tasks, on any CPUs. Its two ends are a [`Sender`] and a
//! [`Receiver`]; each belongs to one task, and stays with it.
//!
//! How a message goes is settled once, when the first has come and both ends are known:
//!
//! | kind | between | a message |
//! |---|---|---|
//! | direct | tasks of one CPU | goes to a waiting receiver in a register, with the CPU |
//! | posted | any | lies in the slot; a wake-up goes through the receiver's parker |
//! | line | tasks of two CPUs | lies in the slot; an IPI makes the receiver's CPU look there first |
//!
//! Across CPUs each message comes with exactly one IPI, whether or not the receiver waits already, and
//! seeing the message does not make the receiver go on: taking the interrupt does. So at most one is on
//! its way in each direction, and where no third CPU interrupts either of the two, none can merge with another: IPIs
//! sent = IPIs taken = messages (decisions 7 and 21). A receiver that went on as soon as it saw a message would be faster and
//! could not be counted.
//!
//! Who may end before the other, as a process may, closes its end ([`Sender::close`], [`Receiver::close`]). Who asked
//! to be is told then: a wait ends, and what was waited for has failed. That is in `gone`; nothing on
//! the ways above asks for it.

mod gone;

use core::{marker::PhantomData, mem::offset_of};

use switchlab_records::Mark;

use crate::{
    Cpu, Parker, Platform, Task, Words,
    atomic::{AcqRel, Acquire, AtomicRef, AtomicU64, AtomicWord, FLAG, Relaxed, Release, SeqCst, Word},
    cpu::put_flag_up,
};
use gone::{CLOSED, Gone, RECEIVER, SENDER};

/// There is no message in the slot.
pub(crate) const EMPTY: usize = 1;
/// The receiver is known. Without one of these four bits it is not.
const NEW: usize = 2;
const POSTED: usize = 4;
const LINE: usize = 8;
const DIRECT: usize = 32;
const KINDS: usize = NEW | POSTED | LINE | DIRECT;
/// Of a line: an IPI was taken since the message came.
const NOTICED: usize = 16;
/// The sender waits for the slot to get empty. Not of a direct channel. The highest bit, so that whoever
/// sets another sees this one in the sign.
const SENDER_WAITS: usize = FLAG;
/// The same of a direct channel, whose slot is full.
const DIRECT_SENDER_WAITS: usize = LINE | POSTED | NEW;

const DIRECT_ROOM: usize = DIRECT | EMPTY;
const LINE_ROOM: usize = LINE | EMPTY;

/// One slot for a `u64`, one sending task, one receiving task.
///
/// On cache lines of its own, so that its neighbours do not matter.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Channel<P: Platform> {
    /// The bits above; or, of a direct channel, the receiver that waits, which says that it is empty.
    state: AtomicWord<Task<P>>,
    value: AtomicU64,
    /// The receiver's CPU, of a line.
    home: AtomicRef<Words>,
    receiver: Parker<P>,
    sender: Parker<P>,
    gone: Gone,
}

/// The end of a [`Channel`] that sends. Of the task that asked for it: not `Send`.
#[derive(Debug)]
pub struct Sender<P: Platform> {
    channel: &'static Channel<P>,
    of_one_task: PhantomData<*const ()>,
}

/// The end of a [`Channel`] that receives. Of the task that asked for it: not `Send`.
#[derive(Debug)]
pub struct Receiver<P: Platform> {
    channel: &'static Channel<P>,
    of_one_task: PhantomData<*const ()>,
}

/// Who is told when a task gives its CPU away in a channel and when it has it back: it keeps an account of that. `()`
/// keeps none, and costs nothing.
pub trait Away {
    /// Others may run from now on. It must not let them itself: what comes next is decided already.
    fn begins(&self);
    /// The task runs again.
    fn ends(&self);
}

impl Away for () {
    #[inline(always)]
    fn begins(&self) {}

    #[inline(always)]
    fn ends(&self) {}
}

impl<P: Platform> Channel<P> {
    /// For [`outside`](crate::outside), as those that follow.
    pub(crate) const STATE: usize = offset_of!(Self, state);
    pub(crate) const RECEIVER: usize = offset_of!(Self, receiver);
    pub(crate) const SENDER: usize = offset_of!(Self, sender);

    /// An empty channel without ends.
    pub const fn new() -> Self {
        Self {
            state: AtomicWord::new(EMPTY),
            value: AtomicU64::new(0),
            home: AtomicRef::none(),
            receiver: Parker::new(),
            sender: Parker::new(),
            gone: Gone::new(),
        }
    }

    /// Makes the running task the one that sends.
    ///
    /// # Panics
    ///
    /// If there was a sender before.
    #[cold]
    pub fn sender(&'static self) -> Sender<P> {
        self.sender.claim(Cpu::current());
        Sender { channel: self, of_one_task: PhantomData }
    }

    /// As [`sender`](Self::sender), for who can not know whether there is one; `None` where there is.
    #[cold]
    pub fn try_sender(&'static self) -> Option<Sender<P>> {
        self.sender.try_claim(Cpu::current()).then_some(Sender { channel: self, of_one_task: PhantomData })
    }

    /// Makes the running task the one that receives. From here on every message comes with its wake-up.
    ///
    /// # Panics
    ///
    /// If there was a receiver before.
    #[cold]
    pub fn receiver(&'static self) -> Receiver<P> {
        let task = Cpu::current();
        self.receiver.claim(task);
        self.become_known(task)
    }

    /// As [`receiver`](Self::receiver), for who can not know whether there is one; `None` where there is.
    #[cold]
    pub fn try_receiver(&'static self) -> Option<Receiver<P>> {
        let task = Cpu::current();
        self.receiver.try_claim(task).then(|| self.become_known(task))
    }

    /// Tells senders that there is a receiver: the running task, which has claimed that end.
    #[expect(unsafe_code, reason = "a bit of the state")]
    fn become_known(&'static self, task: &'static Task<P>) -> Receiver<P> {
        // SAFETY: only the receiver writes itself there, and that is this one.
        let before = unsafe { self.state.set(NEW, AcqRel) };
        // A message that is there already came without.
        if before & EMPTY == 0 {
            self.receiver.leave_token(task);
        }
        Receiver { channel: self, of_one_task: PhantomData }
    }

    /// Whether there is a message. Of a channel between two CPUs.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        // Acquire: pairs with the sender's store.
        self.state.load(Acquire).number() & EMPTY == 0
    }

    /// Notices that there is a message, if there is: an IPI was taken.
    ///
    /// # Safety
    ///
    /// This is the line of the CPU that runs this.
    #[expect(unsafe_code, reason = "a bit of the state")]
    pub(crate) unsafe fn notice(&self) {
        // SAFETY: a line's state is a number: its receiver never writes itself there.
        if self.is_full() && unsafe { self.state.set(NOTICED, Relaxed) } & NOTICED == 0 {
            self.receiver.wake_if_awaited();
        }
    }

    fn wake_receiver(&'static self) {
        let receiver = self.receiver.owner().expect("a bound channel has a receiver");
        self.receiver.wake_task(receiver);
    }

    #[cold]
    fn wake_sender(&'static self) {
        let sender = self.sender.owner().expect("a sender that waits is known");
        self.sender.wake_task(sender);
    }

    /// How messages go from now on. By the receiver, with the first one in its hand.
    #[cold]
    fn settle(&'static self) -> usize {
        let cpu = P::this_cpu();
        let sender = self.sender.owner().expect("whoever has sent is known");
        if !core::ptr::eq(sender.cpu(), cpu) {
            self.home.store(Some(cpu.words()), Relaxed);
            if cpu.take_line(self) { LINE } else { POSTED }
        } else if cpu.is_idle(sender) {
            // The idle task comes back only when there is nothing else, so it waits for nobody's turn.
            POSTED
        } else {
            DIRECT
        }
    }

    /// Sends where the slot is full, or how messages go is not settled, or they are posted.
    #[expect(unsafe_code, reason = "a bit of the state")]
    #[cold]
    #[inline(never)]
    fn send_slow(&'static self, value: u64) {
        let kind = loop {
            let state = self.state.load(Acquire);
            if state.reference().is_some() {
                return self.send(value, &());
            }
            if state.number() & EMPTY != 0 {
                break state.number() & KINDS;
            }
            if !self.wait_for_room(state.number()) {
                return self.fail(SENDER);
            }
        };
        if kind == LINE || kind == DIRECT {
            return self.send(value, &());
        }
        self.value.store(value, Relaxed);
        // A receiver that comes at the same time either comes before, and gets a wake-up, or finds
        // the message, and needs none.
        // SAFETY: only the receiver of a direct channel writes itself there. None is: this was not settled where no
        // message is in the slot yet, which the receiver settles it with; or it was, and otherwise.
        let kind = unsafe { self.state.clear(EMPTY, AcqRel) } & KINDS;
        P::mark(Mark::MessageStored);
        if kind != 0 {
            self.wake_receiver();
        }
    }

    /// Waits until the receiver may have taken the message that makes the slot full; false where it is gone.
    #[expect(unsafe_code, reason = "a bit of the state")]
    #[cold]
    #[inline(never)]
    fn wait_for_room(&self, state: usize) -> bool {
        if state == DIRECT {
            self.state.store(DIRECT_SENDER_WAITS, Relaxed);
            self.sender.wait();
            return true;
        }
        // SAFETY: it was found to be a number. A receiver on this CPU has not run since, and one on another never
        // writes itself there.
        let before = unsafe { self.state.set(SENDER_WAITS, SeqCst) };
        // Either the receiver finds this bit and wakes, or this finds the slot empty, or the channel closed: in one order
        // with `mark_closed_to_sender`.
        let is_closed = self.is_closed_for(SENDER);
        if before & EMPTY == 0 && !is_closed {
            self.sender.wait();
        } else {
            // Who closes may not have got to its own mark yet, without which one more message would seem to be sent.
            let full_for_ever = if is_closed { EMPTY } else { 0 };
            // SAFETY: as above; the bit was set by this.
            unsafe { self.state.clear(SENDER_WAITS | full_for_ever, Relaxed) };
        }
        !is_closed
    }

    /// Puts a message into the slot and wakes the receiver, or hands it over together with the CPU.
    #[inline(always)]
    fn send(&'static self, value: u64, away: &impl Away) {
        // Acquire: pairs with the receiver's release, so that the slot is read before it is overwritten.
        let state = self.state.load(Acquire);
        if state.number() > DIRECT_ROOM {
            away.begins();
            self.hand_over(&state, value);
            away.ends();
        } else if state.number() == DIRECT_ROOM {
            self.value.store(value, Relaxed);
            self.state.store(DIRECT, Relaxed);
            P::mark(Mark::MessageStored);
        } else if state.number() == LINE_ROOM {
            self.value.store(value, Relaxed);
            // Release: the message before the state. Nobody else writes the state of an empty slot, but a receiver that
            // closes. This may undo what that one wrote: then the message is lost, as one that was sent before. The slot is
            // full, so the next one asks whether it is closed (`wait_for_room`).
            self.state.store(LINE, Release);
            P::mark(Mark::MessageStored);
            self.ring();
        } else {
            away.begins();
            self.send_slow(value);
            away.ends();
        }
    }

    /// Gives the CPU to the receiver that waits.
    #[expect(unsafe_code, reason = "without it, a check in every handoff")]
    #[inline(always)]
    fn hand_over(&'static self, state: &Word<Task<P>>, value: u64) {
        // SAFETY: the numbers above `DIRECT_ROOM` have the bit of a sender that waits, and the sender, which
        // asks, does not; or that of a line and no other is there, which no direct channel is. A closed channel's have that
        // bit only behind the end of who would ask here: to close is the last that an end does.
        let receiver = unsafe { state.reference_unchecked() };
        self.state.store(DIRECT_ROOM, Relaxed);
        P::mark(Mark::MessageStored);
        Cpu::hand_over(receiver, value);
    }

    /// Interrupts the receiver's CPU, whose line this is.
    ///
    /// The IPI before on this line was accepted: the receiver has taken its message since, and it does that only
    /// behind an IPI. That is this one, and then it was taken; or a third CPU's, and then this one may be pending.
    #[expect(unsafe_code, reason = "without it, a check in every handoff")]
    #[inline(always)]
    fn ring(&self) {
        // SAFETY: `settle` wrote it down before it made this a line.
        let home = unsafe { self.home.load_some(Relaxed) };
        put_flag_up(home);
        P::count::<{ Words::IPIS_SENT }>();
        P::mark(Mark::Posted);
        P::send_ipi_again(home);
        P::mark(Mark::IpiSent);
    }

    /// Takes the message out of the slot; blocks until there is one. Counts a handoff where there will be none as well,
    /// once: a question on the way of each message would be the price of not doing so.
    #[inline(always)]
    fn recv(&'static self, away: &impl Away) -> u64 {
        // Signed, so that a sender which waits makes it less than all others.
        let state = self.state.load(Relaxed).number() as isize;
        let value = if state == DIRECT as isize {
            self.state.store(DIRECT_ROOM, Relaxed);
            self.value.load(Relaxed)
        } else {
            away.begins();
            let value = if state > DIRECT as isize {
                self.wait_to_be_handed()
            } else if state == LINE_ROOM as isize && Cpu::wait_on_line(self) {
                self.take()
            } else {
                self.recv_slow()
            };
            away.ends();
            value
        };
        P::count::<{ Words::HANDOFFS }>();
        P::mark(Mark::MessageTaken);
        value
    }

    /// Waits until the sender hands over the CPU and a message.
    #[expect(unsafe_code, reason = "the message comes in a register")]
    #[inline(always)]
    fn wait_to_be_handed(&'static self) -> u64 {
        let current = Cpu::current();
        self.state.store_reference(current, Relaxed);
        let message = Cpu::block(current);
        // SAFETY: nothing makes a task go on that waits so but the sender, which hands over a message.
        unsafe { message.assume_init() }
    }

    /// Takes the message out of the slot, which is full, of a channel that is settled and not direct.
    #[expect(unsafe_code, reason = "a bit of the state")]
    #[inline(always)]
    fn take(&'static self) -> u64 {
        let value = self.value.load(Relaxed);
        // Release: the slot was read before it is empty. It was found full with Acquire. An addition, of a
        // bit that is not set, since the sign of its result costs nothing.
        // SAFETY: only the receiver of a direct channel writes itself there, and none is. Full, so the bit is not
        // set.
        if (unsafe { self.state.add(EMPTY, AcqRel) }.wrapping_add(EMPTY) as isize) < 0 {
            return self.let_sender_go_on(value);
        }
        value
    }

    /// Behind a message that was taken where the highest bit is set: the sender waits, or is gone.
    #[expect(unsafe_code, reason = "a bit of the state")]
    #[cold]
    #[inline(never)]
    fn let_sender_go_on(&'static self, value: u64) -> u64 {
        if self.is_closed_for(RECEIVER) {
            // The addition made it empty, where there was a message.
            let was_full = self.state.load(Acquire).number() & EMPTY != 0;
            return self.recv_closed(value, was_full);
        }
        // SAFETY: as in `take`, which asks for it.
        unsafe { self.state.clear(SENDER_WAITS, AcqRel) };
        self.wake_sender();
        value
    }

    /// Behind the first message, or a wait for it, where the highest bit was set `before` it was settled how messages go.
    #[cold]
    #[inline(never)]
    fn settled_meanwhile(&'static self, value: u64, before: usize) -> u64 {
        if before & CLOSED == CLOSED {
            return self.recv_closed(value, before & EMPTY == 0);
        }
        self.wake_sender();
        value
    }

    /// Waits and takes, whatever the kind.
    #[expect(unsafe_code, reason = "a bit of the state")]
    #[inline(never)]
    fn recv_slow(&'static self) -> u64 {
        let state = self.state.load(Acquire).number();
        if state == DIRECT_SENDER_WAITS {
            self.state.store(DIRECT_ROOM, Relaxed);
            let value = self.value.load(Relaxed);
            self.wake_sender();
            return value;
        }
        match state & KINDS {
            LINE => {
                while self.state.load(Acquire).number() & NOTICED == 0 && !Cpu::wait_on_line(self) {
                    if self.state.load(Acquire).number() & NOTICED == 0 {
                        self.receiver.block();
                    }
                }
                // Full, so nobody else clears it.
                // SAFETY: as in `notice`.
                unsafe { self.state.clear(NOTICED, Relaxed) };
                self.take()
            }
            NEW => {
                self.receiver.wait();
                let kind = self.settle();
                let value = self.value.load(Relaxed);
                // The sender may wait already, and come back to a channel of the new kind.
                let before = self.state.swap(kind | EMPTY, AcqRel);
                if (before.number() as isize) < 0 {
                    return self.settled_meanwhile(value, before.number());
                }
                value
            }
            _ => {
                self.receiver.wait();
                self.take()
            }
        }
    }
}

impl<P: Platform> Sender<P> {
    /// Puts a message into the slot and wakes the receiver, or hands it over together with the CPU;
    /// blocks while the slot is full.
    #[inline(always)]
    pub fn send(&self, value: u64) {
        self.channel.send(value, &());
    }

    /// As [`send`](Self::send), telling `away` where others may run meanwhile.
    #[inline(always)]
    pub fn send_telling(&self, value: u64, away: &impl Away) {
        self.channel.send(value, away);
    }
}

impl<P: Platform> Receiver<P> {
    /// Takes the message out of the slot; blocks until there is one.
    #[inline(always)]
    pub fn recv(&self) -> u64 {
        self.channel.recv(&())
    }

    /// As [`recv`](Self::recv), telling `away` where others may run meanwhile, or the CPU halts.
    #[inline(always)]
    pub fn recv_telling(&self, away: &impl Away) -> u64 {
        self.channel.recv(away)
    }

    /// Leaves its CPU's line to another channel, if it is this one: for a receiver that is to be used again.
    ///
    /// Until it is taken again nobody may send, since nobody would notice.
    pub fn leave_line(&self) {
        P::this_cpu().give_line_back(self.channel);
    }

    /// Makes it its CPU's line again, before anybody sends.
    ///
    /// # Panics
    ///
    /// If its messages do not go by a line: a look at what came would set its bit in what is no line's state. If
    /// another channel is the line, or somebody has sent meanwhile: no IPI would tell of it.
    pub fn take_line(&self) {
        let state = self.channel.state.load(Relaxed);
        let is_line = state.reference().is_none() && state.number() & KINDS == LINE;
        assert!(is_line, "the messages of this channel do not go by a line");
        assert!(P::this_cpu().take_line(self.channel), "another channel is this CPU's line");
        assert!(!self.channel.is_full(), "a message came while the channel was not its CPU's line");
    }
}

impl<P: Platform> Drop for Receiver<P> {
    fn drop(&mut self) {
        P::this_cpu().give_line_back(self.channel);
    }
}

impl<P: Platform> Default for Channel<P> {
    fn default() -> Self {
        Self::new()
    }
}
