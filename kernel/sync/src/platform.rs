//! What the protocols need from the machine below: the kernel implements it on bare metal, the
//! tests on host threads.

#![expect(unsafe_code, reason = "the contract of the switch")]

use switchlab_records::Mark;

use crate::{Cpu, Task};

/// A machine on which tasks run.
pub trait Platform: Sized + 'static {
    /// What a platform adds to a task: its stack, its body.
    type TaskData: Sync;

    /// The CPU that runs this code.
    fn this_cpu() -> &'static Cpu<Self>;

    /// Interrupts `to` once, now or as soon as it lets interrupts in, whether or not it halts.
    /// The handler there does what
    /// [`Cpu::take_ipi`] does: it counts.
    ///
    /// What was written before is visible to `to` when it takes the interrupt.
    fn send_ipi(to: &Cpu<Self>);

    /// Lets interrupts in and waits until one was taken; returns with interrupts off.
    ///
    /// An interrupt that is pending when this is called, or that comes at any later instant, ends
    /// the wait: there is no moment at which it can slip between a check and the halt.
    fn halt();

    /// Lets pending interrupts in without waiting; returns with interrupts off.
    fn interrupt_window();

    /// Suspends `from` and goes on with `to`; returns when somebody switches back to `from`.
    ///
    /// # Safety
    ///
    /// `from` runs on this CPU. `to` is suspended (its context was prepared, or saved by this function),
    /// belongs to this CPU, and is not `from`.
    unsafe fn switch_context(from: &Task<Self>, to: &Task<Self>);

    /// Called at the boundaries of the steps that a handoff is made of: `mark` has just happened on this
    /// CPU. Does nothing, and leaves nothing in the code, but on a platform that keeps a trace.
    #[inline(always)]
    fn mark(mark: Mark) {
        let _ = mark;
    }
}
