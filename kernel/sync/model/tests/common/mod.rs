//! A platform of threads that a model checker runs: each is a CPU with one task, and an IPI is a flag that somebody can
//! wait for.

use std::sync::Arc;

use loom::{
    model::Builder,
    sync::{
        Notify,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    thread,
};
use switchlab_core::{CpuId, TaskId};
use switchlab_switch::Message;
use switchlab_sync_model::{Channel, Cpu, Platform, Task, Words};

pub type ModelTask = Task<Model>;
pub type ModelChannel = Channel<Model>;

#[derive(Debug)]
pub struct Model;

/// A CPU, and what stands for its interrupts.
pub struct ModelCpu {
    cpu: Cpu<Model>,
    words: &'static Words,
    /// One that was sent and not taken: as in the local APIC's IRR, two are one. Who sends sees nothing by it of who
    /// takes.
    pending: AtomicBool,
    sent: Notify,
}

loom::thread_local! {
    static THIS_CPU: std::cell::Cell<Option<&'static ModelCpu>> = std::cell::Cell::new(None);
}

fn this_model_cpu() -> &'static ModelCpu {
    THIS_CPU.with(std::cell::Cell::get).expect("this thread is a CPU")
}

impl ModelCpu {
    fn new(id: u32) -> &'static Self {
        let place = Box::leak(Box::<Self>::new_uninit());
        let address = place.as_ptr().expose_provenance() as u64;
        let words = Box::leak(Box::new(Words::new(address)));
        let cpu = Cpu::new(CpuId::new(id), words);
        place.write(Self { cpu, words, pending: AtomicBool::new(false), sent: Notify::new() })
    }

    fn take_pending(&self) -> bool {
        let taken = self.pending.swap(false, Acquire);
        if taken {
            self.cpu.take_ipi();
        }
        taken
    }

    /// IPIs that it has sent so far.
    pub fn ipis_sent(&self) -> u64 {
        self.cpu.counters().ipis_sent.load(Acquire)
    }
}

// SAFETY: a thread is a CPU here, and its words are its `ModelCpu`'s; no context is switched to.
unsafe impl Platform for Model {
    type TaskData = ();

    fn this_cpu() -> &'static Cpu<Self> {
        &this_model_cpu().cpu
    }

    fn send_ipi(to: &'static Words) {
        let to: *const ModelCpu = std::ptr::with_exposed_provenance(to.get(Words::TARGET) as usize);
        // SAFETY: `ModelCpu::new` writes there where it is.
        let to = unsafe { &*to };
        to.pending.swap(true, Release);
        to.sent.notify();
    }

    fn halt() {
        let cpu = this_model_cpu();
        while !cpu.take_pending() {
            cpu.sent.wait();
        }
    }

    fn interrupt_window() {
        this_model_cpu().take_pending();
    }

    unsafe fn switch_context(_: &ModelTask, _: &ModelTask, _: Message) -> Message {
        unreachable!("each CPU has one task")
    }
}

/// Runs these two, each as the only task of its CPU, in all orders of what they do, and with all values that the
/// orderings allow, where one is interrupted by the other at most so many times before it waits. `share` makes what both
/// use.
///
/// The checker fails where one waits and nobody is left who could wake it.
pub fn in_all_orders<S, A, B>(
    preemptions: usize,
    share: impl Fn() -> S + Send + Sync + 'static,
    first: A,
    second: B,
) where
    S: Copy + Send + 'static,
    A: Fn(S, &'static ModelCpu) + Send + Sync + 'static,
    B: Fn(S, &'static ModelCpu) + Send + Sync + 'static,
{
    let (first, second) = (Arc::new(first), Arc::new(second));
    let mut builder = Builder::new();
    builder.max_branches = 20_000;
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        let shared = share();
        let cpus = [0, 1].map(start);
        let second = second.clone();
        let other = thread::spawn(move || {
            THIS_CPU.with(|this| this.set(Some(cpus[1])));
            second(shared, cpus[1]);
        });
        THIS_CPU.with(|this| this.set(Some(cpus[0])));
        first(shared, cpus[0]);
        other.join().expect("the other CPU");
    });
}

/// A CPU whose one task runs.
fn start(id: u32) -> &'static ModelCpu {
    let cpu = ModelCpu::new(id);
    let [task, idle] = [id, 1000 + id]
        .map(|id| -> &'static ModelTask { Box::leak(Box::new(Task::new(TaskId::new(id), &cpu.cpu, ()))) });
    // SAFETY: no context is switched to.
    unsafe { cpu.cpu.start(task, idle) };
    // Made here: see `atomic`.
    touch(&cpu.words);
    cpu
}

/// Makes the atomics of what is shared, before there is another thread.
pub fn touch(shared: &impl std::fmt::Debug) {
    drop(format!("{shared:?}"));
}

/// A channel.
pub fn channel() -> &'static ModelChannel {
    let channel: &'static ModelChannel = Box::leak(Box::default());
    touch(channel);
    channel
}
