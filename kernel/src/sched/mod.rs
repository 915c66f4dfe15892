//! Tasks on bare metal: what `switchlab-sync` needs below it, spawning and joining, and fibers.
//!
//! The scheduler itself (who runs, block, wake, channel) is `switchlab-sync`, which runs on the host
//! as well. A task is bound to its CPU. Only threads and processes are preempted, which are tasks that turn interrupts on
//! ([`thread`](crate::thread), [`user`](crate::user)).
//!
//! Locks: none while tasks run; spawn and exit take those of [`mm`](crate::mm) for stacks.

#[expect(unsafe_code, reason = "two contexts that hand over by hand")]
pub mod fiber;
#[expect(unsafe_code, reason = "a new free task's stack and argument")]
pub mod free;
#[expect(unsafe_code, reason = "a symbol that is found by its name")]
mod outside;
#[expect(unsafe_code, reason = "the scheduler's pointer behind GS, and the one call of the switch")]
mod platform;
#[expect(unsafe_code, reason = "a new context's stack and argument")]
mod task;

use alloc::{boxed::Box, vec::Vec};

use spin::Once;
use switchlab_core::{ApicId, CpuId};

use crate::arch::percpu::PerCpu;
pub use platform::Kernel;
pub use switchlab_sync::Counters;
pub use task::{JoinHandle, run_on, spawn_on, spawn_sized_on};

/// A task of this kernel.
pub type Task = switchlab_sync::Task<Kernel>;
/// A CPU's scheduler.
pub type Cpu = switchlab_sync::Cpu<Kernel>;
/// A gate between two tasks of one CPU.
pub type Gate = switchlab_sync::Gate<Kernel>;
/// A side of it.
pub type GateSide = switchlab_sync::gate::Side<Kernel>;
/// A channel between two tasks.
pub type Channel = switchlab_sync::Channel<Kernel>;
/// Its end that sends.
pub type Sender = switchlab_sync::Sender<Kernel>;
/// Its end that receives.
pub type Receiver = switchlab_sync::Receiver<Kernel>;

static CPUS: Once<Box<[&'static Cpu]>> = Once::new();
static PERCPUS: Once<Box<[&'static PerCpu]>> = Once::new();

/// Gives each CPU its scheduler, and makes what runs now, on the BSP, task 0.
pub fn init(percpus: &[&'static PerCpu]) {
    let cpus: Vec<_> = percpus
        .iter()
        .map(|percpu| {
            let cpu: &'static Cpu = Box::leak(Box::new(Cpu::new(percpu.id(), percpu.words())));
            percpu.set_scheduler(core::ptr::from_ref(cpu).cast_mut().cast());
            cpu
        })
        .collect();
    task::start_bsp(cpus[CpuId::BSP.index()]);
    outside::tell(PERCPUS.call_once(|| percpus.into()));
    CPUS.call_once(|| cpus.into());
}

/// One CPU's own data.
///
/// # Panics
///
/// For a CPU that does not exist.
pub fn percpu(id: CpuId) -> &'static PerCpu {
    PERCPUS.get().expect("sched::init comes first")[id.index()]
}

/// The data of the CPU with this hardware id; `None` for another, and before [`init`].
pub fn percpu_of(id: ApicId) -> Option<&'static PerCpu> {
    PERCPUS.get()?.iter().find(|percpu| percpu.apic_id() == id).copied()
}

/// What an AP does for the rest of its life: runs what is ready, and halts.
pub fn run_ap(percpu: &'static PerCpu) -> ! {
    task::run_ap(cpu(percpu.id()))
}

/// All CPUs, by [`CpuId`].
pub fn cpus() -> &'static [&'static Cpu] {
    CPUS.get().expect("sched::init comes first")
}

/// One CPU's scheduler.
///
/// # Panics
///
/// For a CPU that does not exist.
pub fn cpu(id: CpuId) -> &'static Cpu {
    cpus()[id.index()]
}

/// Blocks the running task until it is woken.
pub fn block_current() {
    Task::block_current();
}

/// Lets the other ready tasks of this CPU run first.
#[inline(always)]
pub fn yield_now() {
    Cpu::yield_now();
}

/// Lets the others of this CPU run, or halts until an interrupt where all that are ready here rest: so many, with the
/// running task.
pub fn rest(resting: usize) {
    Cpu::rest(resting);
}

/// Takes the IPIs that have arrived and are pending, and what they bring: for who counts IPIs.
pub fn take_arrived() {
    Cpu::take_arrived();
}

/// Number of the task that runs on this CPU, if tasks run already. For a crash report: takes no
/// lock and does not panic.
pub fn current_task_number() -> Option<u32> {
    platform::try_this_cpu()?.current_or_none().map(|task| task.id().get())
}
