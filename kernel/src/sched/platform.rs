//! The bare machine as the platform below `switchlab-sync`.

#[cfg(feature = "marks")]
use switchlab_records::Mark;
use switchlab_switch::{Message, switch_context};
use switchlab_sync::{Platform, Words};

use super::{Cpu, Task, task::TaskData};
use crate::arch::{interrupts, ipi, percpu, ring3};

/// This kernel.
#[derive(Debug)]
pub enum Kernel {}

// SAFETY: GS leads to the words and the scheduler of the CPU that runs, which `sched::init` hung there, and nothing else
// writes these words but the wake-up's handler, which counts.
unsafe impl Platform for Kernel {
    type TaskData = TaskData;

    #[inline(always)]
    fn this_cpu() -> &'static Cpu {
        // SAFETY: `sched::init` hung a `Cpu` that lives for ever on every CPU, before tasks run.
        unsafe { &*percpu::scheduler().cast::<Cpu>() }
    }

    #[inline(always)]
    fn send_ipi(to: &'static Words) {
        ipi::send_wake_up(to);
    }

    #[inline(always)]
    fn send_ipi_again(to: &'static Words) {
        ipi::send_wake_up_again(to);
    }

    #[inline(always)]
    fn halt() {
        interrupts::halt();
    }

    #[inline(always)]
    fn interrupt_window() {
        interrupts::window();
    }

    #[inline(always)]
    fn word<const WORD: usize>() -> u64 {
        percpu::word::<WORD>()
    }

    #[inline(always)]
    unsafe fn set_word<const WORD: usize>(value: u64) {
        percpu::set_word::<WORD>(value);
    }

    #[inline(always)]
    fn count<const WORD: usize>() {
        percpu::count::<WORD>();
    }

    #[inline(always)]
    fn is_set<const WORD: usize>() -> bool {
        percpu::is_set::<WORD>()
    }

    #[inline(always)]
    fn word_is<const WORD: usize>(value: u64) -> bool {
        percpu::word_is::<WORD>(value)
    }

    #[inline(always)]
    unsafe fn switch_context(from: &Task, to: &Task, message: Message) -> Message {
        // SAFETY: the caller owes what the switch asks for.
        unsafe { switch_context(&from.context, &to.context, message) }
    }

    fn raise_question() {
        ring3::raise_question();
    }

    #[cfg(feature = "marks")]
    #[inline(always)]
    fn mark(mark: Mark) {
        crate::arch::mark::pass(mark);
    }
}

/// This CPU's scheduler, where there is one yet.
pub fn try_this_cpu() -> Option<&'static Cpu> {
    percpu::try_this_cpu()?;
    // SAFETY: null, or as in `this_cpu`.
    unsafe { percpu::scheduler().cast::<Cpu>().as_ref() }
}
