//! The bare machine as the platform below `switchlab-sync`.

#[cfg(feature = "marks")]
use switchlab_records::Mark;
use switchlab_switch::switch_context;
use switchlab_sync::Platform;

use super::{APIC_IDS, Cpu, Task, task::TaskData};
use crate::arch::{interrupts, ipi, percpu};

/// This kernel.
#[derive(Debug)]
pub enum Kernel {}

impl Platform for Kernel {
    type TaskData = TaskData;

    #[inline(always)]
    fn this_cpu() -> &'static Cpu {
        // SAFETY: `sched::init` hung a `Cpu` that lives for ever on every CPU, before tasks run.
        unsafe { &*percpu::scheduler().cast::<Cpu>() }
    }

    #[inline(always)]
    fn send_ipi(to: &Cpu) {
        let apic_ids = APIC_IDS.get().expect("sched::init comes first");
        ipi::send_wake_up(apic_ids[to.id().index()]);
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
    unsafe fn switch_context(from: &Task, to: &Task) {
        // SAFETY: the caller owes what the switch asks for.
        unsafe { switch_context(&from.context, &to.context) }
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
