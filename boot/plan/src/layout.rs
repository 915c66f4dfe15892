//! Which virtual addresses everything gets. Whatever has a fixed address is placed first, then
//! the rest, in a fixed order, into the lowest gaps of the dynamic range, so that the same kernel
//! on the same machine always gets the same addresses.

use core::ops::Range;

use bootloader_api::{
    BootloaderConfig,
    config::{Mapping, Mappings},
};

use crate::{
    PAGE_SIZE, Refusal, align_up,
    kernel::{Kernel, Linking},
};

/// End of the lower canonical half.
const LOWER_HALF_END: u64 = 0x0000_8000_0000_0000;

/// Start of the higher canonical half.
const HIGHER_HALF_START: u64 = 0xffff_8000_0000_0000;

/// End of what can be mapped: the last page is left free, so that no end is 2^64.
const ADDRESS_SPACE_END: u64 = 0xffff_ffff_ffff_f000;

/// What one entry of the level 4 page table covers.
const LEVEL_4_ENTRY_SIZE: u64 = 1 << 39;

/// Where the dynamic range starts when the kernel does not say: behind the first level 4 entry, so
/// that null pointers, the loader and the low memory that a kernel maps to itself stay free.
const DYNAMIC_RANGE_START: u64 = LEVEL_4_ENTRY_SIZE;

/// The pages that the mapping of the physical memory is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargePage {
    /// Every x86-64 CPU has them.
    TwoMib,
    /// Only where CPUID says so.
    OneGib,
}

impl LargePage {
    /// Size in bytes.
    pub const fn size(self) -> u64 {
        match self {
            Self::TwoMib => 1 << 21,
            Self::OneGib => 1 << 30,
        }
    }
}

/// What is to be placed, beside the kernel and what its configuration says.
#[derive(Clone, Debug)]
pub struct Demands {
    /// The loader itself, which stays mapped where it is.
    pub loader: Range<u64>,
    /// End of the physical memory to map.
    pub physical_memory_end: u64,
    /// The largest pages that the CPU can map it by.
    pub largest_page: LargePage,
    /// Size of `BootInfo` and what belongs to it, in bytes; a multiple of [`PAGE_SIZE`].
    pub boot_info_size: u64,
    /// Size of the ramdisk in bytes, where there is one.
    pub ramdisk_size: Option<u64>,
}

/// The virtual addresses of everything. Starts and ends are multiples of [`PAGE_SIZE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What the kernel's addresses are moved by from those that it was linked to, modulo 2^64.
    pub bias: u64,
    /// The kernel's image.
    pub kernel: Range<u64>,
    /// Its stack, without the guard page below, which stays unmapped.
    pub stack: Range<u64>,
    /// `BootInfo` and what belongs to it.
    pub boot_info: Range<u64>,
    /// The physical memory from 0.
    pub physical_memory: Option<(Range<u64>, LargePage)>,
    /// The entry of the level 4 page table that leads back to that table.
    pub recursive_index: Option<u16>,
    /// The ramdisk.
    pub ramdisk: Option<Range<u64>>,
}

impl Layout {
    /// Places everything.
    ///
    /// # Errors
    ///
    /// What could not be placed.
    pub fn plan(kernel: &Kernel<'_>, config: &BootloaderConfig, demands: &Demands) -> Result<Self, Refusal> {
        let mappings = &config.mappings;
        let items = Items::new(kernel, config, demands)?;
        let mut space = Space::new(mappings);
        space.take("the loader", demands.loader.start, demands.loader.end - demands.loader.start)?;
        let kernel_range = match kernel.linking() {
            Linking::Static => Some(space.take(KERNEL, kernel.pages().start, items.kernel.size)?),
            Linking::PositionIndependent => space.fix(&items.kernel, mappings.kernel_base)?,
        };
        let stack = space.fix(&items.stack, mappings.kernel_stack)?;
        let boot_info = space.fix(&items.boot_info, mappings.boot_info)?;
        let physical_memory = space.fix_wanted(&items.physical_memory, mappings.physical_memory)?;
        let recursive = space.fix_wanted(&items.recursive, mappings.page_table_recursive)?;
        let ramdisk = space.fix_wanted(&items.ramdisk, Some(mappings.ramdisk_memory))?;

        let kernel_range = space.place(&items.kernel, kernel_range)?;
        let stack = space.place(&items.stack, stack)?;
        let boot_info = space.place(&items.boot_info, boot_info)?;
        let ramdisk = space.place_wanted(&items.ramdisk, ramdisk)?;
        let physical_memory = space.place_wanted(&items.physical_memory, physical_memory)?;
        let recursive = space.place_wanted(&items.recursive, recursive)?;

        Ok(Self {
            bias: kernel_range.start.wrapping_sub(kernel.pages().start),
            kernel: kernel_range,
            stack: stack.start + PAGE_SIZE..stack.end,
            boot_info,
            physical_memory: physical_memory.map(|range| {
                let page = demands.largest_page;
                let fits = range.start.is_multiple_of(page.size());
                (range, if fits { page } else { LargePage::TwoMib })
            }),
            recursive_index: recursive.map(|range| (range.start / LEVEL_4_ENTRY_SIZE % 512) as u16),
            ramdisk,
        })
    }
}

/// Whether `start..end` lies in one canonical half of the address space, its last page left out.
pub(crate) const fn is_canonical(start: u64, end: u64) -> bool {
    start <= end && (end <= LOWER_HALF_END || (start >= HIGHER_HALF_START && end <= ADDRESS_SPACE_END))
}

const KERNEL: &str = "the kernel";

/// Something that needs addresses.
struct Item {
    name: &'static str,
    size: u64,
    alignment: u64,
    /// What a fixed address must be a multiple of: less may do than is best.
    fixed_alignment: u64,
}

struct Items {
    kernel: Item,
    stack: Item,
    boot_info: Item,
    physical_memory: Option<Item>,
    recursive: Option<Item>,
    ramdisk: Option<Item>,
}

impl Items {
    fn new(kernel: &Kernel<'_>, config: &BootloaderConfig, demands: &Demands) -> Result<Self, Refusal> {
        let mappings = &config.mappings;
        if kernel.linking() == Linking::Static && mappings.kernel_base != Mapping::Dynamic {
            return Err(Refusal::KernelBaseOfStatic);
        }
        let paged = |name, size| Item { name, size, alignment: PAGE_SIZE, fixed_alignment: PAGE_SIZE };
        let pages = kernel.pages();
        let image_size = pages.end - pages.start;
        let physical_memory_size = physical_memory_size(demands.physical_memory_end)?;
        Ok(Self {
            kernel: Item {
                alignment: kernel.alignment(),
                fixed_alignment: kernel.alignment(),
                ..paged(KERNEL, image_size)
            },
            stack: paged(
                "the kernel's stack",
                PAGE_SIZE + config.kernel_stack_size.next_multiple_of(PAGE_SIZE),
            ),
            boot_info: paged("the boot info", demands.boot_info_size),
            physical_memory: mappings.physical_memory.map(|_| Item {
                name: "the physical memory",
                size: physical_memory_size,
                alignment: LargePage::OneGib.size(),
                fixed_alignment: LargePage::TwoMib.size(),
            }),
            recursive: mappings.page_table_recursive.map(|_| Item {
                name: "the recursive page table",
                size: LEVEL_4_ENTRY_SIZE,
                alignment: LEVEL_4_ENTRY_SIZE,
                fixed_alignment: LEVEL_4_ENTRY_SIZE,
            }),
            ramdisk: demands
                .ramdisk_size
                .map(|size| paged("the ramdisk", align_up(size.max(1), PAGE_SIZE).unwrap_or(u64::MAX))),
        })
    }
}

/// What the mapping of the physical memory covers: at least 4 GiB, as the contract says, and whole
/// pages of the largest kind.
fn physical_memory_size(end: u64) -> Result<u64, Refusal> {
    align_up(end.max(1 << 32), LargePage::OneGib.size())
        .filter(|size| *size <= LOWER_HALF_END)
        .ok_or(Refusal::NotCanonical { what: "the physical memory", start: 0, size: end })
}

/// A range of addresses that is taken, and what by.
#[derive(Clone, Copy)]
struct Taken {
    name: &'static str,
    start: u64,
    end: u64,
}

/// The loader, the kernel, stack, boot info, physical memory, recursive slot, ramdisk.
const MAX_TAKEN: usize = 7;

struct Space {
    taken: [Option<Taken>; MAX_TAKEN],
    dynamic: Range<u64>,
}

impl Space {
    fn new(mappings: &Mappings) -> Self {
        let start = mappings.dynamic_range_start.unwrap_or(DYNAMIC_RANGE_START);
        // The last address is allowed too; the last page of the address space is never used.
        let last = mappings.dynamic_range_end.unwrap_or(ADDRESS_SPACE_END);
        Self { taken: [None; MAX_TAKEN], dynamic: start..last.saturating_add(1).min(ADDRESS_SPACE_END) }
    }

    fn fix(&mut self, item: &Item, mapping: Mapping) -> Result<Option<Range<u64>>, Refusal> {
        match mapping {
            Mapping::Dynamic => Ok(None),
            Mapping::FixedAddress(address) if address.is_multiple_of(item.fixed_alignment) => {
                self.take(item.name, address, item.size).map(Some)
            }
            Mapping::FixedAddress(address) => {
                Err(Refusal::Misaligned { what: item.name, address, alignment: item.fixed_alignment })
            }
        }
    }

    fn fix_wanted(
        &mut self,
        item: &Option<Item>,
        mapping: Option<Mapping>,
    ) -> Result<Option<Range<u64>>, Refusal> {
        match (item, mapping) {
            (Some(item), Some(mapping)) => self.fix(item, mapping),
            _ => Ok(None),
        }
    }

    fn place(&mut self, item: &Item, fixed: Option<Range<u64>>) -> Result<Range<u64>, Refusal> {
        if let Some(fixed) = fixed {
            return Ok(fixed);
        }
        let no_room = Refusal::NoVirtualSpace {
            what: item.name,
            size: item.size,
            start: self.dynamic.start,
            end: self.dynamic.end,
        };
        let mut candidate = self.dynamic.start;
        loop {
            let start = align_up(candidate, item.alignment).ok_or(no_room)?;
            let end = start.checked_add(item.size).filter(|end| *end <= self.dynamic.end).ok_or(no_room)?;
            if !is_canonical(start, end) {
                if start >= HIGHER_HALF_START {
                    return Err(no_room);
                }
                candidate = HIGHER_HALF_START;
            } else if let Some(taken) = self.first_overlap(start, end) {
                candidate = taken.end;
            } else {
                return self.take(item.name, start, item.size);
            }
        }
    }

    fn place_wanted(
        &mut self,
        item: &Option<Item>,
        fixed: Option<Range<u64>>,
    ) -> Result<Option<Range<u64>>, Refusal> {
        item.as_ref().map(|item| self.place(item, fixed)).transpose()
    }

    fn take(&mut self, name: &'static str, start: u64, size: u64) -> Result<Range<u64>, Refusal> {
        let end = start
            .checked_add(size)
            .filter(|end| is_canonical(start, *end))
            .ok_or(Refusal::NotCanonical { what: name, start, size })?;
        if let Some(other) = self.first_overlap(start, end) {
            return Err(Refusal::Overlap {
                what: name,
                start,
                end,
                other: other.name,
                other_start: other.start,
                other_end: other.end,
            });
        }
        let free = self.taken.iter_mut().find(|slot| slot.is_none());
        *free.expect("there is a slot for everything that is ever placed") = Some(Taken { name, start, end });
        Ok(start..end)
    }

    fn first_overlap(&self, start: u64, end: u64) -> Option<Taken> {
        self.taken.iter().flatten().find(|taken| taken.start < end && start < taken.end).copied()
    }
}
