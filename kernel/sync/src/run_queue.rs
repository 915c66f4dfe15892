//! The ready tasks of one CPU, first in, first out. An intrusive list: nothing allocates, each
//! operation touches the queue and one or two tasks.

use crate::{
    Platform, Task,
    atomic::{AtomicRef, Relaxed},
};

/// Ready tasks in the order in which they run. Belongs to one CPU, which alone touches it: all
/// accesses are relaxed and none is locked.
#[derive(Debug)]
pub struct RunQueue<P: Platform> {
    head: AtomicRef<Task<P>>,
    /// Undefined while `head` is none.
    tail: AtomicRef<Task<P>>,
}

impl<P: Platform> RunQueue<P> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { head: AtomicRef::none(), tail: AtomicRef::none() }
    }

    /// Puts a task, which is in no queue, at the end.
    #[inline(always)]
    pub fn enqueue(&self, task: &'static Task<P>) {
        task.next.store(None, Relaxed);
        match self.head.load(Relaxed) {
            None => self.head.store(Some(task), Relaxed),
            Some(_) => {
                let tail = self.tail.load(Relaxed).expect("a queue with a head has a tail");
                tail.next.store(Some(task), Relaxed);
            }
        }
        self.tail.store(Some(task), Relaxed);
    }

    /// Takes the first task.
    #[inline(always)]
    pub fn pick_next(&self) -> Option<&'static Task<P>> {
        let first = self.head.load(Relaxed)?;
        self.head.store(first.next.load(Relaxed), Relaxed);
        Some(first)
    }
}

impl<P: Platform> Default for RunQueue<P> {
    fn default() -> Self {
        Self::new()
    }
}
