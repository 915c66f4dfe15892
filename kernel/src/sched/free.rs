//! Tasks that are bound to no CPU, on bare metal: their stacks, and a worker on each CPU. The pool itself is
//! `switchlab-sync`'s.
//!
//! A free task must not use what belongs to bound ones: no [`Channel`](super::Channel), no block or yield of
//! [`sched`](super). On its CPU that would be the worker's.

use alloc::{boxed::Box, vec::Vec};
use core::{marker::PhantomData, ptr};

use switchlab_core::policy::{Policy, Queue};
use switchlab_sync::free::{FreeTask, Pool, Seat};

use super::{JoinHandle, Kernel, cpus, spawn_on};
use crate::{
    lock::Lock,
    mm::{Stack, StackError, StackSize},
};

pub use switchlab_sync::free::{FreeChannel, FreeCounts};

/// A running free task, as it knows itself.
pub type Me<Y> = switchlab_sync::free::Me<Kernel, Y>;
/// The end of a [`FreeChannel`] that sends.
pub type FreeSender<Y> = switchlab_sync::free::FreeSender<Kernel, Y>;
/// The end of a [`FreeChannel`] that receives.
pub type FreeReceiver<Y> = switchlab_sync::free::FreeReceiver<Kernel, Y>;

/// What a free task does. It rests where it has done its part; where it returns, it rests for ever.
pub type Body<Y> = Box<dyn FnOnce(&Me<Y>) + Send>;

/// Free tasks and the workers that run them, on all CPUs. Its owner is a task on the BSP, which is a worker
/// too while it waits for them.
#[derive(Debug)]
pub struct Crew<Y: Policy> {
    pool: &'static Pool<Kernel, Y>,
    workers: Vec<JoinHandle>,
    stacks: Vec<Stack>,
    /// Neither `Send` nor `Sync`.
    of_one_task: PhantomData<*const ()>,
}

/// What a free task begins with.
struct Start<Y: Policy> {
    pool: &'static Pool<Kernel, Y>,
    number: u32,
    body: Lock<Option<Body<Y>>>,
}

impl<Y: Policy> Crew<Y> {
    /// Bytes of the heap that [`gather`](Self::gather) takes for so many tasks, the workers' apart; what bodies
    /// hold is not in it.
    pub fn heap_bytes(tasks: usize) -> u64 {
        let task = size_of::<FreeTask>() + size_of::<Start<Y>>() + size_of::<Stack>() + size_of::<Body<Y>>();
        (tasks * task + cpus().len() * Queue::slots(tasks) * size_of::<u32>()) as u64
    }

    /// Makes tasks of `bodies`, numbered from 0 on, with stacks of this size, and starts the workers. The tasks rest.
    /// By a task on the BSP, which owns them. `seed` is of the orders in which CPUs look into each other's queues.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    pub fn gather(bodies: Vec<Body<Y>>, size: StackSize, seed: u64) -> Result<Self, StackError> {
        let slots = || Vec::leak(alloc::vec![0; Queue::slots(bodies.len())]);
        let seats: Vec<_> = cpus().iter().map(|_| Seat::new(slots())).collect();
        let tasks: &'static [_] = Vec::leak((0..bodies.len() as u32).map(FreeTask::new).collect());
        let pool: &'static Pool<Kernel, Y> = Box::leak(Box::new(Pool::new(Vec::leak(seats), tasks, seed)));
        let mut stacks = Vec::with_capacity(tasks.len());
        for ((number, body), task) in (0..).zip(bodies).zip(tasks) {
            let stack = Stack::allocate(size)?;
            let start = Box::leak(Box::new(Start { pool, number, body: Lock::new(Some(body)) }));
            // SAFETY: the stack is this task's alone until `dismiss`, behind which nobody runs it.
            unsafe { task.prepare(stack.top(), begin::<Y>, ptr::from_ref(start).expose_provenance()) };
            stacks.push(stack);
        }
        let workers =
            cpus()[1..].iter().map(|cpu| spawn_on(cpu, || pool.work())).collect::<Result<_, _>>()?;
        // SAFETY: no task is let begin.
        unsafe { pool.run(0) };
        Ok(Self { pool, workers, stacks, of_one_task: PhantomData })
    }

    /// Lets the first `tasks` tasks begin or go on, and returns when they rest again and all CPUs are idle:
    /// the counters stand still, and every IPI was taken.
    pub fn run(&self, tasks: usize) {
        // SAFETY: `gather` prepared all of them, of a pool of their own; they have their stacks until `dismiss`, which
        // takes the crew. It stays with one task, which waits here.
        unsafe { self.pool.run(tasks) };
    }

    /// What was counted so far.
    pub fn counts(&self) -> FreeCounts {
        self.pool.counts()
    }

    /// Lets the workers go. What is on the tasks' stacks is lost.
    pub fn dismiss(self) {
        self.pool.close();
        self.workers.into_iter().for_each(JoinHandle::join);
        self.stacks.into_iter().for_each(Stack::give_back);
    }
}

extern "C" fn begin<Y: Policy>(start: usize) -> ! {
    // SAFETY: `gather` passes the address of a value that lives for ever.
    let start: &'static Start<Y> = unsafe { &*ptr::with_exposed_provenance(start) };
    // SAFETY: this is the first thing that the task does, and `gather` gave it its number.
    let me = unsafe { start.pool.enter(start.number) };
    let body = start.body.lock().take();
    body.expect("a task begins once")(&me);
    loop {
        me.rest();
    }
}
