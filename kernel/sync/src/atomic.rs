//! The atomics of this crate, under one name, and what they lack: an atomic reference, and a word that is
//! either a reference or a small number.

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
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.load(order))
    }

    /// The reference that is known to be there.
    ///
    /// # Safety
    ///
    /// One is.
    #[expect(unsafe_code, reason = "spares the check where an invariant makes it")]
    #[inline(always)]
    pub unsafe fn load_some(&self, order: Ordering) -> &'static T {
        let reference = self.load(order);
        debug_assert!(reference.is_some(), "a reference that has to be there is none");
        // SAFETY: the caller owes it.
        unsafe { reference.unwrap_unchecked() }
    }

    /// Replaces the reference.
    #[inline(always)]
    pub fn store(&self, value: Option<&'static T>, order: Ordering) {
        self.0.store(Self::to_pointer(value), order);
    }

    /// Replaces the reference and returns the one before.
    #[inline(always)]
    pub fn swap(&self, value: Option<&'static T>, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.swap(Self::to_pointer(value), order))
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

/// A reference, or a number below [`Word::NUMBERS`], in one word.
pub struct AtomicWord<T: 'static>(AtomicPtr<T>);

/// What an [`AtomicWord`] held.
pub struct Word<T: 'static>(*mut T);

impl<T> Word<T> {
    /// A word below this is a number: no `T` stands there.
    pub const NUMBERS: usize = 64;

    /// The reference, if it is one.
    #[expect(unsafe_code, reason = "a pointer that came from a &'static T turns into one again")]
    #[inline(always)]
    pub fn reference(&self) -> Option<&'static T>
    where
        T: Sync,
    {
        // SAFETY: `AtomicWord` makes its values of numbers that are less, and of `&'static T`.
        if self.0.addr() < Self::NUMBERS { None } else { Some(unsafe { &*self.0 }) }
    }

    /// The reference that it is known to be.
    ///
    /// # Safety
    ///
    /// It is one.
    #[expect(unsafe_code, reason = "spares the check where an invariant makes it")]
    #[inline(always)]
    pub unsafe fn reference_unchecked(&self) -> &'static T
    where
        T: Sync,
    {
        debug_assert!(self.reference().is_some(), "a word that has to be a reference is {}", self.0.addr());
        // SAFETY: the caller owes it; and as in `reference`.
        unsafe { &*self.0 }
    }

    /// The word as a number: itself, where it is one.
    #[inline(always)]
    pub fn number(&self) -> usize {
        self.0.addr()
    }
}

impl<T: Sync> AtomicWord<T> {
    /// A number.
    pub const fn new(number: usize) -> Self {
        Self(AtomicPtr::new(Self::pointer(number)))
    }

    /// What it holds.
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> Word<T> {
        Word(self.0.load(order))
    }

    /// Replaces it by a number.
    #[inline(always)]
    pub fn store(&self, number: usize, order: Ordering) {
        self.0.store(Self::pointer(number), order);
    }

    /// Replaces it by a reference.
    #[inline(always)]
    pub fn store_reference(&self, reference: &'static T, order: Ordering) {
        debug_assert!(ptr::from_ref(reference).addr() >= Word::<T>::NUMBERS);
        self.0.store(ptr::from_ref(reference).cast_mut(), order);
    }

    /// Replaces it by a number and returns what it held.
    #[inline(always)]
    pub fn swap(&self, number: usize, order: Ordering) -> Word<T> {
        Word(self.0.swap(Self::pointer(number), order))
    }

    /// Replaces the number `number` by a reference.
    ///
    /// # Errors
    ///
    /// What it holds, where that is not `number`.
    #[inline]
    pub fn claim(&self, number: usize, reference: &'static T) -> Result<(), Word<T>> {
        debug_assert!(ptr::from_ref(reference).addr() >= Word::<T>::NUMBERS);
        let reference = ptr::from_ref(reference).cast_mut();
        self.0.compare_exchange(Self::pointer(number), reference, AcqRel, Acquire).map(drop).map_err(Word)
    }

    /// Sets the bits of `mask` in a number and returns what it was.
    #[inline(always)]
    pub fn set(&self, mask: usize, order: Ordering) -> usize {
        self.0.fetch_or(mask, order).addr()
    }

    /// Adds to a number and returns what it was.
    #[inline(always)]
    pub fn add(&self, value: usize, order: Ordering) -> usize {
        self.0.fetch_byte_add(value, order).addr()
    }

    /// Clears the bits of `mask` in a number and returns what it was.
    #[inline(always)]
    pub fn clear(&self, mask: usize, order: Ordering) -> usize {
        self.0.fetch_and(!mask, order).addr()
    }

    const fn pointer(number: usize) -> *mut T {
        assert!(number < Word::<T>::NUMBERS);
        ptr::without_provenance_mut(number)
    }
}

impl<T> fmt::Debug for AtomicWord<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AtomicWord({:p})", self.0.load(Relaxed))
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
