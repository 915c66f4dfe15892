//! A task's life: spawn, first instructions, exit, join.
//!
//! A task and what it says of itself live for ever (others may hold references); its stack is given
//! back when it has exited and left it.

use alloc::{alloc::alloc, boxed::Box};
use core::{
    alloc::Layout,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use switchlab_core::TaskId;

use super::{Cpu, Task};
use crate::{
    lock::Lock,
    mm::{Stack, StackError, StackSize},
};

/// What this kernel adds to a task.
pub struct TaskData {
    stack: Lock<Option<Stack>>,
}

impl core::fmt::Debug for TaskData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TaskData").finish_non_exhaustive()
    }
}

const _: () = assert!(size_of::<Task>() <= 128, "two cache lines: there may be 65,536 tasks");

/// The largest body: it stands on the task's stack, of which the smallest is a page.
const BODY_BYTES: usize = 512;

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
        self.task.join();
    }
}

/// Starts a task on `cpu` that runs `body` and exits. On another CPU than this one, by one IPI.
///
/// # Errors
///
/// [`StackError`] where there is no memory for it.
pub fn spawn_on(cpu: &'static Cpu, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle, StackError> {
    spawn_sized_on(cpu, StackSize::Usual, body)
}

/// As [`spawn_on`], with a stack of this size.
///
/// # Errors
///
/// [`StackError`] where there is no memory for it.
pub fn spawn_sized_on<B: FnOnce() + Send + 'static>(
    cpu: &'static Cpu,
    size: StackSize,
    body: B,
) -> Result<JoinHandle, StackError> {
    let stack = Stack::allocate(size)?;
    let place = place_for::<B>(&stack);
    let task = match allocate_task() {
        Ok(place) => place.write(new_task(cpu, Some(stack))),
        Err(error) => {
            stack.give_back();
            return Err(error);
        }
    };
    // SAFETY: the stack is this task's alone until it is given back, after its exit. The body stands above
    // where the task's frames begin, is aligned, and is taken from there once.
    unsafe {
        place.write(body);
        task.context.prepare(place.cast(), run_body::<B>, place.expose_provenance());
        task.start();
    }
    Ok(JoinHandle { task })
}

/// Where a body stands: at the top of the stack. What runs on it begins below.
fn place_for<B>(stack: &Stack) -> *mut B {
    /// A stack is aligned so at least.
    const PAGE: usize = 4096;
    const STACK_ALIGNMENT: usize = 16;
    const { assert!(size_of::<B>() <= BODY_BYTES && align_of::<B>() <= PAGE, "a task's body is too large") };
    let top = stack.top();
    let alignment = align_of::<B>().max(STACK_ALIGNMENT);
    let bytes = size_of::<B>().next_multiple_of(alignment);
    top.wrapping_sub(bytes).cast()
}

/// Room for a task, for ever.
fn allocate_task() -> Result<&'static mut MaybeUninit<Task>, StackError> {
    let layout = Layout::new::<Task>();
    // SAFETY: a task has a size; what it gets is its own for ever, or null.
    let place = unsafe { alloc(layout).cast::<MaybeUninit<Task>>().as_mut() };
    place.ok_or(StackError::HeapIsFull { bytes: layout.size() })
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

fn new_task(cpu: &'static Cpu, stack: Option<Stack>) -> Task {
    let id = TaskId::new(NEXT_ID.fetch_add(1, Relaxed));
    Task::new(id, cpu, TaskData { stack: Lock::new(stack) })
}

/// A task's first and last instructions.
extern "C" fn run_body<B: FnOnce()>(body: usize) -> ! {
    // SAFETY: `spawn_sized_on` passes the address of a body that is nobody else's, once.
    unsafe { call(ptr::with_exposed_provenance::<B>(body)) };
    Cpu::exit_current()
}

/// Calls a body where it stands. A function of its own, which gets a pointer: so what a body captures comes
/// from memory into the registers that its loops want, as it does from a box.
///
/// # Safety
///
/// There is a body, and it is called once.
#[inline(never)]
unsafe fn call<B: FnOnce()>(body: *const B) {
    // SAFETY: the caller owes it.
    unsafe { body.read()() };
}

/// Called by the idle task for a task that exited and left its stack.
fn finish(task: &'static Task) {
    if let Some(stack) = task.data.stack.lock().take() {
        stack.give_back();
    }
}

/// Makes what runs now, on the BSP, its first task, and gives the BSP an idle task of its own.
pub fn start_bsp(cpu: &'static Cpu) {
    let main = Box::leak(Box::new(new_task(cpu, None)));
    let stack =
        Stack::allocate(StackSize::Usual).unwrap_or_else(|error| panic!("no idle task for the BSP: {error}"));
    let top = stack.top();
    let idle = &*Box::leak(Box::new(new_task(cpu, Some(stack))));
    // SAFETY: the idle task never ends, so the stack is its own for ever.
    unsafe { idle.context.prepare(top, run_idle, 0) };
    // SAFETY: prepared; and what runs is the other.
    unsafe { cpu.start(main, idle) };
}

extern "C" fn run_idle(_: usize) -> ! {
    Cpu::run_idle(finish)
}

/// Makes what runs now, on an AP, its idle task.
pub fn run_ap(cpu: &'static Cpu) -> ! {
    let idle = &*Box::leak(Box::new(new_task(cpu, None)));
    // SAFETY: it is what runs.
    unsafe { cpu.start(idle, idle) };
    Cpu::run_idle(finish)
}
