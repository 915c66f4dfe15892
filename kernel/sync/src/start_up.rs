//! How a CPU that is started gets its stack from the one that starts it: one after the other, by one word, so that who
//! comes late takes nothing that is another's.
//!
//! ```text
//!   starter                                   the CPU that starts
//!   offer: nobody ──► (offered, who)
//!                     (offered, who) ──► (taken, who)      take: only its own, and once
//!                     (taken, who)   ──► (up, who)         arrive: from here on it needs nothing
//!   is_up, or, behind the deadline, give_up:
//!                     (offered, who) ──► nobody            it comes too late, and finds nothing
//!                     (taken, who)                         it may come yet: nothing is offered any more
//! ```
//!
//! Who takes and who gives up change the same word, in one order: one of them does. So a stack has one user, or,
//! given up, none; and where it is not known which, nobody gets another.
//!
//! The CPU that starts has no stack to run this on: its `take` is in asm (in the kernel's trampoline), with the offsets and
//! the values of here. The model of all this takes by [`StartUp::take`].

use core::{fmt, mem::offset_of};

use crate::atomic::{AcqRel, Acquire, AtomicU64, Relaxed, Release};

/// Of the word: what is going on, above the hardware id of the CPU it is about.
const NOBODY: u64 = 0;
const STATES: u64 = !0 << u32::BITS;

/// What a CPU that starts needs, and the word by which it takes it.
///
/// On cache lines of its own.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct StartUp {
    word: AtomicU64,
    stack_top: AtomicU64,
    argument: AtomicU64,
    late: AtomicU64,
}

/// What had become of an offer that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum GivenUp {
    /// Nobody took it, and nobody will.
    NotTaken,
    /// It was taken, and nobody has arrived.
    Taken,
    /// The CPU has just arrived.
    Up,
}

/// A CPU took what it was offered and has not arrived: nothing can be offered to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillComing {
    /// Its hardware id.
    pub who: u32,
}

impl fmt::Display for StillComing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the CPU with hardware id {} has taken its stack and may still come", self.who)
    }
}

impl StartUp {
    /// Where the word stands, for asm.
    pub const WORD: usize = offset_of!(Self, word);
    /// Where the top of the stack stands.
    pub const STACK_TOP: usize = offset_of!(Self, stack_top);
    /// Where the argument stands.
    pub const ARGUMENT: usize = offset_of!(Self, argument);
    /// Where those are counted that found nothing.
    pub const LATE: usize = offset_of!(Self, late);
    /// Or-ed with the hardware id: the word as [`take`](Self::take) must find it.
    pub const OFFERED: u64 = 1 << u32::BITS;
    /// The same: the word as it leaves it.
    pub const TAKEN: u64 = 2 << u32::BITS;
    const UP: u64 = 3 << u32::BITS;

    /// Nothing is offered.
    pub const fn new() -> Self {
        Self {
            word: AtomicU64::new(NOBODY),
            stack_top: AtomicU64::new(0),
            argument: AtomicU64::new(0),
            late: AtomicU64::new(0),
        }
    }

    /// Offers a stack and an argument to the CPU with this hardware id. By one CPU, the starter, as is all below that does
    /// not say otherwise.
    ///
    /// # Errors
    ///
    /// [`StillComing`]: somebody else may still read what was offered before.
    pub fn offer(&self, to: u32, stack_top: u64, argument: u64) -> Result<(), StillComing> {
        // Acquire: pairs with `arrive`, behind which nobody reads what is written here.
        let before = self.word.load(Acquire);
        match before & STATES {
            NOBODY | Self::UP => {
                self.stack_top.store(stack_top, Relaxed);
                self.argument.store(argument, Relaxed);
                // Release: pairs with `take`.
                self.word.store(Self::OFFERED | u64::from(to), Release);
                Ok(())
            }
            _ => Err(StillComing { who: before as u32 }),
        }
    }

    /// Takes what is offered to the CPU with this hardware id, which is the one that asks: top of stack and argument;
    /// `None` where nothing is. What was written before the offer is visible then.
    pub fn take(&self, own: u32) -> Option<(u64, u64)> {
        let own = u64::from(own);
        // Acquire: pairs with `offer`.
        let taken = self.word.compare_exchange(Self::OFFERED | own, Self::TAKEN | own, AcqRel, Relaxed);
        match taken {
            Ok(_) => Some((self.stack_top.load(Relaxed), self.argument.load(Relaxed))),
            Err(_) => {
                self.late.fetch_add(1, Relaxed);
                None
            }
        }
    }

    /// CPUs that came so far when nothing was offered to them.
    pub fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }

    /// Says that the CPU with this hardware id, which has taken what it was offered and is the one that says so, runs.
    pub fn arrive(&self, own: u32) {
        // Release: pairs with `is_up` and the next `offer`.
        self.word.store(Self::UP | u64::from(own), Release);
    }

    /// Whether the CPU with this hardware id has arrived. What it had written before is visible then.
    pub fn is_up(&self, who: u32) -> bool {
        self.word.load(Acquire) == Self::UP | u64::from(who)
    }

    /// Takes back what was offered to the CPU with this hardware id, if it still can be.
    pub fn give_up(&self, who: u32) -> GivenUp {
        let offered = Self::OFFERED | u64::from(who);
        // Acquire: as `is_up`.
        match self.word.compare_exchange(offered, NOBODY, AcqRel, Acquire) {
            Ok(_) => GivenUp::NotTaken,
            Err(found) if found == Self::UP | u64::from(who) => GivenUp::Up,
            Err(_) => GivenUp::Taken,
        }
    }
}

impl Default for StartUp {
    fn default() -> Self {
        Self::new()
    }
}
