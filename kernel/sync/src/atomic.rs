//! The atomics of this crate, under one name, and the one thing they lack: an atomic reference.

pub use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64,
    Ordering::{self, AcqRel, Acquire, Relaxed, Release},
};
use core::{fmt, ptr};

/// An optional `&'static T` that several CPUs may read and replace.
pub struct AtomicRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync> AtomicRef<T> {
    /// No reference.
    pub const fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The reference.
    pub fn load(&self, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.load(order))
    }

    /// Replaces the reference.
    pub fn store(&self, value: Option<&'static T>, order: Ordering) {
        self.0.store(Self::to_pointer(value), order);
    }

    /// Replaces the reference and returns the one before.
    pub fn swap(&self, value: Option<&'static T>, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.swap(Self::to_pointer(value), order))
    }

    /// Replaces the reference where it is `current`; returns whether it was.
    ///
    /// `failure` is the ordering of the load where it was not. May fail without a reason, as a
    /// weak compare-and-exchange does.
    pub fn replace(
        &self,
        current: Option<&'static T>,
        new: Option<&'static T>,
        success: Ordering,
        failure: Ordering,
    ) -> bool {
        self.0
            .compare_exchange_weak(Self::to_pointer(current), Self::to_pointer(new), success, failure)
            .is_ok()
    }

    fn to_pointer(value: Option<&'static T>) -> *mut T {
        value.map_or(ptr::null_mut(), |reference| ptr::from_ref(reference).cast_mut())
    }

    #[expect(unsafe_code, reason = "a pointer that came from a &'static T turns into one again")]
    fn from_pointer(pointer: *mut T) -> Option<&'static T> {
        // SAFETY: the field is private and only `to_pointer` makes its values: null, or a
        // `&'static T`, which is valid for ever and, T being Sync, may be shared.
        unsafe { pointer.as_ref() }
    }
}

impl<T> fmt::Debug for AtomicRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AtomicRef({:p})", self.0.load(Relaxed))
    }
}

/// Adds one to a counter that only the calling CPU writes: no locked instruction, since other CPUs
/// only read it.
#[inline(always)]
pub fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}
