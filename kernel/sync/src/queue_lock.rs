//! The one lock of this crate: around a queue of tasks that any CPU may go on with. It is part of what is
//! measured there, so it is counted, as handoffs and switches are; where tasks are bound to their CPU there is
//! none. Nobody but [`free`](crate::free) can make one or take one, so all that are counted are those.

use core::{fmt, marker::PhantomData};

use crate::{
    Platform, Words,
    atomic::{Mutex, MutexGuard},
};

/// A queue that one CPU at a time may touch. Each time that it is taken counts, in [`Words::QUEUE_LOCKS`]
/// of the CPU that takes it.
pub(crate) struct QueueLock<P, T> {
    queue: Mutex<T>,
    counts_on: PhantomData<fn() -> P>,
}

impl<P: Platform, T> QueueLock<P, T> {
    /// An open lock.
    pub(crate) const fn new(queue: T) -> Self {
        Self { queue: Mutex::new(queue), counts_on: PhantomData }
    }

    /// Waits until it is open, and takes it.
    #[inline(always)]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        P::count::<{ Words::QUEUE_LOCKS }>();
        self.queue.lock()
    }
}

impl<P, T> fmt::Debug for QueueLock<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueLock").finish_non_exhaustive()
    }
}
