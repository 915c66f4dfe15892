//! What the CPUs of a pool do to each other, step by step, for the model checker: the whole of it has too many orders.

use switchlab_core::policy::Policy;

use crate::{
    Cpu, Platform,
    atomic::{Ordering::SeqCst, Release},
};

use super::{Errand, Pool};

impl<P: Platform, Y: Policy> Pool<P, Y> {
    /// This CPU's task is its worker from here on, in a pool of which so many tasks do not rest.
    pub fn begin(&'static self, alive: u64) {
        self.seats[self.here()].worker.store(Some(Cpu::current()), Release);
        self.alive.store(alive, SeqCst);
    }

    /// Puts a task into this CPU's queue, as who starts or wakes one does.
    pub fn offer(&self, task: u32) {
        self.put(self.here(), task);
    }

    /// Looks for a task once, as a worker does.
    pub fn look(&self) -> Option<u32> {
        self.find(self.here())
    }

    /// Looks for a task until there is one, as a worker does between two tasks.
    pub fn look_until_found(&'static self) -> u32 {
        self.next(self.here(), &mut Errand::None).expect("the pool is neither closed nor quiet")
    }
}
