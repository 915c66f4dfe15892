//! Ours, with tasks: the kernel's scheduler and channel as they are, on one CPU that is this thread.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::{Mutex, OnceLock};

use switchlab_core::{CpuId, TaskId};
use switchlab_switch::Message;
use switchlab_sync::{Channel, Cpu, Platform, Receiver, Sender, Task, Words};

use super::STACK_BYTES;
use crate::Peer;
use crate::answer::About;
use crate::link::{Link, Turn, joined, ping, pong};
use crate::plan::{Failure, Plan, Times};
use crate::versions::of_crate;

/// How two tasks hand over.
pub enum Tasks {
    /// By a channel each way.
    Channel,
    /// By yielding.
    Yield,
}

impl Peer for Tasks {
    fn about(&self) -> About {
        let (id, title) = match self {
            Self::Channel => ("ours-channel", "ours, two tasks, channels"),
            Self::Yield => ("ours-yield", "ours, two tasks, yield"),
        };
        About { id, title, base: None, version: of_crate("switchlab-sync") }
    }

    fn exchange(&self, plan: Plan) -> Result<Times, Failure> {
        match self {
            Self::Channel => {
                let [there, back]: [&'static Channel<Thread>; 2] =
                    [Box::leak(Box::default()), Box::leak(Box::default())];
                between(
                    plan,
                    move || ByChannel { to: there.sender(), from: back.receiver() },
                    move || ByChannel { from: there.receiver(), to: back.sender() },
                )
            }
            Self::Yield => {
                let number = Box::leak(Box::new(Cell::new(0)));
                let number = Leaked(number);
                let other = number.clone();
                between(
                    plan,
                    move || ByYield { number: number.get(), turn: Turn::Ping },
                    move || ByYield { number: other.get(), turn: Turn::Pong },
                )
            }
        }
    }

    fn is_of_one_thread(&self) -> bool {
        true
    }
}

/// Runs the side that starts in the task that this thread is, and the other in one of its own.
fn between<A: Link, B: Link>(
    plan: Plan,
    here: impl FnOnce() -> A,
    there: impl FnOnce() -> B + 'static,
) -> Result<Times, Failure> {
    let answered = Rc::new(Cell::new(None));
    let result = Rc::clone(&answered);
    start();
    spawn(Box::new(move || {
        let side = pong(plan, &mut there());
        result.set(Some(side));
    }));
    let asked = ping(plan, &mut here());
    let answered = loop {
        match answered.take() {
            Some(side) => break side,
            // It has answered the last one, and has not yet said what it counted.
            None => Cpu::<Thread>::yield_now(),
        }
    };
    joined(plan, asked, &answered)
}

struct ByChannel {
    to: Sender<Thread>,
    from: Receiver<Thread>,
}

impl Link for ByChannel {
    #[inline(always)]
    fn hand(&mut self, number: u32) {
        self.to.send(u64::from(number));
    }

    #[inline(always)]
    fn take(&mut self) -> Option<u32> {
        Some(self.from.recv() as u32)
    }
}

struct ByYield {
    number: &'static Cell<u32>,
    turn: Turn,
}

impl Link for ByYield {
    #[inline(always)]
    fn hand(&mut self, number: u32) {
        self.number.set(number);
    }

    #[inline(always)]
    fn take(&mut self) -> Option<u32> {
        loop {
            let number = self.number.get();
            if self.turn.is_mine(number) {
                return Some(number);
            }
            Cpu::<Thread>::yield_now();
        }
    }
}

/// A cell for ever, for two tasks of one thread.
#[derive(Clone)]
struct Leaked(&'static Cell<u32>);

impl Leaked {
    fn get(&self) -> &'static Cell<u32> {
        self.0
    }
}

/// This thread, as the only CPU of a machine.
pub struct Thread;

/// What a task runs. It stays on this thread, as all tasks do.
type Body = Box<dyn FnOnce()>;

/// A task's body, until it starts.
pub struct TaskData(Mutex<Option<Body>>);

// SAFETY: the machine has one CPU, which is one thread: no other ever sees a body.
unsafe impl Sync for TaskData {}

static WORDS: Words = Words::new(0);
static CPU: OnceLock<Cpu<Thread>> = OnceLock::new();

// SAFETY: one thread calls `start` and runs all tasks, and the words are this file's alone.
unsafe impl Platform for Thread {
    type TaskData = TaskData;

    fn this_cpu() -> &'static Cpu<Self> {
        CPU.get().expect("`start` comes first")
    }

    fn send_ipi(_: &'static Words) {
        unreachable!("there is one CPU")
    }

    fn halt() {
        panic!("all tasks wait for each other: nothing will ever wake them");
    }

    fn interrupt_window() {}

    #[inline(always)]
    fn word<const WORD: usize>() -> u64 {
        WORDS.get(WORD)
    }

    #[inline(always)]
    unsafe fn set_word<const WORD: usize>(value: u64) {
        // SAFETY: the caller owes the same.
        unsafe { WORDS.set(WORD, value) };
    }

    #[inline(always)]
    fn count<const WORD: usize>() {
        // SAFETY: what is counted in is no address.
        unsafe { Self::set_word::<WORD>(Self::word::<WORD>() + 1) };
    }

    #[inline(always)]
    unsafe fn switch_context(from: &Task<Self>, to: &Task<Self>, message: Message) -> Message {
        // SAFETY: the caller owes what the switch asks for.
        unsafe { switchlab_switch::switch_context(&from.context, &to.context, message) }
    }
}

/// Makes this thread the CPU's first task.
pub fn start() {
    let cpu = CPU.get_or_init(|| Cpu::new(CpuId::new(0), &WORDS));
    let [main, idle] = [0, 1].map(|id| new_task(cpu, id, None));
    // SAFETY: the stack is its own for ever.
    unsafe { idle.context.prepare(new_stack(), run_idle, 0) };
    // SAFETY: prepared; and what runs is the other.
    unsafe { cpu.start(main, idle) };
}

fn spawn(body: Body) {
    let task = new_task(Thread::this_cpu(), 2, Some(body));
    // SAFETY: the stack is its own for ever; the task is never freed.
    unsafe { start_task(task, new_stack()) };
}

/// A task that is not started yet.
pub fn task_of(id: u32, body: Body) -> Task<Thread> {
    Task::new(TaskId::new(id), Thread::this_cpu(), TaskData(Mutex::new(Some(body))))
}

/// Lets a task run.
///
/// # Safety
///
/// `stack_top` is the end of a stack that is the task's own for ever. It is started once.
pub unsafe fn start_task(task: &'static Task<Thread>, stack_top: *mut u8) {
    // SAFETY: the caller owes it.
    unsafe {
        task.context.prepare(stack_top, run_body, ptr::from_ref(task).expose_provenance());
        task.start();
    }
}

fn new_task(cpu: &'static Cpu<Thread>, id: u32, body: Option<Body>) -> &'static Task<Thread> {
    Box::leak(Box::new(Task::new(TaskId::new(id), cpu, TaskData(Mutex::new(body)))))
}

/// The top of a stack that lives for ever.
fn new_stack() -> *mut u8 {
    Box::leak(vec![0_u128; STACK_BYTES / 16].into_boxed_slice()).as_mut_ptr_range().end.cast()
}

extern "C" fn run_idle(_: usize) -> ! {
    Cpu::<Thread>::run_idle(|_| ())
}

extern "C" fn run_body(task: usize) -> ! {
    // SAFETY: `spawn` passes the address of a task that is never freed.
    let task: &'static Task<Thread> = unsafe { &*ptr::with_exposed_provenance(task) };
    let body = task.data.0.lock().expect("nobody panics with it").take();
    body.expect("a task starts once")();
    Cpu::<Thread>::exit_current()
}
