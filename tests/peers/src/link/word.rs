//! A word that holds the last number, and the ways to wait for the next.

use std::num::NonZeroUsize;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use super::{Link, Turn};
use crate::plan::Failure;

/// One side's end of the word.
pub struct ByWord<'a, Wait, Wake> {
    word: &'a AtomicU32,
    turn: Turn,
    wait: Wait,
    wake: Wake,
}

/// Both ends.
pub fn by_word<Wait, Wake>(word: &AtomicU32, wait: Wait, wake: Wake) -> [ByWord<'_, Wait, Wake>; 2]
where
    Wait: Fn(&AtomicU32, u32) + Copy,
    Wake: Fn(&AtomicU32) + Copy,
{
    [Turn::Ping, Turn::Pong].map(|turn| ByWord { word, turn, wait, wake })
}

/// A word that this process and those forked from it share, for as long as they live.
///
/// # Errors
///
/// The system gives no memory.
pub fn shared_word() -> Result<&'static AtomicU32, Failure> {
    const BYTES: NonZeroUsize = NonZeroUsize::new(4096).expect("a page is not nothing");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a mapping of its own, which nobody else's address can be in.
    let page = unsafe { mmap_anonymous(None, BYTES, protection, MapFlags::MAP_SHARED) }
        .map_err(|why| Failure::System { what: "memory to share", why: why.into() })?;
    // SAFETY: a page of zeroes that is never unmapped, aligned as pages are, and only ever used as this atomic.
    Ok(unsafe { page.cast::<AtomicU32>().as_ref() })
}

impl<Wait: Fn(&AtomicU32, u32), Wake: Fn(&AtomicU32)> Link for ByWord<'_, Wait, Wake> {
    fn hand(&mut self, number: u32) {
        // Pairs with the acquire in `take`.
        self.word.store(number, Ordering::Release);
        (self.wake)(self.word);
    }

    fn take(&mut self) -> Option<u32> {
        loop {
            // Pairs with the release in `hand`.
            let number = self.word.load(Ordering::Acquire);
            // Nothing was said yet where it is 0: ping's to take by its evenness, but ping speaks first.
            if self.turn.is_mine(number) {
                return Some(number);
            }
            (self.wait)(self.word, number);
        }
    }
}

/// Sleeps in a futex of this process, while the word holds `seen`.
pub fn futex_wait(word: &AtomicU32, seen: u32) {
    wait(word, seen, libc::FUTEX_PRIVATE_FLAG);
}

/// Wakes who sleeps so.
pub fn futex_wake(word: &AtomicU32) {
    wake(word, libc::FUTEX_PRIVATE_FLAG);
}

/// Sleeps in a futex that processes share.
pub fn shared_futex_wait(word: &AtomicU32, seen: u32) {
    wait(word, seen, 0);
}

/// Wakes who sleeps so.
pub fn shared_futex_wake(word: &AtomicU32) {
    wake(word, 0);
}

#[inline(always)]
fn wait(word: &AtomicU32, seen: u32, scope: i32) {
    // SAFETY: the word outlives the call, which sleeps only while it still holds `seen`. That it woke for
    // nothing, or did not sleep, the caller's loop sees.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT | scope,
            seen,
            ptr::null::<libc::timespec>(),
        )
    };
}

#[inline(always)]
fn wake(word: &AtomicU32, scope: i32) {
    // SAFETY: the word's address alone is used.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | scope, 1) };
}
