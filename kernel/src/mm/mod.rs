//! Memory: physical frames, page tables, address spaces, task stacks with guard pages, the heap.
//!
//! All of it is for set-up: nothing here is called while a clock runs. One lock each, taken in the
//! order stacks → page tables → frames.

mod address_space;
mod command_line;
mod devices;
mod frames;
mod heap;
mod paging;
mod physical;
mod shared_page;
mod stacks;

pub use address_space::{Access, AddressSpace, SpaceError, kernel_cr3};
pub use command_line::find_command_line;
pub use devices::{map_xapic, start_hpet, start_page, take_start_page_back};
pub use frames::{free_bytes, taken_bytes, usable_bytes};
pub use heap::{LEAST_HEAP_BYTES, heap_bytes_of, heap_free_bytes, heap_taken_bytes};
pub use physical::{firmware_bytes, zeroed_words};
pub use shared_page::{PAGE_BYTES, PAGE_WORDS, SharedPage};
pub use stacks::{Stack, StackError, StackSize, guard_page_of_current_stack, is_overflow};

use bootloader_api::info::MemoryRegion;

/// Where the loader maps the whole physical memory.
pub const PHYSICAL_MEMORY: u64 = 0xffff_8000_0000_0000;

/// First address of the range in which the loader places what has no fixed place.
pub const DYNAMIC_RANGE_START: u64 = 0xffff_9000_0000_0000;
/// Last page of that range.
pub const DYNAMIC_RANGE_END: u64 = 0xffff_9fff_ffff_f000;

/// Sets everything up: from here on there are frames, mappings, stacks and a heap.
///
/// Takes the loader at its word: that it keeps the contract of `bootloader_api`, and so maps all
/// physical memory that `regions` name, and at least 4 GiB, at `physical_memory`, writable, for ever.
///
/// # Panics
///
/// If there is not enough usable memory for the heap.
pub fn init(physical_memory: u64, regions: &'static [MemoryRegion]) {
    physical::init(physical_memory, regions);
    frames::init(regions);
    paging::init();
    heap::init(usable_bytes(regions));
}
