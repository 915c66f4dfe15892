//! The machine of a model: threads that a model checker runs, each of which is a CPU, and an IPI that is pending until
//! it is taken.
//!
//! It has what the protocols rely on and no more. An IPI is taken at a halt or a window, and nowhere else: interrupts
//! are off. A halt is one step: it finds an IPI that is pending, or waits for one, as `sti; hlt` does, since STI holds
//! interrupts back for one more instruction (Intel SDM vol. 2, STI). Who takes an IPI sees what its sender had written,
//! and who does not sees nothing by it.

use std::cell::{Cell, RefCell};

use loom::{
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    },
    thread::{self, Thread},
};
use switchlab_core::{CpuId, TaskId};
use switchlab_switch::{Context, Message};
use switchlab_sync_model::{Channel, Cpu, Platform, Task, Words};

use crate::{
    explore::{for_ever, machine},
    stacks::{self, Flow, Reason},
};

pub type ModelTask = Task<Model>;
pub type ModelChannel = Channel<Model>;

#[derive(Debug)]
pub struct Model;

/// How a machine may be wrong.
#[derive(Clone, Copy)]
pub struct Machine {
    pub halt: Halt,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Halt {
    /// `sti; hlt` with interrupts off before.
    OneStep,
    /// With `cli` left out: an interrupt comes between the check and the halt, and its handler runs there.
    TwoSteps,
}

impl Machine {
    pub const SOUND: Self = Self { halt: Halt::OneStep };
}

/// A CPU, and what stands for its interrupts.
pub struct ModelCpu {
    cpu: Cpu<Model>,
    words: &'static Words,
    own_task: Cell<Option<&'static ModelTask>>,
    /// One that was sent and not taken: as in the local APIC's IRR, two are one.
    pending: AtomicBool,
    /// It halts. No step of the checker, so one with the look at `pending` before it.
    halts: Cell<bool>,
    thread: RefCell<Option<Thread>>,
    ended: Cell<bool>,
    /// The first CPU has seen what this one did.
    seen: Cell<bool>,
    /// Where its own stack was left.
    pub home: Cell<Option<*const Context>>,
    /// Why one of its tasks failed.
    pub failed: Cell<Option<Reason>>,
}

loom::thread_local! {
    static THIS_CPU: Cell<Option<&'static ModelCpu>> = Cell::new(None);
}

/// The CPU that runs this.
#[inline(never)]
pub fn this_model_cpu() -> &'static ModelCpu {
    // Where the model has failed, the checker knows no threads any more.
    if std::thread::panicking() {
        return CPUS.with_borrow(|cpus| cpus[0]);
    }
    THIS_CPU.with(Cell::get).expect("this thread is a CPU")
}

impl ModelCpu {
    /// A CPU that runs its own task, on its thread's stack.
    pub fn start(id: u32) -> &'static Self {
        // The target is known only when it has a place, so it goes by number.
        let words: &Words = for_ever(Words::new(u64::from(id)));
        let cpu: &Self = for_ever(Self {
            cpu: Cpu::new(CpuId::new(id), words),
            words,
            own_task: Cell::new(None),
            pending: AtomicBool::new(false),
            halts: Cell::new(false),
            thread: RefCell::new(None),
            ended: Cell::new(false),
            seen: Cell::new(false),
            home: Cell::new(None),
            failed: Cell::new(None),
        });
        CPUS.with_borrow_mut(|cpus| {
            cpus.truncate(id as usize);
            cpus.push(cpu);
        });
        let [own, idle] = [id, 1000 + id]
            .map(|id| -> &'static ModelTask { for_ever(Task::new(TaskId::new(id), &cpu.cpu, ())) });
        prepare(idle, for_ever(stacks::idle()));
        // SAFETY: the idle task is prepared; the other is what runs.
        unsafe { cpu.cpu.start(own, idle) };
        cpu.own_task.set(Some(own));
        // Made here: see `atomic`.
        [own, idle].into_iter().for_each(touch);
        touch(&cpu.words);
        cpu
    }

    /// Its scheduler.
    pub fn cpu(&'static self) -> &'static Cpu<Model> {
        &self.cpu
    }

    /// The task that its thread runs.
    pub fn own_task(&self) -> &'static ModelTask {
        self.own_task.get().expect("a CPU that was started has a task")
    }

    pub fn set_thread(&self, thread: Thread) {
        self.thread.replace(Some(thread));
    }

    pub fn become_this_cpu(&'static self) {
        THIS_CPU.with(|this| this.set(Some(self)));
    }

    /// It has done its part, and the first CPU of `all` sees all that it did. No step of the checker: nothing is explored
    /// here.
    pub fn end<const N: usize>(&self, all: [&'static Self; N]) {
        self.ended.set(true);
        let first = all[0];
        if std::ptr::eq(self, first) {
            all[1..].iter().filter(|other| other.ended.get()).for_each(|other| other.unpark());
            while !all[1..].iter().all(|other| other.seen.get()) {
                thread::park();
            }
        } else {
            while !first.ended.get() {
                thread::park();
            }
            self.seen.set(true);
            first.unpark();
        }
    }

    fn unpark(&self) {
        self.thread.borrow().as_ref().expect("a CPU has a thread").unpark();
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
        self.words.get(Words::IPIS_SENT)
    }

    /// IPIs that it has taken so far.
    pub fn ipis_taken(&self) -> u64 {
        self.words.get(Words::IPIS_TAKEN)
    }

    /// How often it halted so far.
    pub fn halts(&self) -> u64 {
        self.words.get(Words::HALTS)
    }

    /// Messages that it has received so far.
    pub fn handoffs(&self) -> u64 {
        self.words.get(Words::HANDOFFS)
    }
}

thread_local! {
    static CPUS: RefCell<Vec<&'static ModelCpu>> = const { RefCell::new(Vec::new()) };
}

// SAFETY: a thread is a CPU here, and its words are its `ModelCpu`'s, which nobody else writes.
unsafe impl Platform for Model {
    type TaskData = ();

    fn this_cpu() -> &'static Cpu<Self> {
        &this_model_cpu().cpu
    }

    fn send_ipi(to: &'static Words) {
        let to = CPUS.with_borrow(|cpus| cpus[to.get(Words::TARGET) as usize]);
        to.pending.swap(true, Release);
        // Who does not wait sees nothing by it.
        if to.halts.replace(false) {
            to.unpark();
        }
    }

    fn halt() {
        let cpu = this_model_cpu();
        if machine().halt == Halt::TwoSteps {
            cpu.take_pending();
        }
        while !cpu.take_pending() {
            cpu.halts.set(true);
            thread::park();
        }
    }

    fn interrupt_window() {
        this_model_cpu().take_pending();
    }

    unsafe fn switch_context(from: &ModelTask, to: &ModelTask, message: Message) -> Message {
        // SAFETY: the caller owes it.
        unsafe { stacks::switch(&from.context, &to.context, message) }
    }

    unsafe fn switch_free(from: &Context, to: &Context) {
        // SAFETY: the caller owes it.
        unsafe { stacks::switch(from, to, Message::uninit()) };
    }
}

/// A further task of a CPU, not yet started. It exits behind its body.
pub fn spawn(id: u32, cpu: &'static ModelCpu, body: impl FnOnce() + 'static) -> &'static ModelTask {
    let task: &ModelTask = for_ever(Task::new(TaskId::new(id), &cpu.cpu, ()));
    touch(task);
    prepare(
        task,
        for_ever(Flow::new(|| {
            body();
            Cpu::<Model>::exit_current()
        })),
    );
    task
}

/// Lets it run.
pub fn start(task: &'static ModelTask) {
    // SAFETY: `spawn` prepared it.
    unsafe { task.start() };
}

fn prepare(task: &ModelTask, flow: &'static Flow) {
    // SAFETY: the stack is its own in this execution, and it does not run yet.
    flow.prepare(|top, entry, argument| unsafe { task.context.prepare(top, entry, argument) });
}

/// Makes the atomics of what is shared, before there is another thread.
pub fn touch(shared: &impl std::fmt::Debug) {
    drop(format!("{shared:?}"));
}

/// A channel.
pub fn channel() -> &'static ModelChannel {
    let channel: &'static ModelChannel = for_ever(Channel::new());
    touch(channel);
    channel
}

/// IPIs that were sent and taken so far, on all of them.
pub fn counts(cpus: &[&'static ModelCpu]) -> (u64, u64) {
    let sum = |count: fn(&ModelCpu) -> u64| cpus.iter().map(|cpu| count(cpu)).sum();
    (sum(ModelCpu::ipis_sent), sum(ModelCpu::ipis_taken))
}
