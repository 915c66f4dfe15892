//! Physical memory, seen through the loader's mapping of all of it.

use core::slice;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use spin::Once;
use x86_64::{PhysAddr, VirtAddr};

use super::frames::FRAMES;

/// Where physical address 0 is mapped; every other behind it.
#[derive(Clone, Copy, Debug)]
struct PhysicalMap {
    offset: VirtAddr,
    /// First physical address that is not mapped.
    end: u64,
}

/// The loader maps at least this much (`bootloader_api::config::Mappings::physical_memory`).
const LEAST: u64 = 1 << 32;

static MAP: Once<PhysicalMap> = Once::new();
static REGIONS: Once<&'static [MemoryRegion]> = Once::new();

pub(super) fn init(offset: u64, regions: &'static [MemoryRegion]) {
    let end = regions.iter().map(|region| region.end).max().unwrap_or(0).max(LEAST);
    MAP.call_once(|| PhysicalMap { offset: VirtAddr::new(offset), end });
    REGIONS.call_once(|| regions);
}

pub(super) fn offset() -> VirtAddr {
    map().offset
}

/// Where a physical address is seen.
pub(super) fn to_virtual(address: PhysAddr) -> VirtAddr {
    assert!(address.as_u64() < map().end, "{address:?} is behind the mapped physical memory");
    map().offset + address.as_u64()
}

fn map() -> &'static PhysicalMap {
    MAP.get().expect("mm::init comes first")
}

/// `length` bytes that the firmware left at a physical address: its tables.
///
/// `None` where they are not mapped, or lie in memory that the kernel or the loader use, which may
/// change.
pub fn firmware_bytes(address: u64, length: usize) -> Option<&'static [u8]> {
    let end = address.checked_add(length as u64)?;
    let own = REGIONS
        .get()?
        .iter()
        .any(|region| region.kind == MemoryRegionKind::Usable && region.start < end && address < region.end);
    if own || end > map().end {
        return None;
    }
    // SAFETY: mapped for ever (the loader's contract, see `mm::init`), and nobody writes there: it is not usable
    // memory, and the kernel leaves the firmware's and the loader's alone.
    Some(unsafe { slice::from_raw_parts(to_virtual(PhysAddr::new(address)).as_ptr(), length) })
}

/// `bytes` of fresh words in one piece, all 0, for ever: of frames, so more than the heap would hold. `None`
/// where there are not so many.
pub fn zeroed_words(bytes: u64) -> Option<&'static mut [u64]> {
    let start = FRAMES.lock().allocate_contiguous(bytes)?;
    let start = to_virtual(start).as_mut_ptr::<u64>();
    let length = bytes as usize / size_of::<u64>();
    // SAFETY: the frames are fresh and mapped for ever, so they are this slice's alone; all bytes that it
    // shows are written first.
    unsafe {
        start.write_bytes(0, length);
        Some(slice::from_raw_parts_mut(start, length))
    }
}
