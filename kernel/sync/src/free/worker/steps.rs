//! What the CPUs of a pool do to each other, step by step, for the model checker: the whole of it has too many orders.

use switchlab_core::policy::Policy;

use crate::Platform;

use super::{Errand, Pool};

impl<P: Platform, Y: Policy> Pool<P, Y> {
    /// Makes the task that runs this CPU's worker.
    pub fn begin(&self) {
        self.take_seat(self.here());
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
        self.next_or_wait(self.here(), &mut Errand::None).expect("the pool is neither closed nor quiet")
    }
}
