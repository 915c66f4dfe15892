//! Builds the kernel's page tables in fresh frames. Source: Intel SDM volume 3A, 5.5.
#![expect(unsafe_code, reason = "writes frames that are mapped at their own addresses")]

use core::{arch::x86_64::__cpuid, ops::Range, ptr};

use switchlab_boot_plan::{
    PAGE_SIZE, Refusal,
    kernel::{Access, Kernel},
    layout::{LargePage, Layout},
    memory::Frames,
};
use x86_64::{
    PhysAddr,
    structures::paging::{PageTable, PageTableFlags},
};

use crate::{image, physical, ramdisk::Ramdisk};

/// CPUID leaf and bit of EDX that say whether there are pages of 1 GiB.
const EXTENDED_FEATURES: u32 = 0x8000_0001;
const HAS_1_GIB_PAGES: u32 = 1 << 26;

const READ: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::NO_EXECUTE);
const READ_WRITE: PageTableFlags = READ.union(PageTableFlags::WRITABLE);
const READ_EXECUTE: PageTableFlags = PageTableFlags::PRESENT;

/// An entry that leads to another table: the last one alone says what is allowed.
const TABLE: PageTableFlags = PageTableFlags::PRESENT.union(PageTableFlags::WRITABLE);

/// A level of the page tables, by the size in bytes of what one entry covers.
const LEVEL_1: u64 = PAGE_SIZE;
const LEVEL_2: u64 = LargePage::TwoMib.size();
const LEVEL_3: u64 = LargePage::OneGib.size();
const LEVEL_4: u64 = 1 << 39;

const ENTRIES: u64 = 512;

/// The largest pages that the CPU has.
pub fn largest_page() -> LargePage {
    let has_1_gib_pages = __cpuid(EXTENDED_FEATURES).edx & HAS_1_GIB_PAGES != 0;
    if has_1_gib_pages { LargePage::OneGib } else { LargePage::TwoMib }
}

/// The kernel's page tables, while they are built.
pub struct PageTables {
    level_4: u64,
}

impl PageTables {
    /// An empty address space.
    pub fn new(frames: &mut Frames<'_>) -> Result<Self, Refusal> {
        Ok(Self { level_4: new_table(frames)? })
    }

    /// Physical address of the level 4 table.
    pub fn level_4(&self) -> u64 {
        self.level_4
    }

    /// Maps the loader where it is: it runs on after the switch, and its GDT and IDT must hold
    /// until the kernel has its own.
    pub fn map_loader(&mut self, frames: &mut Frames<'_>) -> Result<(), Refusal> {
        for (part, flags) in
            [(image::text(), READ_EXECUTE), (image::rodata(), READ), (image::data(), READ_WRITE)]
        {
            self.map(frames, &part, part.start, LEVEL_1, flags)?;
        }
        Ok(())
    }

    /// Loads the kernel's image into fresh frames and maps it, each page as its segments say.
    pub fn map_kernel(
        &mut self,
        frames: &mut Frames<'_>,
        kernel: &Kernel<'_>,
        layout: &Layout,
    ) -> Result<(), Refusal> {
        let size = layout.kernel.end - layout.kernel.start;
        let image = frames.allocate("the kernel", size)?;
        // SAFETY: handed out just now.
        kernel.load(unsafe { physical::bytes_mut(image.clone()) }, layout.bias);
        for offset in (0..size).step_by(PAGE_SIZE as usize) {
            let Some(access) = kernel.access(kernel.pages().start + offset) else { continue };
            let flags = match access {
                Access::Read => READ,
                Access::ReadWrite => READ_WRITE,
                Access::ReadExecute => READ_EXECUTE,
            };
            let page = layout.kernel.start + offset;
            self.map(frames, &(page..page + PAGE_SIZE), image.start + offset, LEVEL_1, flags)?;
        }
        Ok(())
    }

    /// Maps zeroed memory at `place`, which has `what`.
    pub fn map_fresh(
        &mut self,
        frames: &mut Frames<'_>,
        what: &'static str,
        place: &Range<u64>,
    ) -> Result<(), Refusal> {
        let memory = frames.allocate(what, place.end - place.start)?;
        // SAFETY: handed out just now.
        unsafe { physical::bytes_mut(memory.clone()) }.fill(0);
        self.map(frames, place, memory.start, LEVEL_1, READ_WRITE)
    }

    /// Loads and maps the ramdisk, where there is one.
    pub fn map_ramdisk(
        &mut self,
        frames: &mut Frames<'_>,
        ramdisk: &Ramdisk,
        layout: &Layout,
    ) -> Result<(), Refusal> {
        let Some((place, memory)) = layout.ramdisk.clone().zip(ramdisk.load(frames)?) else { return Ok(()) };
        self.map(frames, &place, memory.start, LEVEL_1, READ_WRITE)
    }

    /// Maps all physical memory, where the kernel asks for it.
    pub fn map_physical_memory(&mut self, frames: &mut Frames<'_>, layout: &Layout) -> Result<(), Refusal> {
        let Some((place, page)) = layout.physical_memory.clone() else { return Ok(()) };
        self.map(frames, &place, 0, page.size(), READ_WRITE | PageTableFlags::HUGE_PAGE)
    }

    /// Lets an entry of the level 4 table lead back to it, where the kernel asks for it.
    pub fn map_recursively(&mut self, layout: &Layout) {
        if let Some(index) = layout.recursive_index {
            let level_4 = PhysAddr::new(self.level_4);
            self.table_mut(self.level_4)[usize::from(index)]
                .set_addr(level_4, TABLE | PageTableFlags::NO_EXECUTE);
        }
    }

    /// Maps `place` to the physical memory from `physical` on, by pages of `page_size`.
    ///
    /// # Panics
    ///
    /// Where something is mapped there: the layout keeps everything apart.
    fn map(
        &mut self,
        frames: &mut Frames<'_>,
        place: &Range<u64>,
        physical: u64,
        page_size: u64,
        flags: PageTableFlags,
    ) -> Result<(), Refusal> {
        let mut address = place.start;
        while address < place.end {
            // As many pages as one table has, so that the tables are walked once for each table.
            let table = self.table_for(frames, address, page_size)?;
            let first = address / page_size % ENTRIES;
            let count = (ENTRIES - first).min((place.end - address).div_ceil(page_size));
            for entry in table.iter_mut().skip(first as usize).take(count as usize) {
                assert!(entry.is_unused(), "{address:#x} is mapped once");
                entry.set_addr(PhysAddr::new(physical + (address - place.start)), flags);
                address += page_size;
            }
        }
        Ok(())
    }

    /// The table whose entries cover `page_size` bytes each and that has the one for `address`;
    /// made, with those above it, where it is missing.
    fn table_for(
        &mut self,
        frames: &mut Frames<'_>,
        address: u64,
        page_size: u64,
    ) -> Result<&mut PageTable, Refusal> {
        let mut table = self.level_4;
        for covered in [LEVEL_4, LEVEL_3, LEVEL_2].into_iter().filter(|covered| *covered > page_size) {
            let entry = &mut self.table_mut(table)[(address / covered % ENTRIES) as usize];
            if entry.is_unused() {
                entry.set_addr(PhysAddr::new(new_table(frames)?), TABLE);
            }
            table = entry.addr().as_u64();
        }
        Ok(self.table_mut(table))
    }

    fn table_mut(&mut self, physical: u64) -> &mut PageTable {
        let table = ptr::with_exposed_provenance_mut(physical as usize);
        // SAFETY: every table comes from `new_table`, is reachable, and belongs to `self`, which is
        // exclusively borrowed.
        unsafe { &mut *table }
    }
}

/// A frame for a table, zeroed.
fn new_table(frames: &mut Frames<'_>) -> Result<u64, Refusal> {
    let frame = frames.allocate("a page table", PAGE_SIZE)?;
    // SAFETY: handed out just now.
    unsafe { physical::bytes_mut(frame.clone()) }.fill(0);
    Ok(frame.start)
}
