//! The kernel's lock: it spins, and counts that it was taken, since no timed block may take one.

use spin::{Mutex, MutexGuard};

use crate::foreign::{self, Kind};

/// A value that one CPU at a time may touch.
#[derive(Debug, Default)]
pub struct Lock<T>(Mutex<T>);

/// The value, while it is locked.
pub type Guard<'a, T> = MutexGuard<'a, T>;

impl<T> Lock<T> {
    /// An open lock.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits until it is open, and takes it.
    pub fn lock(&self) -> Guard<'_, T> {
        foreign::count(Kind::Lock);
        self.0.lock()
    }

    /// Takes it if it is open.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        foreign::count(Kind::Lock);
        self.0.try_lock()
    }
}
