//! Physical memory, seen through the loader's mapping of all of it.

use core::slice;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use spin::Once;
use x86_64::{PhysAddr, VirtAddr};

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
