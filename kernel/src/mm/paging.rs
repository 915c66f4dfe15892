//! The kernel's page tables: those that the loader made, with what is mapped on top.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use spin::Once;
use x86_64::{
    PhysAddr, VirtAddr,
    registers::control::Cr3,
    structures::paging::{
        FrameAllocator, Mapper, OffsetPageTable, Page, PageSize, PageTable, PageTableFlags, PhysFrame,
        Size4KiB,
        mapper::{MapToError, UnmapError},
        page_table::PageTableEntry,
    },
};

use super::{frames::FRAMES, physical, stacks::StackSize};
use crate::lock::Lock;

const DATA: PageTableFlags =
    PageTableFlags::PRESENT.union(PageTableFlags::WRITABLE).union(PageTableFlags::NO_EXECUTE);

static TABLES: Lock<Option<OffsetPageTable<'static>>> = Lock::new(None);

/// The kernel's top table, for ever.
static ROOT: Once<PhysFrame> = Once::new();

/// Whether other top tables hold the kernel's half of this one: from then on it gets no entry.
static IS_SHARED: AtomicBool = AtomicBool::new(false);

/// Entries of a top table, and those that are for the lower half.
const ENTRIES: usize = 512;
const LOWER_HALF: usize = ENTRIES / 2;

pub(super) fn init() {
    let root = ROOT.call_once(|| Cr3::read().0);
    let root = physical::to_virtual(root.start_address());
    // SAFETY: the active root, seen through the map of all physical memory; this is the only
    // reference to it, behind a lock from here on.
    let tables = unsafe { OffsetPageTable::new(&mut *root.as_mut_ptr::<PageTable>(), physical::offset()) };
    *TABLES.lock() = Some(tables);
}

/// Maps a fresh frame, for data, at a page that nothing is mapped at.
pub(super) fn map_fresh(page: Page) -> Result<(), MapToError<Size4KiB>> {
    let frame = FRAMES.lock().allocate_contiguous(Size4KiB::SIZE).ok_or(MapToError::FrameAllocationFailed)?;
    map(page, PhysFrame::containing_address(frame), DATA)
}

/// Maps the page of a device's registers, uncached, for ever.
///
/// # Panics
///
/// If something is mapped there already, or memory runs out.
pub fn map_device(at: u64, physical: u64) {
    let flags = DATA | PageTableFlags::NO_CACHE | PageTableFlags::WRITE_THROUGH;
    let page = Page::containing_address(VirtAddr::new(at));
    let frame = PhysFrame::containing_address(PhysAddr::new(physical));
    map(page, frame, flags)
        .unwrap_or_else(|error| panic!("cannot map a device's page at {at:#x}: {error:?}"));
}

/// Maps the page at a physical address below 1 MiB at the same virtual one, executable and not
/// writable, and returns where it can be written: for code that runs while paging is turned on.
///
/// # Panics
///
/// If something is mapped there already, or memory runs out.
pub fn map_identity(physical: u64) -> *mut u8 {
    let frame = PhysFrame::containing_address(PhysAddr::new(physical));
    let page = Page::containing_address(VirtAddr::new(physical));
    map(page, frame, PageTableFlags::PRESENT)
        .unwrap_or_else(|error| panic!("cannot map the page {physical:#x} 1:1: {error:?}"));
    physical::to_virtual(PhysAddr::new(physical)).as_mut_ptr()
}

/// Takes the mapping of [`map_identity`] back.
///
/// Other CPUs may have it in their TLBs still; none goes there any more.
pub fn unmap_identity(physical: u64) {
    let page = Page::<Size4KiB>::containing_address(VirtAddr::new(physical));
    unmap(page).unwrap_or_else(|error| panic!("page {physical:#x} is not mapped 1:1: {error:?}"));
}

/// The kernel's top table.
pub(super) fn root() -> PhysFrame {
    *ROOT.get().expect("mm::init comes first")
}

/// Puts the kernel's half into another top table. Tables below are shared, so what the kernel maps later is
/// seen there too, as long as it needs no new entry in the top table: so the regions that grow get theirs here.
///
/// # Panics
///
/// If memory runs out.
pub(super) fn share_kernel_half(other: &mut PageTable) {
    with_tables(|tables| {
        let root = tables.level_4_table_mut();
        if !IS_SHARED.load(Relaxed) {
            for region in StackSize::ALL {
                fill(&mut root[VirtAddr::new(region.region_start()).p4_index()]);
            }
            IS_SHARED.store(true, Relaxed);
        }
        for index in LOWER_HALF..ENTRIES {
            other[index] = root[index].clone();
        }
    });
}

/// Makes an unused entry of the top table lead to an empty table.
fn fill(entry: &mut PageTableEntry) {
    if !entry.is_unused() {
        return;
    }
    let frame = FRAMES.lock().allocate_frame().expect("a frame for a table of the kernel's");
    // SAFETY: the frame is fresh, and mapped with all physical memory.
    unsafe { physical::to_virtual(frame.start_address()).as_mut_ptr::<PageTable>().write(PageTable::new()) };
    entry.set_frame(frame, PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
}

/// Whether anything is mapped at an address.
pub(super) fn is_mapped(address: VirtAddr) -> bool {
    with_tables(|tables| tables.translate_page(Page::<Size4KiB>::containing_address(address)).is_ok())
}

fn map(page: Page, frame: PhysFrame, flags: PageTableFlags) -> Result<(), MapToError<Size4KiB>> {
    with_tables(|tables| {
        let is_new = tables.level_4_table()[page.p4_index()].is_unused();
        assert!(
            !(IS_SHARED.load(Relaxed) && is_new && usize::from(page.p4_index()) >= LOWER_HALF),
            "{page:?} is in a part of the kernel's half that address spaces have not got"
        );
        // SAFETY: the callers map fresh frames, registers of devices, or code that is not written
        // while it is mapped, each at pages of their own.
        unsafe { tables.map_to(page, frame, flags, &mut *FRAMES.lock()) }.map(|flush| flush.flush())
    })
}

fn unmap(page: Page) -> Result<(), UnmapError> {
    with_tables(|tables| tables.unmap(page).map(|(_, flush)| flush.flush()))
}

fn with_tables<T>(work: impl FnOnce(&mut OffsetPageTable<'static>) -> T) -> T {
    work(TABLES.lock().as_mut().expect("mm::init comes first"))
}
