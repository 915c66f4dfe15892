//! What the protocols need from the machine below: the kernel implements it on bare metal, the
//! tests on host threads.

#![expect(unsafe_code, reason = "the contract of the switch")]

use switchlab_records::Mark;
use switchlab_switch::{Context, Message};

use crate::{
    Cpu, Task, Words,
    atomic::{Relaxed, count},
};

/// A machine on which tasks run.
///
/// # Safety
///
/// - [`this_cpu`](Self::this_cpu) is the CPU that runs this code, one for each that runs any.
/// - [`word`](Self::word), [`set_word`](Self::set_word) and their like are of that CPU's words, and nothing else writes
///   these: some hold addresses of tasks, which are followed.
/// - [`switch_context`](Self::switch_context) does what it says.
pub unsafe trait Platform: Sized + 'static {
    /// What a platform adds to a task: its stack, its body.
    type TaskData: Sync;

    /// The CPU that runs this code.
    fn this_cpu() -> &'static Cpu<Self>;

    /// Interrupts the CPU with the words `to` once, now or as soon as it lets interrupts in, whether or not
    /// it halts. The handler there does what [`Cpu::take_ipi`] does: it counts.
    ///
    /// What was written before is visible there when it takes the interrupt.
    fn send_ipi(to: &'static Words);

    /// The same, where it is known that the last IPI which this CPU sent to that one was accepted there: it was taken,
    /// or is pending.
    #[inline(always)]
    fn send_ipi_again(to: &'static Words) {
        Self::send_ipi(to);
    }

    /// Lets interrupts in and waits until one was taken; returns with interrupts off.
    ///
    /// An interrupt that is pending when this is called, or that comes at any later instant, ends
    /// the wait: there is no moment at which it can slip between a check and the halt.
    fn halt();

    /// Lets pending interrupts in without waiting; returns with interrupts off.
    fn interrupt_window();

    /// The word `WORD` of the CPU that runs this code, of the [`Words`] that its [`Cpu`] was made with.
    #[inline(always)]
    fn word<const WORD: usize>() -> u64 {
        Self::this_cpu().words().word(WORD).load(Relaxed)
    }

    /// Replaces it.
    ///
    /// # Safety
    ///
    /// Of a word that is followed as an address ([`Words`] tells which), `value` is one of a task that lives for ever and
    /// stands where that word says.
    #[inline(always)]
    unsafe fn set_word<const WORD: usize>(value: u64) {
        Self::this_cpu().words().word(WORD).store(value, Relaxed);
    }

    /// Adds one to it.
    #[inline(always)]
    fn count<const WORD: usize>() {
        count(Self::this_cpu().words().word(WORD));
    }

    /// Whether it is not 0.
    #[inline(always)]
    fn is_set<const WORD: usize>() -> bool {
        Self::word::<WORD>() != 0
    }

    /// Whether it is `value`.
    #[inline(always)]
    fn word_is<const WORD: usize>(value: u64) -> bool {
        Self::word::<WORD>() == value
    }

    /// Suspends `from`, goes on with `to` and hands it `message`; returns when somebody switches back to
    /// `from`, with the message of whoever did.
    ///
    /// # Safety
    ///
    /// `from` runs on this CPU. `to` is suspended (its context was prepared, or saved by this function),
    /// belongs to this CPU, and is not `from`.
    unsafe fn switch_context(from: &Task<Self>, to: &Task<Self>, message: Message) -> Message;

    /// Suspends a task that is bound to no CPU, or the worker of this one, in `from`, and goes on with `to`; returns when
    /// somebody goes on with `from`.
    ///
    /// # Safety
    ///
    /// What runs here is what `from` is of. `to` is suspended, on whichever CPU that was, behind what this one has
    /// seen, and nobody else goes on with it.
    #[inline(always)]
    unsafe fn switch_free(from: &Context, to: &Context) {
        // SAFETY: the caller owes it.
        unsafe { switchlab_switch::switch_context(from, to, Message::uninit()) };
    }

    /// Called on a task's CPU before it goes on from a channel whose other end is gone: for who keeps the question
    /// whether that is so out of what is always asked.
    fn raise_question() {}

    /// Called at the boundaries of the steps that a handoff is made of: `mark` has just happened on this
    /// CPU. Does nothing, and leaves nothing in the code, but on a platform that keeps a trace.
    #[inline(always)]
    fn mark(mark: Mark) {
        let _ = mark;
    }
}
