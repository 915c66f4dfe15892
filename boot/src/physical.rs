//! Physical memory as bytes. Until the kernel's page tables are loaded, the first 4 GiB are mapped
//! each at its own address, so a physical address there is a pointer.
#![expect(unsafe_code, reason = "makes slices of physical memory")]

use core::{ops::Range, ptr, slice};

use switchlab_boot_plan::Refusal;

/// End of what the loader's own page tables map.
const REACH: u64 = 1 << 32;

/// Checks that `size` bytes at `address` are within the loader's reach; nothing is at 0.
///
/// # Errors
///
/// [`Refusal::OutOfReach`], which names `what`.
pub fn reachable(what: &'static str, address: u64, size: u64) -> Result<Range<u64>, Refusal> {
    let end = address.checked_add(size).filter(|end| address > 0 && *end <= REACH);
    end.map(|end| address..end).ok_or(Refusal::OutOfReach { what, address })
}

/// The bytes of a physical range.
///
/// # Safety
///
/// The range is [`reachable`], and nothing writes to it as long as the slice lives.
pub unsafe fn bytes<'a>(range: Range<u64>) -> &'a [u8] {
    let start = ptr::with_exposed_provenance::<u8>(range.start as usize);
    // SAFETY: identity-mapped, and read-only for its life, as the caller grants.
    unsafe { slice::from_raw_parts(start, (range.end - range.start) as usize) }
}

/// The bytes of a physical range, for writing.
///
/// # Safety
///
/// The range was handed out by `Frames` to the caller, and nothing else refers to it
/// as long as the slice lives.
pub unsafe fn bytes_mut<'a>(range: Range<u64>) -> &'a mut [u8] {
    let start = ptr::with_exposed_provenance_mut::<u8>(range.start as usize);
    // SAFETY: identity-mapped, and the caller's alone.
    unsafe { slice::from_raw_parts_mut(start, (range.end - range.start) as usize) }
}
