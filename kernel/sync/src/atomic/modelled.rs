//! The atomics where a model checker looks: loom's, which give each load every value that the orderings allow, in every
//! order of the threads.
//!
//! As `core`'s they can be made in a constant; loom's can not, so they are made when they are touched first. That must
//! happen before there are other threads, or where all that touch them are in order: printing what holds them does. Like
//! `core`'s they have nothing to drop, so that a constant can be made of them.
//!
//! loom takes a sequentially consistent access for one that acquires and releases, but knows such fences; here what writes
//! stands between two, as on x86 a locked instruction is one. A load does not: there it is a plain one.

#![expect(missing_docs, reason = "each is as `core`'s")]

extern crate std;

pub use core::sync::atomic::Ordering;
use std::{
    cell::UnsafeCell,
    fmt,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr,
    sync::OnceLock,
};

use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
pub use loom::hint::spin_loop;
use loom::sync::{
    Mutex as CheckedMutex, MutexGuard as CheckedGuard,
    atomic::{AtomicU64 as Checked, fence},
};

/// An access of this ordering: `access` is given the one that loom knows.
fn ordered<R>(order: Ordering, weaker: Ordering, access: impl FnOnce(Ordering) -> R) -> R {
    if order != SeqCst {
        return access(order);
    }
    fence(SeqCst);
    let found = access(weaker);
    fence(SeqCst);
    found
}

/// As `core`'s.
pub struct AtomicU64 {
    first: u64,
    checked: ManuallyDrop<OnceLock<Checked>>,
}

impl AtomicU64 {
    pub const fn new(first: u64) -> Self {
        Self { first, checked: ManuallyDrop::new(OnceLock::new()) }
    }

    fn checked(&self) -> &Checked {
        self.checked.get_or_init(|| Checked::new(self.first))
    }

    pub fn load(&self, order: Ordering) -> u64 {
        // The model has failed, and what is dropped on the way out looks at nothing any more.
        if std::thread::panicking() {
            return self.first;
        }
        // No fence: on x86 it is a plain MOV, and what its CPU stored before may be on its way still.
        let order = if order == SeqCst { Acquire } else { order };
        self.checked().load(order)
    }

    pub fn store(&self, value: u64, order: Ordering) {
        ordered(order, Release, |order| self.checked().store(value, order));
    }

    pub fn swap(&self, value: u64, order: Ordering) -> u64 {
        ordered(order, AcqRel, |order| self.checked().swap(value, order))
    }

    pub fn fetch_or(&self, mask: u64, order: Ordering) -> u64 {
        ordered(order, AcqRel, |order| self.checked().fetch_or(mask, order))
    }

    pub fn fetch_and(&self, mask: u64, order: Ordering) -> u64 {
        ordered(order, AcqRel, |order| self.checked().fetch_and(mask, order))
    }

    pub fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        ordered(order, AcqRel, |order| self.checked().fetch_add(value, order))
    }

    pub fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        ordered(order, AcqRel, |order| self.checked().fetch_sub(value, order))
    }

    pub fn compare_exchange(
        &self,
        old: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        ordered(success, AcqRel, |success| self.checked().compare_exchange(old, new, success, failure))
    }

    pub fn compare_exchange_weak(
        &self,
        old: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.compare_exchange(old, new, success, failure)
    }
}

impl fmt::Debug for AtomicU64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load(Relaxed).fmt(f)
    }
}

/// As `core`'s.
#[derive(Debug)]
pub struct AtomicBool(AtomicU64);

impl AtomicBool {
    pub const fn new(first: bool) -> Self {
        Self(AtomicU64::new(first as u64))
    }

    pub fn load(&self, order: Ordering) -> bool {
        self.0.load(order) != 0
    }

    pub fn store(&self, value: bool, order: Ordering) {
        self.0.store(value.into(), order);
    }

    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(value.into(), order) != 0
    }
}

/// As `core`'s.
#[derive(Debug)]
pub struct AtomicU8(AtomicU64);

impl AtomicU8 {
    pub const fn new(first: u8) -> Self {
        Self(AtomicU64::new(first as u64))
    }

    pub fn load(&self, order: Ordering) -> u8 {
        self.0.load(order) as u8
    }

    pub fn store(&self, value: u8, order: Ordering) {
        self.0.store(value.into(), order);
    }

    pub fn swap(&self, value: u8, order: Ordering) -> u8 {
        self.0.swap(value.into(), order) as u8
    }

    pub fn fetch_or(&self, mask: u8, order: Ordering) -> u8 {
        self.0.fetch_or(mask.into(), order) as u8
    }

    pub fn compare_exchange(&self, old: u8, new: u8, success: Ordering, failure: Ordering) -> Result<u8, u8> {
        let found = self.0.compare_exchange(old.into(), new.into(), success, failure);
        found.map(|word| word as u8).map_err(|word| word as u8)
    }
}

/// As `core`'s. loom sees addresses.
pub struct AtomicPtr<T> {
    first: core::sync::atomic::AtomicPtr<T>,
    checked: ManuallyDrop<OnceLock<AtomicU64>>,
}

impl<T> AtomicPtr<T> {
    pub const fn new(first: *mut T) -> Self {
        Self { first: core::sync::atomic::AtomicPtr::new(first), checked: ManuallyDrop::new(OnceLock::new()) }
    }

    fn checked(&self) -> &AtomicU64 {
        self.checked.get_or_init(|| AtomicU64::new(address(self.first.load(Relaxed))))
    }

    pub fn load(&self, order: Ordering) -> *mut T {
        pointer(self.checked().load(order))
    }

    pub fn store(&self, value: *mut T, order: Ordering) {
        self.checked().store(address(value), order);
    }

    pub fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
        pointer(self.checked().swap(address(value), order))
    }

    pub fn fetch_or(&self, mask: usize, order: Ordering) -> *mut T {
        pointer(self.checked().fetch_or(mask as u64, order))
    }

    pub fn fetch_and(&self, mask: usize, order: Ordering) -> *mut T {
        pointer(self.checked().fetch_and(mask as u64, order))
    }

    pub fn fetch_byte_add(&self, value: usize, order: Ordering) -> *mut T {
        pointer(self.checked().fetch_add(value as u64, order))
    }

    pub fn compare_exchange(
        &self,
        old: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        let found = self.checked().compare_exchange(address(old), address(new), success, failure);
        found.map(pointer).map_err(pointer)
    }
}

impl<T> fmt::Debug for AtomicPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load(Relaxed).fmt(f)
    }
}

/// As `spin`'s: who waits for it is not seen to spin. Made when it is first taken, by whomever: it has no value of its
/// own that another could miss.
pub struct Mutex<T> {
    lock: ManuallyDrop<OnceLock<CheckedMutex<()>>>,
    value: UnsafeCell<T>,
}

#[expect(unsafe_code, reason = "a lock")]
// SAFETY: the value is reached through a guard alone, and there is one at a time.
unsafe impl<T: Send> Sync for Mutex<T> {}

/// A lock that is taken.
pub struct MutexGuard<'a, T> {
    value: &'a UnsafeCell<T>,
    _taken: CheckedGuard<'a, ()>,
}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Self {
        Self { lock: ManuallyDrop::new(OnceLock::new()), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        let lock = self.lock.get_or_init(|| CheckedMutex::new(()));
        let taken = lock.lock().expect("nobody panics and goes on");
        MutexGuard { value: &self.value, _taken: taken }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[expect(unsafe_code, reason = "a lock")]
    fn deref(&self) -> &T {
        // SAFETY: the lock is taken.
        unsafe { &*self.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[expect(unsafe_code, reason = "a lock")]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is taken.
        unsafe { &mut *self.value.get() }
    }
}

fn address<T>(pointer: *mut T) -> u64 {
    pointer.expose_provenance() as u64
}

fn pointer<T>(address: u64) -> *mut T {
    ptr::with_exposed_provenance_mut(address as usize)
}
