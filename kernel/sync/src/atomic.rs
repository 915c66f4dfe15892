//! The atomics of this crate and its one kind of lock, under one name, and what they lack: an atomic reference, and a
//! word that is either a reference or a small number.

#[cfg(modelled)]
pub mod modelled;

use core::{fmt, ptr};
#[cfg(not(modelled))]
pub(crate) use core::{
    hint::spin_loop,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering},
};

pub(crate) use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
#[cfg(modelled)]
pub(crate) use modelled::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Mutex, MutexGuard, Ordering, spin_loop,
};
#[cfg(not(modelled))]
pub(crate) use spin::{Mutex, MutexGuard};

/// An optional `&'static T` that several CPUs may read and replace.
pub(crate) struct AtomicRef<T: 'static>(AtomicPtr<T>);

impl<T: Sync> AtomicRef<T> {
    /// No reference.
    pub(crate) const fn none() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The reference.
    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.load(order))
    }

    /// The reference that is known to be there.
    ///
    /// # Safety
    ///
    /// One is.
    #[expect(unsafe_code, reason = "spares the check where an invariant makes it")]
    #[inline(always)]
    pub(crate) unsafe fn load_some(&self, order: Ordering) -> &'static T {
        let reference = self.load(order);
        debug_assert!(reference.is_some(), "a reference that has to be there is none");
        // SAFETY: the caller owes it.
        unsafe { reference.unwrap_unchecked() }
    }

    /// Replaces the reference.
    #[inline(always)]
    pub(crate) fn store(&self, value: Option<&'static T>, order: Ordering) {
        self.0.store(Self::to_pointer(value), order);
    }

    /// Replaces the reference and returns the one before.
    #[inline(always)]
    pub(crate) fn swap(&self, value: Option<&'static T>, order: Ordering) -> Option<&'static T> {
        Self::from_pointer(self.0.swap(Self::to_pointer(value), order))
    }

    /// Stores a reference where there is none.
    ///
    /// # Errors
    ///
    /// The one that is there.
    pub(crate) fn claim(&self, value: &'static T, order: Ordering) -> Result<(), Option<&'static T>> {
        let null = Self::to_pointer(None);
        let claimed = self.0.compare_exchange(null, Self::to_pointer(Some(value)), order, Relaxed);
        claimed.map(drop).map_err(Self::from_pointer)
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

/// A reference, or a number, in one word. Numbers are those below [`NUMBERS`], and the same with [`FLAG`].
pub(crate) struct AtomicWord<T: 'static>(AtomicPtr<T>);

/// What an [`AtomicWord`] held.
pub(crate) struct Word<T: 'static>(*mut T);

/// No `T` stands below: the first page is not mapped.
const NUMBERS: usize = 64;

/// The highest bit. No `T` stands within [`NUMBERS`] from here either: such an address is not canonical (Intel
/// SDM vol. 1, 3.3.7.1).
pub(crate) const FLAG: usize = 1 << (usize::BITS - 1);

const fn is_number(word: usize) -> bool {
    word & !FLAG < NUMBERS
}

impl<T: Sync> Word<T> {
    /// The reference, if it is one.
    #[expect(unsafe_code, reason = "a pointer that came from a &'static T turns into one again")]
    #[inline(always)]
    pub(crate) fn reference(&self) -> Option<&'static T> {
        // SAFETY: an `AtomicWord` holds a number, or what was a `&'static T`: where its functions make one of
        // the word before, their callers owe that a number comes of a number.
        if is_number(self.0.addr()) { None } else { Some(unsafe { &*self.0 }) }
    }

    /// The reference that it is known to be.
    ///
    /// # Safety
    ///
    /// It is one.
    #[expect(unsafe_code, reason = "spares the check where an invariant makes it")]
    #[inline(always)]
    pub(crate) unsafe fn reference_unchecked(&self) -> &'static T {
        debug_assert!(!is_number(self.0.addr()), "a word that has to be a reference is {}", self.0.addr());
        // SAFETY: the caller owes it; and as in `reference`.
        unsafe { &*self.0 }
    }

    /// The word as a number: itself, where it is one.
    #[inline(always)]
    pub(crate) fn number(&self) -> usize {
        self.0.addr()
    }
}

impl<T: Sync> AtomicWord<T> {
    /// A number.
    pub(crate) const fn new(number: usize) -> Self {
        Self(AtomicPtr::new(Self::pointer(number)))
    }

    /// What it holds.
    #[inline(always)]
    pub(crate) fn load(&self, order: Ordering) -> Word<T> {
        Word(self.0.load(order))
    }

    /// Replaces it by a number.
    #[inline(always)]
    pub(crate) fn store(&self, number: usize, order: Ordering) {
        self.0.store(Self::pointer(number), order);
    }

    /// Replaces it by a reference.
    #[inline(always)]
    pub(crate) fn store_reference(&self, reference: &'static T, order: Ordering) {
        debug_assert!(!is_number(ptr::from_ref(reference).addr()));
        self.0.store(ptr::from_ref(reference).cast_mut(), order);
    }

    /// Replaces it by a number and returns what it held.
    #[inline(always)]
    pub(crate) fn swap(&self, number: usize, order: Ordering) -> Word<T> {
        Word(self.0.swap(Self::pointer(number), order))
    }

    /// Replaces the number `number` by a reference.
    ///
    /// # Errors
    ///
    /// What it holds, where that is not `number`.
    #[inline]
    pub(crate) fn claim(&self, number: usize, reference: &'static T) -> Result<(), Word<T>> {
        debug_assert!(!is_number(ptr::from_ref(reference).addr()));
        let reference = ptr::from_ref(reference).cast_mut();
        self.0.compare_exchange(Self::pointer(number), reference, AcqRel, Acquire).map(drop).map_err(Word)
    }

    /// Sets the bits of `mask` in a number and returns what it was.
    ///
    /// # Safety
    ///
    /// It holds a number, whoever else changes it meanwhile, and a number comes of it.
    #[expect(unsafe_code, reason = "in a reference it would make another of it")]
    #[inline(always)]
    pub(crate) unsafe fn set(&self, mask: usize, order: Ordering) -> usize {
        debug_assert!(is_number(mask));
        Self::known(self.0.fetch_or(mask, order))
    }

    /// Adds to a number and returns what it was.
    ///
    /// # Safety
    ///
    /// As of [`set`](Self::set).
    #[expect(unsafe_code, reason = "as in `set`")]
    #[inline(always)]
    pub(crate) unsafe fn add(&self, value: usize, order: Ordering) -> usize {
        let before = Self::known(self.0.fetch_byte_add(value, order));
        debug_assert!(is_number(before.wrapping_add(value)), "{before} and {value} are no number");
        before
    }

    /// Clears the bits of `mask` in a number and returns what it was.
    ///
    /// # Safety
    ///
    /// As of [`set`](Self::set).
    #[expect(unsafe_code, reason = "as in `set`")]
    #[inline(always)]
    pub(crate) unsafe fn clear(&self, mask: usize, order: Ordering) -> usize {
        Self::known(self.0.fetch_and(!mask, order))
    }

    /// What is known to be a number.
    #[inline(always)]
    fn known(pointer: *mut T) -> usize {
        debug_assert!(is_number(pointer.addr()), "a word that has to be a number is {pointer:p}");
        pointer.addr()
    }

    const fn pointer(number: usize) -> *mut T {
        assert!(is_number(number));
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
pub(crate) fn count(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    static PLACE: AtomicU64 = AtomicU64::new(0);

    #[test]
    fn number_is_no_reference_with_or_without_the_flag() {
        for number in [0, 1, NUMBERS - 1, FLAG, FLAG | 33] {
            let word = AtomicWord::<AtomicU64>::new(number).load(Relaxed);
            assert!(word.reference().is_none(), "{number:#x}");
            assert_eq!(word.number(), number);
        }
        let word = AtomicWord::new(FLAG | 1);
        word.store_reference(&PLACE, Relaxed);
        assert!(word.load(Relaxed).reference().is_some_and(|place| ptr::eq(place, &PLACE)));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a word that has to be a number")]
    #[expect(unsafe_code, reason = "the contract is broken on purpose")]
    fn bit_that_is_set_in_a_reference_is_found() {
        let word = AtomicWord::new(0);
        word.store_reference(&PLACE, Relaxed);
        // SAFETY: nobody takes the word for a reference any more.
        unsafe { word.set(1, Relaxed) };
    }
}
