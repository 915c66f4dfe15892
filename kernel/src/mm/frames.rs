//! Physical frames: handed out in order of address, never taken back. What is worth having again
//! (stacks) is kept by who had it.

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use x86_64::{
    PhysAddr,
    structures::paging::{FrameAllocator, PhysFrame, Size4KiB},
};

use crate::lock::Lock;

const FRAME: u64 = 4096;

/// Memory below 1 MiB is kept for what has to be there: the page in which APs start.
const LOW_MEMORY_END: u64 = 1 << 20;

/// Hands out usable frames above 1 MiB.
#[derive(Debug)]
pub(super) struct Frames {
    regions: &'static [MemoryRegion],
    /// Nothing below this was not handed out.
    next: u64,
    /// Bytes that were handed out.
    taken: u64,
}

pub(super) static FRAMES: Lock<Frames> = Lock::new(Frames { regions: &[], next: LOW_MEMORY_END, taken: 0 });

pub(super) fn init(regions: &'static [MemoryRegion]) {
    FRAMES.lock().regions = regions;
}

/// Usable memory in bytes.
pub fn usable_bytes(regions: &[MemoryRegion]) -> u64 {
    usable(regions).map(|(start, end)| end - start).sum()
}

/// Bytes of frames that were handed out so far, for whatever.
pub fn taken_bytes() -> u64 {
    FRAMES.lock().taken
}

/// Bytes of frames that are left.
pub fn free_bytes() -> u64 {
    let frames = FRAMES.lock();
    usable(frames.regions).map(|(start, end)| end.saturating_sub(start.max(frames.next))).sum()
}

/// The highest free page below 640 KiB that a start-up IPI can reach; `None` without one.
pub fn low_page() -> Option<u64> {
    const CONVENTIONAL_END: u64 = 0xa_0000;
    usable(FRAMES.lock().regions)
        .filter(|&(start, _)| start < CONVENTIONAL_END)
        .map(|(start, end)| (start, end.min(CONVENTIONAL_END)))
        .filter(|(start, end)| end - start >= FRAME)
        .map(|(_, end)| end - FRAME)
        .filter(|&page| page >= FRAME)
        .max()
}

impl Frames {
    /// `bytes` of consecutive frames; `None` where no region has as many left.
    pub fn allocate_contiguous(&mut self, bytes: u64) -> Option<PhysAddr> {
        let bytes = bytes.next_multiple_of(FRAME);
        let next = self.next;
        let start = usable(self.regions)
            .map(|(start, end)| (start.max(next), end))
            .find(|&(start, end)| start < end && end - start >= bytes)
            .map(|(start, _)| start)?;
        self.next = start + bytes;
        self.taken += bytes;
        Some(PhysAddr::new(start))
    }
}

// SAFETY: `allocate_contiguous` moves `next` behind what it returns, so no frame comes twice, and
// all are in usable regions.
unsafe impl FrameAllocator<Size4KiB> for Frames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        self.allocate_contiguous(FRAME).map(PhysFrame::containing_address)
    }
}

/// Usable regions, cut to whole frames.
fn usable(regions: &[MemoryRegion]) -> impl Iterator<Item = (u64, u64)> {
    regions
        .iter()
        .filter(|region| region.kind == MemoryRegionKind::Usable)
        .map(|region| (region.start.next_multiple_of(FRAME), region.end / FRAME * FRAME))
        .filter(|(start, end)| start < end)
}
