//! The words that the hot paths of a CPU touch: few, in three cache lines by who touches them, and where the platform reaches
//! them at once, without a pointer to them in a register.

use core::fmt;

use crate::atomic::{AtomicU64, Relaxed};

/// A CPU's words, by number. All but the three from [`MAIL`](Words::MAIL) on are touched by that CPU alone;
/// others may look.
///
/// On cache lines of its own.
#[repr(C, align(64))]
pub struct Words([AtomicU64; Words::ALL]);

impl Words {
    /// Address of the task that runs.
    pub const CURRENT: usize = 0;
    /// Address of the last task in line; 0 where none is ready.
    pub const TAIL: usize = 1;
    /// IPIs taken that were looked after.
    pub const IPIS_SEEN: usize = 2;
    /// IPIs that the handler took: it counts here.
    pub const IPIS_TAKEN: usize = 3;
    /// Wake-up IPIs sent.
    pub const IPIS_SENT: usize = 4;
    /// Calls of `switch_context`.
    pub const SWITCHES: usize = 5;
    /// Messages received, with those in a channel that did not come, since the sender was gone.
    pub const HANDOFFS: usize = 6;
    /// Halts.
    pub const HALTS: usize = 7;
    /// Not 0 where something has come from another CPU since the last look. Those CPUs write it: it is
    /// on a line of its own, so that they do not slow the rest.
    pub const MAIL: usize = 8;
    /// Address of the newest wake-up in the inbox; 0 where none is. As above.
    pub const INBOX: usize = 9;
    /// What the platform sends an IPI to this CPU by. Never changes once it is set.
    pub const TARGET: usize = 10;
    /// Locks around queues of free tasks that were taken here. On a line that only this CPU writes.
    pub const QUEUE_LOCKS: usize = 16;
    const ALL: usize = 24;

    /// All 0, but for what an IPI is sent by.
    pub const fn new(target: u64) -> Self {
        let mut words = [const { AtomicU64::new(0) }; Self::ALL];
        words[Self::TARGET] = AtomicU64::new(target);
        Self(words)
    }

    /// The word of this number.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[inline(always)]
    pub(crate) fn word(&self, number: usize) -> &AtomicU64 {
        &self.0[number]
    }

    /// What the word of this number holds.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[inline(always)]
    pub fn get(&self, number: usize) -> u64 {
        self.word(number).load(Relaxed)
    }

    /// Replaces it.
    ///
    /// # Safety
    ///
    /// As [`Platform::set_word`](crate::Platform::set_word), which this is for: on the words' own CPU.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[expect(unsafe_code, reason = "some words are followed as addresses")]
    #[inline(always)]
    pub unsafe fn set(&self, number: usize, value: u64) {
        self.word(number).store(value, Relaxed);
    }

    /// Where the word of this number is, in bytes from the beginning.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub const fn offset(number: usize) -> usize {
        assert!(number < Self::ALL, "there is no such word");
        number * size_of::<AtomicU64>()
    }
}

#[cfg(not(modelled))]
const _: () = assert!(Words::offset(Words::MAIL) == align_of::<Words>(), "on a line of its own");

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|word| word.load(Relaxed))).finish()
    }
}
