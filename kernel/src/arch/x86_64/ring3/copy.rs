//! The one routine that touches a program's memory by the program's own addresses.
//!
//! It may fault: the program names any address below the end of its half, mapped or not. So the page-fault
//! entry of ring 0 knows the one instruction here that may, and goes on behind it (`entries`). SMAP is lifted
//! for that instruction alone.
//!
//! The caller has checked that the range is in ring 3's half: nothing here could be told from an access to
//! the kernel's own memory otherwise.

use core::{arch::naked_asm, fmt};

use switchlab_core::address_space::UserRange;

use super::protection::SMAP_IS_ON;

/// A range of a program's memory is not all there, or not to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The first address that could not be copied.
    pub address: u64,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing to copy at {:#x}", self.address)
    }
}

/// Copies from a program's memory. `to` is as long as the range.
///
/// # Errors
///
/// [`Unreadable`]; what was copied before stays.
///
/// # Panics
///
/// If the lengths differ.
pub fn copy_from_user(to: &mut [u8], from: UserRange) -> Result<(), Unreadable> {
    assert_eq!(to.len() as u64, from.length(), "a copy is as long as its source");
    // SAFETY: `to` can be written; the range is ring 3's, where a fault ends the copy.
    let left = unsafe { copy(to.as_mut_ptr() as u64, from.start(), from.length()) };
    judge(from, left)
}

/// Copies to a program's memory. `from` is as long as the range.
///
/// # Errors
///
/// [`Unreadable`]; what was copied before stays.
///
/// # Panics
///
/// If the lengths differ.
pub fn copy_to_user(to: UserRange, from: &[u8]) -> Result<(), Unreadable> {
    assert_eq!(from.len() as u64, to.length(), "a copy is as long as its source");
    // SAFETY: `from` can be read; the range is ring 3's alone, so no memory of the kernel changes, and a
    // fault ends the copy.
    let left = unsafe { copy(to.start(), from.as_ptr() as u64, to.length()) };
    judge(to, left)
}

fn judge(range: UserRange, left: u64) -> Result<(), Unreadable> {
    if left == 0 { Ok(()) } else { Err(Unreadable { address: range.start() + range.length() - left }) }
}

/// Copies `length` bytes, and returns how many it could not.
///
/// ```text
///   rdi  to         rsi  from         rdx  length         rax  what is left
/// ```
///
/// # Safety
///
/// Each of the two ranges is the kernel's, and can be copied from or to, or lies in ring 3's half. With
/// interrupts off, on a CPU that runs ring 3.
#[unsafe(naked)]
unsafe extern "C" fn copy(to: u64, from: u64, length: u64) -> u64 {
    naked_asm!(
        "mov rcx, rdx",
        "cmp byte ptr [rip + {smap}], 0",
        "je user_copy_may_fault",
        "stac",                     // from here on ring 0 may touch ring 3's pages
        ".global user_copy_may_fault",
        "user_copy_may_fault:",
        "rep movsb",                // a fault leaves in rcx what is left, and goes on behind
        ".global user_copy_goes_on",
        "user_copy_goes_on:",
        "cmp byte ptr [rip + {smap}], 0",
        "je 2f",
        "clac",
        "2:",
        "mov rax, rcx",
        "ret",
        smap = sym SMAP_IS_ON,
    )
}
