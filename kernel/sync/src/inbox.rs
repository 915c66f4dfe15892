//! Wake-ups on their way to a CPU: many CPUs post, the owner takes all at once.

use switchlab_records::Mark;

use crate::{
    Parker, Platform,
    atomic::{Acquire, AtomicRef, Relaxed, Release},
};

/// The wake-ups posted to one CPU and not yet delivered. A stack of parkers, linked through
/// [`Parker`] itself, so posting allocates nothing.
#[derive(Debug)]
pub struct Inbox<P: Platform> {
    newest: AtomicRef<Parker<P>>,
}

impl<P: Platform> Inbox<P> {
    /// An empty inbox.
    pub const fn new() -> Self {
        Self { newest: AtomicRef::none() }
    }

    /// Posts a wake-up. `parker` is in no inbox: [`Parker`]'s `posted` flag sees to it.
    ///
    /// The success ordering is Release: it pairs with the Acquire of [`take_all`](Self::take_all),
    /// so that whoever is woken sees what the waker wrote before.
    pub(crate) fn post(&self, parker: &'static Parker<P>) {
        let mut newest = self.newest.load(Relaxed);
        loop {
            parker.link.store(newest, Relaxed);
            if self.newest.replace(newest, Some(parker), Release, Relaxed) {
                return;
            }
            newest = self.newest.load(Relaxed);
        }
    }

    /// Whether nothing is on its way; a snapshot.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.newest.load(Relaxed).is_none()
    }

    /// Takes all wake-ups, and calls `deliver` with each in the order in which they were posted.
    pub(crate) fn take_all(&self, mut deliver: impl FnMut(&'static Parker<P>)) {
        let mut newest_first = self.newest.swap(None, Acquire);
        let mut oldest_first = None;
        while let Some(parker) = newest_first {
            newest_first = parker.link.load(Relaxed);
            parker.link.store(oldest_first, Relaxed);
            oldest_first = Some(parker);
        }
        P::mark(Mark::InboxTaken);
        while let Some(parker) = oldest_first {
            // Read the link first: once delivered, the parker may be posted again.
            oldest_first = parker.link.load(Relaxed);
            deliver(parker);
        }
    }
}

impl<P: Platform> Default for Inbox<P> {
    fn default() -> Self {
        Self::new()
    }
}
