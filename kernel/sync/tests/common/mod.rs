//! A platform of host threads: each is a CPU, an IPI is a flag under a condition variable.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex},
    thread,
};

use switchlab_core::{CpuId, TaskId, task_state::TaskState};
use switchlab_switch::Message;
use switchlab_sync::{Cpu, Platform, Task, Words};

pub type HostTask = Task<Host>;

pub struct Host;

/// What a task of the host is made of: its stack and what it runs.
pub struct Body {
    stack: Mutex<Vec<u128>>,
    run: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    pub done: Done,
}

/// Set when a task has exited; a host thread waits for it.
#[derive(Default)]
pub struct Done(Mutex<bool>, Condvar);

impl Done {
    fn set(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    pub fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |done| !*done).unwrap());
    }
}

/// A CPU, and what stands for its interrupts.
struct HostCpu {
    cpu: Cpu<Host>,
    /// One that was sent and not taken: as in the local APIC's IRR, two are one.
    pending: Mutex<bool>,
    sent: Condvar,
}

thread_local! {
    static THIS_CPU: Cell<Option<&'static HostCpu>> = const { Cell::new(None) };
}

/// Never inlined: a task that is bound to no CPU may be on another thread the next time, and the address of
/// a thread's own variable must not be kept.
#[inline(never)]
fn this_host_cpu() -> &'static HostCpu {
    THIS_CPU.get().expect("this thread is a CPU")
}

impl HostCpu {
    fn new(id: u32) -> &'static Self {
        let place = Box::leak(Box::<Self>::new_uninit());
        let address = place.as_ptr().expose_provenance() as u64;
        let words = Box::leak(Box::new(Words::new(address)));
        let cpu = Cpu::new(CpuId::new(id), words);
        place.write(Self { cpu, pending: Mutex::new(false), sent: Condvar::new() })
    }

    fn take_pending(&self) {
        if std::mem::take(&mut *self.pending.lock().unwrap()) {
            self.cpu.take_ipi();
        }
    }
}

// SAFETY: a thread that runs tasks is a CPU here, and its words are its `HostCpu`'s; one of its threads runs at a time.
unsafe impl Platform for Host {
    type TaskData = Body;

    fn this_cpu() -> &'static Cpu<Self> {
        &this_host_cpu().cpu
    }

    fn send_ipi(to: &'static Words) {
        let to: *const HostCpu = std::ptr::with_exposed_provenance(to.get(Words::TARGET) as usize);
        // SAFETY: `HostCpu::new` writes there where it is.
        let to = unsafe { &*to };
        *to.pending.lock().unwrap() = true;
        to.sent.notify_one();
    }

    fn halt() {
        let host = this_host_cpu();
        let pending = host.pending.lock().unwrap();
        drop(host.sent.wait_while(pending, |pending| !*pending).unwrap());
        host.take_pending();
    }

    fn interrupt_window() {
        this_host_cpu().take_pending();
    }

    unsafe fn switch_context(from: &HostTask, to: &HostTask, message: Message) -> Message {
        // SAFETY: the scheduler owes that `to` is suspended and of this CPU.
        unsafe { switchlab_switch::switch_context(&from.context, &to.context, message) }
    }
}

/// Starts `count` CPUs, each a host thread that runs its idle task for ever.
pub fn start_cpus(count: u32) -> Vec<&'static Cpu<Host>> {
    (0..count)
        .map(|id| {
            let host = HostCpu::new(id);
            let cpu = &host.cpu;
            // Fills in for the first task: the host's threads bring their own.
            let idle: &'static HostTask =
                Box::leak(Box::new(Task::new(TaskId::new(1000 + id), cpu, Body::empty())));
            // SAFETY: it is what runs there, as soon as anything does.
            unsafe { cpu.start(idle, idle) };
            thread::spawn(move || {
                THIS_CPU.set(Some(host));
                Cpu::<Host>::run_idle(|task| task.data.done.set());
            });
            cpu
        })
        .collect()
}

impl Body {
    fn empty() -> Self {
        Self { stack: Mutex::default(), run: Mutex::default(), done: Done::default() }
    }
}

/// A task that runs `body`, not yet started.
pub fn spawn(id: u32, cpu: &'static Cpu<Host>, body: impl FnOnce() + Send + 'static) -> &'static HostTask {
    let data = Body {
        stack: Mutex::new(vec![0; 16 * 1024]),
        run: Mutex::new(Some(Box::new(body))),
        done: Done::default(),
    };
    let task: &'static HostTask = Box::leak(Box::new(Task::new(TaskId::new(id), cpu, data)));
    let top = task.data.stack.lock().unwrap().as_mut_ptr_range().end.cast();
    // SAFETY: the stack is this task's alone and never freed; u128s are aligned to 16.
    unsafe { task.context.prepare(top, enter, std::ptr::from_ref(task).addr()) };
    task
}

extern "C" fn enter(task: usize) -> ! {
    // SAFETY: `spawn` passes the address of a task that is never freed.
    let task = unsafe { &*(task as *const HostTask) };
    let body = task.data.run.lock().unwrap().take().expect("a task starts once");
    body();
    Cpu::<Host>::exit_current()
}

/// Starts the tasks, from a host thread that is no CPU, and waits until all have exited.
pub fn run_all(tasks: &[&'static HostTask]) {
    // A CPU of its own, so that all wake-ups come from afar.
    THIS_CPU.set(Some(HostCpu::new(63)));
    for task in tasks {
        // SAFETY: `spawn` prepared its context.
        unsafe { task.start() };
    }
    for task in tasks {
        task.data.done.wait();
        // The idle task says so next, behind what signalled this.
        while task.state() != TaskState::Exited {
            thread::yield_now();
        }
    }
}
