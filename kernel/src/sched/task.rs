//! A task's life: spawn, first instructions, exit, join.
//!
//! A task and what it says of itself live for ever (others may hold references); its stack is given
//! back when it has exited and left it.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use switchlab_core::TaskId;

use super::{Channel, Cpu, Task};
use crate::{
    lock::Lock,
    mm::{Stack, StackError},
};

/// What this kernel adds to a task.
pub struct TaskData {
    stack: Lock<Option<Stack>>,
    body: Lock<Option<Box<dyn FnOnce() + Send>>>,
    /// Gets one message when the task has exited and its stack is free.
    exited: Channel,
}

impl core::fmt::Debug for TaskData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TaskData").finish_non_exhaustive()
    }
}

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// A task that was spawned.
#[derive(Debug)]
#[must_use = "a task that nobody joins may outlive what it uses"]
pub struct JoinHandle {
    task: &'static Task,
}

impl JoinHandle {
    /// The task.
    pub fn task(&self) -> &'static Task {
        self.task
    }

    /// Blocks until the task has exited and its stack is free.
    pub fn join(self) {
        self.task.data.exited.receiver().recv();
    }
}

/// Starts a task on `cpu` that runs `body` and exits. On another CPU than this one, by one IPI.
///
/// # Errors
///
/// [`StackError`] where there is no stack for it.
pub fn spawn_on(cpu: &'static Cpu, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle, StackError> {
    let stack = Stack::allocate()?;
    let top = stack.top();
    let task = new_task(cpu, Some(stack), Some(Box::new(body)));
    // SAFETY: the stack is this task's alone until it is given back, after its exit.
    unsafe {
        task.context.prepare(top, run_body, core::ptr::from_ref(task).expose_provenance());
        task.start();
    }
    Ok(JoinHandle { task })
}

/// Runs `body` in a task of its own on `cpu`, waits for its end, and returns what it returned.
///
/// # Errors
///
/// [`StackError`] where there is no stack for it.
///
/// # Panics
///
/// If the task ended without a result, which it can not.
pub fn run_on<T: Send + 'static>(
    cpu: &'static Cpu,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StackError> {
    let result: &'static Lock<Option<T>> = Box::leak(Box::new(Lock::new(None)));
    spawn_on(cpu, move || *result.lock() = Some(body()))?.join();
    let returned = result.lock().take();
    Ok(returned.expect("a task that was joined has left its result"))
}

fn new_task(
    cpu: &'static Cpu,
    stack: Option<Stack>,
    body: Option<Box<dyn FnOnce() + Send>>,
) -> &'static Task {
    let id = TaskId::new(NEXT_ID.fetch_add(1, Relaxed));
    let data = TaskData { stack: Lock::new(stack), body: Lock::new(body), exited: Channel::new() };
    Box::leak(Box::new(Task::new(id, cpu, data)))
}

/// A task's first and last instructions.
extern "C" fn run_body(task: usize) -> ! {
    // SAFETY: `spawn_on` passes the address of a task that lives for ever.
    let task: &'static Task = unsafe { &*core::ptr::with_exposed_provenance(task) };
    let body = task.data.body.lock().take();
    body.expect("a task starts once")();
    Cpu::exit_current()
}

/// Called by the idle task for a task that exited and left its stack.
fn finish(task: &'static Task) {
    if let Some(stack) = task.data.stack.lock().take() {
        stack.give_back();
    }
    task.data.exited.sender().send(0);
}

/// Makes what runs now, on the BSP, its first task, and gives the BSP an idle task of its own.
pub fn start_bsp(cpu: &'static Cpu) {
    let main = new_task(cpu, None, None);
    let stack = Stack::allocate().unwrap_or_else(|error| panic!("no idle task for the BSP: {error}"));
    let top = stack.top();
    let idle = new_task(cpu, Some(stack), None);
    // SAFETY: the idle task never ends, so the stack is its own for ever.
    unsafe { idle.context.prepare(top, run_idle, 0) };
    cpu.start(main, idle);
}

extern "C" fn run_idle(_: usize) -> ! {
    Cpu::run_idle(finish)
}

/// Makes what runs now, on an AP, its idle task.
pub fn run_ap(cpu: &'static Cpu) -> ! {
    let idle = new_task(cpu, None, None);
    cpu.start(idle, idle);
    Cpu::run_idle(finish)
}
