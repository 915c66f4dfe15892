//! Memory: physical frames, page tables, task stacks with guard pages, the heap.
//!
//! All of it is for set-up: nothing here is called while a clock runs. One lock each, taken in the
//! order stacks → page tables → frames.

mod frames;
mod heap;
mod paging;
mod physical;
mod stacks;

pub use frames::{low_page, usable_bytes};
pub use paging::{map_device, map_identity, unmap_identity};
pub use physical::{PhysicalMap, firmware_bytes};
pub use stacks::{Stack, StackError, guard_page_of_current_stack};

use bootloader_api::info::MemoryRegion;

/// Where the loader maps the whole physical memory.
pub const PHYSICAL_MEMORY: u64 = 0xffff_8000_0000_0000;

/// Where the HPET's registers are mapped: a page below the local APIC's.
pub const HPET_VIRTUAL: u64 = 0xffff_ffff_fed0_0000;

/// First address of the range in which the loader places what has no fixed place.
pub const DYNAMIC_RANGE_START: u64 = 0xffff_9000_0000_0000;
/// Last page of that range.
pub const DYNAMIC_RANGE_END: u64 = 0xffff_9fff_ffff_f000;

/// Sets everything up: from here on there are frames, mappings, stacks and a heap.
///
/// # Panics
///
/// If there is not enough usable memory for the heap.
pub fn init(physical: PhysicalMap, regions: &'static [MemoryRegion]) {
    physical::init(physical, regions);
    frames::init(regions);
    paging::init();
    heap::init();
}
