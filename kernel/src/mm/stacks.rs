//! Task stacks. Each has a page below it that is never mapped, so that an overflow is a page fault
//! (and, as the fault finds no stack to go to, a double fault on a stack of its own) and never
//! another task's data.
//!
//! ```text
//!   … │ guard │ stack ········ │ guard │ stack ········ │ …
//!             ▲ bottom     top ▲
//! ```
//!
//! Stacks that are given back are handed out again.

use alloc::vec::Vec;
use core::fmt;

use x86_64::{
    VirtAddr,
    structures::paging::{Page, PageSize, Size4KiB},
};

use super::paging;
use crate::lock::Lock;

/// Where stacks are mapped.
const REGION_START: u64 = 0xffff_a000_0000_0000;
/// Bytes of a stack, its guard page not counted.
const STACK_BYTES: u64 = 32 * 1024;
/// Bytes from one stack to the next.
const STRIDE: u64 = STACK_BYTES + Size4KiB::SIZE;
/// How many stacks the region holds: 2^32 bytes' worth.
const MOST: u64 = (1 << 32) / STRIDE;

static POOL: Lock<Pool> = Lock::new(Pool { free: Vec::new(), made: 0 });

struct Pool {
    free: Vec<Stack>,
    /// Stacks that were ever mapped.
    made: u64,
}

/// A stack of a task. Whoever holds it holds the memory.
#[derive(Debug)]
pub struct Stack {
    bottom: VirtAddr,
}

/// Why there is no stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackError {
    /// No frames are left.
    OutOfMemory,
    /// The region for stacks is full.
    TooMany {
        /// How many it holds.
        most: u64,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => write!(f, "no memory for a stack of {STACK_BYTES} bytes"),
            Self::TooMany { most } => write!(f, "more than {most} stacks"),
        }
    }
}

impl Stack {
    /// A stack that was given back, or else a new one.
    ///
    /// # Errors
    ///
    /// [`StackError`] where memory or room is used up.
    pub fn allocate() -> Result<Self, StackError> {
        let mut pool = POOL.lock();
        if let Some(stack) = pool.free.pop() {
            return Ok(stack);
        }
        if pool.made == MOST {
            return Err(StackError::TooMany { most: MOST });
        }
        let bottom = VirtAddr::new(REGION_START + pool.made * STRIDE + Size4KiB::SIZE);
        for page in
            Page::range(Page::containing_address(bottom), Page::containing_address(bottom + STACK_BYTES))
        {
            paging::map_fresh(page).map_err(|_| StackError::OutOfMemory)?;
        }
        pool.made += 1;
        // Room to take it back without an allocation then.
        let made = pool.made as usize;
        let missing = made.saturating_sub(pool.free.len());
        pool.free.reserve(missing);
        Ok(Self { bottom })
    }

    /// Gives the stack back for others. Nothing runs on it any more.
    pub fn give_back(self) {
        POOL.lock().free.push(self);
    }

    /// Where it ends: aligned to 16 bytes.
    pub fn top(&self) -> *mut u8 {
        (self.bottom + STACK_BYTES).as_mut_ptr()
    }
}

/// The address of the guard page below the stack that runs, if it is one of these and nothing is
/// mapped there: for the test that overflows it.
pub fn guard_page_of_current_stack() -> Option<u64> {
    let local = 0_u8;
    let address = (&raw const local).addr() as u64;
    let number = address.checked_sub(REGION_START)? / STRIDE;
    let guard = REGION_START + number * STRIDE;
    (number < MOST && !paging::is_mapped(VirtAddr::new(guard))).then_some(guard)
}
