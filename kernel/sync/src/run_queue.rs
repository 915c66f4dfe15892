//! The ready tasks of one CPU, in line: a ring through the tasks themselves, so that it allocates
//! nothing, and that a yield is no more than one step around it.
//!
//! ```text
//!         ┌────────────────────────────────────────┐
//!         ▼                                        │
//!   head: running ──► next in line ──► ·· ──► tail: last in line
//! ```
//!
//! The ring is known by its tail, which leads to its head.
//!
//! The task that runs is the ring's head, unless it was handed the CPU directly
//! together with a message: such a *visitor* runs beside the ring, whose head is then who comes next.
//! So is the idle task. A task outside the ring leads to itself, as one alone in it does.
//!
//! Touched by its CPU alone.

use core::{marker::PhantomData, ptr};

use crate::{Platform, Task, Words, atomic::Relaxed};

/// The ready tasks of the CPU that asks, with the one that runs at their head. What it holds stands in the
/// CPU's [`Words`] and in the tasks.
pub(crate) struct RunQueue<P: Platform>(PhantomData<P>);

impl<P: Platform> RunQueue<P> {
    /// The first in line: the running task, unless that is a visitor; `None` where nothing is ready.
    #[inline(always)]
    pub(crate) fn head() -> Option<&'static Task<P>> {
        Self::tail().map(Task::next)
    }

    /// The first in line, asked by a task that is not the idle one: itself, or, of a visitor, who comes
    /// next.
    #[expect(unsafe_code, reason = "without it, a check in every switch")]
    #[inline(always)]
    pub(crate) fn head_beside_visitor() -> &'static Task<P> {
        // SAFETY: a task that runs and is not the idle one is in the ring, or beside a ring that holds
        // whoever let it in, who does not leave it without running.
        unsafe { Self::tail().unwrap_unchecked() }.next()
    }

    /// Whether the running task is in the ring and nobody else is.
    ///
    /// The tail alone tells: a task that left the ring runs as a visitor only, beside a ring that holds
    /// whoever let it in, whose tail is another.
    #[inline(always)]
    pub(crate) fn is_alone(running: &Task<P>) -> bool {
        P::word_is::<{ Words::TAIL }>(address(running))
    }

    /// How many are in the ring. For who has time to count.
    pub(crate) fn ready() -> usize {
        let Some(tail) = Self::tail() else { return 0 };
        let mut ready = 1;
        let mut task = tail.next();
        while !ptr::eq(task, tail) {
            ready += 1;
            task = task.next();
        }
        ready
    }

    /// Puts a task, which is not in the ring, at the end of the line.
    #[inline(always)]
    pub(crate) fn enqueue(task: &'static Task<P>) {
        match Self::tail() {
            None => task.next.store(Some(task), Relaxed),
            Some(tail) => {
                task.next.store(Some(tail.next()), Relaxed);
                tail.next.store(Some(task), Relaxed);
            }
        }
        Self::set_tail(task);
    }

    /// Puts the running task, the head, at the end of the line: one step around the ring.
    #[inline(always)]
    pub(crate) fn advance(running: &'static Task<P>) {
        Self::set_tail(running);
    }

    /// Gives the place of the running task, the head, to another, which is not in the ring.
    #[inline(always)]
    pub(crate) fn replace(running: &'static Task<P>, other: &'static Task<P>) {
        let next = running.next();
        match Self::tail() {
            Some(tail) if !ptr::eq(tail, running) => {
                tail.next.store(Some(other), Relaxed);
                other.next.store(Some(next), Relaxed);
                running.next.store(Some(running), Relaxed);
            }
            // Alone: each leads to itself.
            _ => Self::set_tail(other),
        }
    }

    /// Takes the running task, the head, out of the ring.
    #[expect(unsafe_code, reason = "a word of this CPU")]
    #[inline(always)]
    pub(crate) fn leave(running: &'static Task<P>) {
        let next = running.next();
        match Self::tail() {
            Some(tail) if !ptr::eq(tail, running) => {
                tail.next.store(Some(next), Relaxed);
                running.next.store(Some(running), Relaxed);
            }
            // SAFETY: 0 is nobody.
            _ => unsafe { P::set_word::<{ Words::TAIL }>(0) },
        }
    }

    #[expect(unsafe_code, reason = "a word is taken for the task whose address it is")]
    #[inline(always)]
    fn tail() -> Option<&'static Task<P>> {
        let tail: *const Task<P> = ptr::with_exposed_provenance(P::word::<{ Words::TAIL }>() as usize);
        // SAFETY: only `set_tail` writes the word, or it is 0.
        unsafe { tail.as_ref() }
    }

    #[expect(unsafe_code, reason = "a word of this CPU")]
    #[inline(always)]
    fn set_tail(task: &'static Task<P>) {
        // SAFETY: a task of this CPU, which lives for ever.
        unsafe { P::set_word::<{ Words::TAIL }>(address(task)) };
    }
}

/// What a task is called by in a word.
#[inline(always)]
pub(crate) fn address<P: Platform>(task: &Task<P>) -> u64 {
    ptr::from_ref(task).expose_provenance() as u64
}
