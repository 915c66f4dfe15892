//! Park and wake: a [`Parker`] holds at most one token; parking takes it or waits for it, waking
//! leaves it.
//!
//! A wake-up from the parker's own CPU leaves the token directly. A wake-up from another CPU posts
//! the parker to that CPU's inbox and sends one IPI; the CPU leaves the token when it has taken the
//! interrupt. The token itself is thus only ever touched by one CPU.

use switchlab_records::Mark;

use crate::{
    Cpu, Platform, Task,
    atomic::{AcqRel, AtomicBool, AtomicRef, Relaxed, count},
};

/// A place where one task waits to be woken. It remembers one wake-up that came early.
#[derive(Debug)]
pub struct Parker<P: Platform> {
    /// A wake-up that nobody has waited for yet. Touched by the owner's CPU alone.
    token: AtomicBool,
    /// Set while this is in an inbox, so that it is in one at most. Two wake-ups that meet there
    /// are one.
    posted: AtomicBool,
    /// Next in the inbox.
    pub(crate) link: AtomicRef<Self>,
    /// Who waits here.
    owner: AtomicRef<Task<P>>,
}

impl<P: Platform> Parker<P> {
    /// A parker without owner and without token.
    pub const fn new() -> Self {
        Self {
            token: AtomicBool::new(false),
            posted: AtomicBool::new(false),
            link: AtomicRef::none(),
            owner: AtomicRef::none(),
        }
    }

    /// The task that waits here, if one has claimed it.
    pub fn owner(&self) -> Option<&'static Task<P>> {
        self.owner.load(Relaxed)
    }

    /// Makes `task` the one that waits here.
    ///
    /// # Panics
    ///
    /// If another task does: a parker has one owner for life.
    pub fn claim(&self, task: &'static Task<P>) {
        let before = self.owner.swap(Some(task), AcqRel);
        assert!(
            before.is_none_or(|owner| core::ptr::eq(owner, task)),
            "{:?} waits where {:?} waits already: a parker has one owner",
            task.id(),
            before.map(Task::id),
        );
    }

    /// Waits for the token and takes it. Called by the owner, on its CPU.
    #[inline(always)]
    pub fn wait(&self, cpu: &'static Cpu<P>) {
        // A loop, since a task may be woken through another of its parkers.
        while !self.token.load(Relaxed) {
            cpu.block();
        }
        self.token.store(false, Relaxed);
        P::mark(Mark::TokenTaken);
    }

    /// Leaves the token for `owner`, which waits here or will.
    #[inline(always)]
    pub fn wake_task(&'static self, owner: &'static Task<P>) {
        let here = P::this_cpu();
        let home = owner.cpu();
        if core::ptr::eq(here, home) {
            self.leave_token(home, owner);
        } else {
            self.wake_remote(here, home, owner);
        }
    }

    fn wake_remote(&'static self, here: &Cpu<P>, home: &'static Cpu<P>, owner: &'static Task<P>) {
        // Release, for the case that it is posted already: pairs with the swap in `deliver`, so
        // that the wake-up which is under way shows the owner what this waker wrote too.
        if !self.posted.swap(true, AcqRel) {
            self.owner.store(Some(owner), Relaxed);
            home.inbox().post(self);
            count(&here.counters().ipis_sent);
            P::mark(Mark::Posted);
            P::send_ipi(home);
            P::mark(Mark::IpiSent);
        }
    }

    /// Delivers a wake-up from the inbox of `home`.
    pub(crate) fn deliver(&self, home: &'static Cpu<P>) {
        // Acquire: pairs with the swap in `wake_remote`. From here on it may be posted again.
        self.posted.swap(false, AcqRel);
        let owner = self.owner.load(Relaxed).expect("a posted parker has an owner");
        self.leave_token(home, owner);
    }

    #[inline(always)]
    fn leave_token(&self, home: &'static Cpu<P>, owner: &'static Task<P>) {
        self.token.store(true, Relaxed);
        P::mark(Mark::TokenLeft);
        if owner.is_blocked() {
            home.make_ready(owner);
        }
    }
}

impl<P: Platform> Default for Parker<P> {
    fn default() -> Self {
        Self::new()
    }
}
