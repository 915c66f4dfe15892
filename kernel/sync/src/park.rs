//! Park and wake: a [`Parker`] holds at most one token; parking takes it or waits for it, waking
//! leaves it, or gives it to who waits.
//!
//! A wake-up from the parker's own CPU leaves the token directly. A wake-up from another CPU posts
//! the parker to that CPU's inbox and sends one IPI; the CPU leaves the token when it has taken the
//! interrupt. The token itself is thus only ever touched by one CPU.

use core::{fmt, mem::offset_of};

use switchlab_records::Mark;

use crate::{
    Cpu, Platform, Task, Words,
    atomic::{AcqRel, AtomicBool, AtomicRef, AtomicU8, Relaxed},
};

/// No wake-up came, and nobody waits for one.
const NONE: u8 = 0;
/// A wake-up came that nobody has waited for yet.
const TOKEN: u8 = 1;
/// The owner is blocked until a wake-up comes.
pub(crate) const AWAITED: u8 = 2;

/// A place where one task waits to be woken. It remembers one wake-up that came early.
pub(crate) struct Parker<P: Platform> {
    /// One of the three above. Touched by the owner's CPU alone.
    token: AtomicU8,
    /// Set while this is in an inbox, so that it is in one at most. Two wake-ups that meet there
    /// are one.
    posted: AtomicBool,
    /// Next in the inbox.
    pub(crate) link: AtomicRef<Self>,
    /// Who waits here.
    owner: AtomicRef<Task<P>>,
}

impl<P: Platform> Parker<P> {
    /// For [`outside`](crate::outside).
    pub(crate) const TOKEN_AT: usize = offset_of!(Self, token);
    /// As above.
    pub(crate) const OWNER_AT: usize = offset_of!(Self, owner);

    /// A parker without owner and without token.
    pub(crate) const fn new() -> Self {
        Self::with(NONE)
    }

    /// A parker on which somebody waits from the beginning: who has not run yet.
    pub(crate) const fn awaited() -> Self {
        Self::with(AWAITED)
    }

    const fn with(token: u8) -> Self {
        Self {
            token: AtomicU8::new(token),
            posted: AtomicBool::new(false),
            link: AtomicRef::none(),
            owner: AtomicRef::none(),
        }
    }

    /// Nobody waits here any more. Before its owner runs, or by it.
    pub(crate) fn forget(&self) {
        self.token.store(NONE, Relaxed);
    }

    /// The task that waits here, if one has claimed it.
    pub(crate) fn owner(&self) -> Option<&'static Task<P>> {
        self.owner.load(Relaxed)
    }

    /// Makes `task` the one that waits here.
    ///
    /// # Panics
    ///
    /// If one does already: a parker has one owner for life.
    pub(crate) fn claim(&self, task: &'static Task<P>) {
        // Each pairs with the other's: who comes second looks at the first one's task.
        if let Err(before) = self.owner.claim(task, AcqRel) {
            panic!(
                "{:?} waits where {:?} waits already: a parker has one owner",
                task.id(),
                before.map(Task::id),
            );
        }
    }

    /// As [`claim`](Self::claim), where no task waits here yet; returns whether.
    #[must_use]
    pub(crate) fn try_claim(&self, task: &'static Task<P>) -> bool {
        // As above.
        self.owner.claim(task, AcqRel).is_ok()
    }

    /// Waits for the token and takes it. Called by the owner, on its CPU.
    #[inline(always)]
    pub(crate) fn wait(&self) {
        if self.token.load(Relaxed) == TOKEN {
            self.token.store(NONE, Relaxed);
        } else {
            self.block();
        }
        P::mark(Mark::TokenTaken);
    }

    /// Blocks the owner, the running task, until a wake-up comes here: one at another of its parkers
    /// leaves a token there.
    pub(crate) fn block(&self) {
        self.token.store(AWAITED, Relaxed);
        Cpu::block(Cpu::<P>::current());
    }

    /// Makes the owner ready, if it waits here. On its CPU.
    pub(crate) fn wake_if_awaited(&self) {
        if self.token.load(Relaxed) == AWAITED
            && let Some(owner) = self.owner()
        {
            self.leave_token(owner);
        }
    }

    /// Leaves the token for `owner`, which waits here or will.
    #[inline(always)]
    pub(crate) fn wake_task(&'static self, owner: &'static Task<P>) {
        let here = P::this_cpu();
        let home = owner.cpu();
        if core::ptr::eq(here, home) {
            self.leave_token(owner);
        } else {
            self.wake_remote(home, owner);
        }
    }

    fn wake_remote(&'static self, home: &'static Cpu<P>, owner: &'static Task<P>) {
        // Release, for the case that it is posted already: pairs with the swap in `deliver`, so
        // that the wake-up which is under way shows the owner what this waker wrote too.
        if !self.posted.swap(true, AcqRel) {
            self.owner.store(Some(owner), Relaxed);
            home.post(self);
            P::count::<{ Words::IPIS_SENT }>();
            P::mark(Mark::Posted);
            P::send_ipi(home.words());
            P::mark(Mark::IpiSent);
        }
    }

    /// Delivers a wake-up that was in the inbox of the owner's CPU, on that CPU.
    pub(crate) fn deliver(&self) {
        // Acquire: pairs with the swap in `wake_remote`. From here on it may be posted again.
        self.posted.swap(false, AcqRel);
        let owner = self.owner.load(Relaxed).expect("a posted parker has an owner");
        self.leave_token(owner);
    }

    /// Leaves the token, or makes the owner ready that waits for it. On the owner's CPU.
    #[inline(always)]
    pub(crate) fn leave_token(&self, owner: &'static Task<P>) {
        if self.token.load(Relaxed) == AWAITED {
            self.token.store(NONE, Relaxed);
            P::mark(Mark::TokenLeft);
            Cpu::make_ready(owner);
        } else {
            self.token.store(TOKEN, Relaxed);
            P::mark(Mark::TokenLeft);
        }
    }
}

impl<P: Platform> fmt::Debug for Parker<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parker")
            .field("token", &self.token)
            .field("posted", &self.posted)
            .field("link", &self.link)
            .field("owner", &self.owner)
            .finish()
    }
}
