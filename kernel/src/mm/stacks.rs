//! Task stacks, of two sizes. Each has a page below it that is never mapped, so that an overflow is a page
//! fault (and, as the fault finds no stack to go to, a double fault on a stack of its own) and never
//! another task's data.
//!
//! ```text
//!   … │ guard │ stack ········ │ guard │ stack ········ │ …
//!             ▲ bottom     top ▲
//! ```
//!
//! The last word of a stack, next to the guard page, is a canary: who wrote there has come to the end of the stack, or was
//! no task that runs on it. It is looked at as the stack is given back.
//!
//! Stacks that are given back are handed out again: they are a list through their own memory, so giving one
//! back allocates nothing.

use core::{fmt, ptr::NonNull};

use x86_64::{
    VirtAddr,
    structures::paging::{Page, PageSize, Size4KiB},
};

use super::paging;
use crate::lock::Lock;

/// What the last word of a stack holds while somebody has the stack.
const CANARY: u64 = 0xca7a_b1e0_5e11_edb1;

/// How large a stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackSize {
    /// One page: for tasks of which there are many, and which neither format nor report.
    Smallest,
    /// 32 KiB: for all others.
    Usual,
}

impl StackSize {
    pub(super) const ALL: [Self; 2] = [Self::Smallest, Self::Usual];

    /// Bytes of a stack, its guard page not counted.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Smallest => Size4KiB::SIZE,
            Self::Usual => 32 * 1024,
        }
    }

    /// Where stacks of this size are mapped: each size has its region.
    pub(super) const fn region_start(self) -> u64 {
        match self {
            Self::Usual => 0xffff_a000_0000_0000,
            Self::Smallest => 0xffff_a100_0000_0000,
        }
    }

    /// Bytes from one stack to the next.
    const fn stride(self) -> u64 {
        self.bytes() + Size4KiB::SIZE
    }

    /// How many stacks the region holds: 2^32 bytes' worth.
    const fn most(self) -> u64 {
        (1 << 32) / self.stride()
    }

    const fn pool(self) -> &'static Lock<Pool> {
        static SMALLEST: Lock<Pool> = Lock::new(Pool::new());
        static USUAL: Lock<Pool> = Lock::new(Pool::new());
        match self {
            Self::Smallest => &SMALLEST,
            Self::Usual => &USUAL,
        }
    }
}

/// The stacks of one size.
struct Pool {
    /// The one that was given back last.
    free: Option<Stack>,
    /// Stacks that were ever mapped.
    made: u64,
}

impl Pool {
    const fn new() -> Self {
        Self { free: None, made: 0 }
    }
}

/// A stack of a task. Whoever holds it holds the memory.
#[derive(Debug)]
pub struct Stack {
    bottom: NonNull<u8>,
    size: StackSize,
}

// SAFETY: it stands for memory that is mapped for ever, the same on all CPUs, and nobody else's.
unsafe impl Send for Stack {}

/// Why there is no stack, or no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackError {
    /// No frames are left.
    OutOfMemory {
        /// For a stack of this size.
        size: StackSize,
    },
    /// The heap has no room for a task.
    HeapIsFull {
        /// Bytes that a task takes of it.
        bytes: usize,
    },
    /// The region for stacks is full.
    TooMany {
        /// How many it holds.
        most: u64,
    },
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory { size } => {
                write!(f, "no memory for a stack of {} bytes: give the machine more", size.bytes())
            }
            Self::HeapIsFull { bytes } => {
                write!(f, "no {bytes} bytes of the heap for a task: give the machine more memory")
            }
            Self::TooMany { most } => write!(f, "more than {most} stacks"),
        }
    }
}

impl Stack {
    /// A stack of this size that was given back, or else a new one.
    ///
    /// # Errors
    ///
    /// [`StackError`] where memory or room is used up.
    pub fn allocate(size: StackSize) -> Result<Self, StackError> {
        let mut pool = size.pool().lock();
        if let Some(stack) = pool.free.take() {
            // SAFETY: `give_back` wrote it there, and nobody has touched the stack since.
            pool.free = unsafe { stack.link().read() };
            return Ok(stack.with_canary());
        }
        if pool.made == size.most() {
            return Err(StackError::TooMany { most: size.most() });
        }
        let bottom = VirtAddr::new(size.region_start() + pool.made * size.stride() + Size4KiB::SIZE);
        let pages =
            Page::range(Page::containing_address(bottom), Page::containing_address(bottom + size.bytes()));
        for page in pages {
            paging::map_fresh(page).map_err(|_| StackError::OutOfMemory { size })?;
        }
        pool.made += 1;
        let bottom = NonNull::new(bottom.as_mut_ptr()).expect("the region starts above 0");
        Ok(Self { bottom, size }.with_canary())
    }

    fn with_canary(self) -> Self {
        // SAFETY: the stack is mapped, writable, aligned, and held: nobody else touches it.
        unsafe { self.canary().write(CANARY) };
        self
    }

    /// Gives the stack back for others. Nothing runs on it any more.
    ///
    /// # Panics
    ///
    /// If its last word was overwritten.
    pub fn give_back(self) {
        // SAFETY: as in `with_canary`.
        let last = unsafe { self.canary().read() };
        let bytes = self.size.bytes();
        assert!(last == CANARY, "the last word of a stack of {bytes} bytes was overwritten: it is {last:#x}");
        let mut pool = self.size.pool().lock();
        // SAFETY: the stack is mapped, writable, aligned, and held: nobody else touches it.
        unsafe { self.link().write(pool.free.take()) };
        pool.free = Some(self);
    }

    /// Where it ends: aligned to 16 bytes.
    pub fn top(&self) -> *mut u8 {
        self.bottom.as_ptr().wrapping_add(self.size.bytes() as usize)
    }

    /// Where a stack that nobody has keeps the next such.
    fn link(&self) -> *mut Option<Self> {
        self.bottom.as_ptr().cast()
    }

    /// The last word that what runs on it can reach.
    fn canary(&self) -> *mut u64 {
        self.bottom.as_ptr().cast()
    }
}

/// The address of the guard page below the stack that runs, if it is one of these and nothing is
/// mapped there: for the test that overflows it.
pub fn guard_page_of_current_stack() -> Option<u64> {
    let local = 0_u8;
    guard_page_below((&raw const local).addr() as u64)
        .filter(|guard| !paging::is_mapped(VirtAddr::new(*guard)))
}

/// Whether who had this stack pointer as it accessed `address` has run over the end of one of these stacks. Takes no lock.
pub fn is_overflow(stack_pointer: u64, address: u64) -> bool {
    // What is pushed lies just below, what a function has its locals in may lie some pages further down.
    const REACH: u64 = 16 * Size4KiB::SIZE;
    guard_page_below(address).is_some_and(|guard| address - guard < Size4KiB::SIZE)
        && address.abs_diff(stack_pointer) < REACH
}

/// The guard page of the stack that `address` is in, or would be.
fn guard_page_below(address: u64) -> Option<u64> {
    StackSize::ALL.into_iter().find_map(|size| {
        let number = address.checked_sub(size.region_start())? / size.stride();
        (number < size.most()).then(|| size.region_start() + number * size.stride())
    })
}
