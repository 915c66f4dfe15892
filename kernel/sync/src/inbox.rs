//! Wake-ups on their way to a CPU: many CPUs post, the owner takes all at once. They are a stack of
//! parkers, linked through [`Parker`] itself, so posting allocates nothing; its head is a word of the CPU.

use core::ptr;

use switchlab_records::Mark;

use crate::{
    Parker, Platform, Words,
    atomic::{Acquire, Relaxed, Release},
};

/// Posts a wake-up to the CPU with these words. `parker` is in no inbox: [`Parker`]'s `posted` flag sees
/// to it.
///
/// The success ordering is Release: it pairs with the Acquire of [`take_all`], so that whoever is woken
/// sees what the waker wrote before.
pub(crate) fn post<P: Platform>(home: &Words, parker: &'static Parker<P>) {
    let head = home.word(Words::INBOX);
    let own = ptr::from_ref(parker).expose_provenance() as u64;
    let mut newest = head.load(Relaxed);
    loop {
        parker.link.store(from_address(newest), Relaxed);
        match head.compare_exchange_weak(newest, own, Release, Relaxed) {
            Ok(_) => return,
            Err(found) => newest = found,
        }
    }
}

/// Whether a wake-up is on its way to the CPU that asks; a snapshot.
#[inline(always)]
pub(crate) fn has_any<P: Platform>() -> bool {
    P::is_set::<{ Words::INBOX }>()
}

/// Takes all wake-ups of the CPU with these words, the running one, and calls `deliver` with each in the
/// order in which they were posted.
pub(crate) fn take_all<P: Platform>(home: &Words, mut deliver: impl FnMut(&'static Parker<P>)) {
    let mut newest_first: Option<&'static Parker<P>> = from_address(home.word(Words::INBOX).swap(0, Acquire));
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

#[expect(unsafe_code, reason = "a word is taken for the parker whose address it is")]
fn from_address<P: Platform>(address: u64) -> Option<&'static Parker<P>> {
    let parker: *const Parker<P> = ptr::with_exposed_provenance(address as usize);
    // SAFETY: only `post` writes the word, with the address of a parker that lives for ever, or it is 0.
    unsafe { parker.as_ref() }
}
