//! Which physical memory there is, which of it the loader takes, and what the kernel is told.
//!
//! The rules: a map that overlaps itself counts the less usable type. Usable regions are whole
//! pages. The loader takes memory from 1 MiB to 4 GiB, the lowest that fits, and never below 1 MiB,
//! where the kernel needs pages for its AP trampoline. What it took is `Bootloader`, and so is
//! page 0, which stays what it is: the real-mode interrupt vectors.

use core::ops::Range;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};

use crate::{
    PAGE_SIZE, Refusal, align_down, align_up,
    pvh::{MEMORY_TYPE_RAM, MemoryMapEntry},
};

/// The most entries of a machine's memory map.
pub const MAX_ENTRIES: usize = 128;

/// The most regions that there can be in the end.
const MAX_REGIONS: usize = 2 * MAX_ENTRIES;

/// The most ranges that are taken from the start: page 0, loader, kernel file, ramdisk.
const MAX_OCCUPIED: usize = 4;

/// The loader takes no memory below: 1 MiB.
const LOWEST_FRAME: u64 = 1 << 20;

/// The loader reaches no memory above: 4 GiB.
const REACH: u64 = 1 << 32;

/// A region of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Region {
    start: u64,
    end: u64,
    kind: u32,
}

/// The machine's memory map, sorted and without overlaps.
#[derive(Clone, Debug)]
pub struct MemoryMap {
    regions: [Region; MAX_REGIONS],
    count: usize,
}

impl MemoryMap {
    /// Sorts out what the machine says.
    ///
    /// # Errors
    ///
    /// [`Refusal::MemoryMapTooLong`].
    pub fn new(entries: &[MemoryMapEntry]) -> Result<Self, Refusal> {
        let mut boundaries = [0; MAX_REGIONS];
        let mut count = 0;
        for entry in entries {
            let region = region(entry);
            let slots =
                boundaries.get_mut(count..count + 2).ok_or(Refusal::MemoryMapTooLong { max: MAX_ENTRIES })?;
            slots.copy_from_slice(&[region.start, region.end]);
            count += 2;
        }
        let boundaries = &mut boundaries[..count];
        boundaries.sort_unstable();

        let mut map = Self { regions: [Region::default(); MAX_REGIONS], count: 0 };
        for pair in boundaries.windows(2) {
            let (start, end) = (pair[0], pair[1]);
            let kinds =
                entries.iter().map(region).filter(|region| region.start <= start && end <= region.end);
            if let Some(kind) = kinds.map(|region| region.kind).max_by_key(severity)
                && start < end
            {
                map.push(Region { start, end, kind });
            }
        }
        map.keep_whole_pages();
        Ok(map)
    }

    /// The end of the last region.
    pub fn end(&self) -> u64 {
        self.regions().last().map_or(0, |region| region.end)
    }

    /// A page that is only partly RAM is no use to anyone.
    fn keep_whole_pages(&mut self) {
        let mut kept = 0;
        for n in 0..self.count {
            let mut region = self.regions[n];
            if region.kind == MEMORY_TYPE_RAM {
                region.start = align_up(region.start, PAGE_SIZE).unwrap_or(region.end);
                region.end = align_down(region.end, PAGE_SIZE);
            }
            if region.start < region.end {
                self.regions[kept] = region;
                kept += 1;
            }
        }
        self.count = kept;
    }

    fn regions(&self) -> &[Region] {
        &self.regions[..self.count]
    }

    /// There are fewer pairs of boundaries than [`MAX_REGIONS`], so there is always room.
    fn push(&mut self, region: Region) {
        if let Some(last) = self.count.checked_sub(1).map(|last| &mut self.regions[last])
            && last.end == region.start
            && last.kind == region.kind
        {
            last.end = region.end;
            return;
        }
        self.regions[self.count] = region;
        self.count += 1;
    }
}

fn region(entry: &MemoryMapEntry) -> Region {
    Region { start: entry.address, end: entry.address.saturating_add(entry.size), kind: entry.kind }
}

/// Which type counts where two overlap: RAM never.
fn severity(kind: &u32) -> (bool, u32) {
    (*kind != MEMORY_TYPE_RAM, *kind)
}

/// Hands out physical memory, the lowest that fits.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    map: &'a MemoryMap,
    occupied: [Range<u64>; MAX_OCCUPIED],
    /// What is free at the start, and the end of what has been handed out of it.
    blocks: [(Range<u64>, u64); MAX_REGIONS],
    block_count: usize,
}

impl<'a> Frames<'a> {
    /// All of `map` but for what is occupied; empty ranges there count for nothing.
    pub fn new(map: &'a MemoryMap, occupied: [Range<u64>; MAX_OCCUPIED]) -> Self {
        let occupied = occupied.map(|range| {
            align_down(range.start, PAGE_SIZE)..align_up(range.end, PAGE_SIZE).unwrap_or(range.end)
        });
        let mut this = Self { map, occupied, blocks: core::array::from_fn(|_| (0..0, 0)), block_count: 0 };
        for region in map.regions().iter().filter(|region| region.kind == MEMORY_TYPE_RAM) {
            let mut start = region.start.max(LOWEST_FRAME);
            let region_end = region.end.min(REACH);
            while start < region_end {
                let (end, next) = match this.next_occupied(start) {
                    Some(occupied) => (occupied.start.clamp(start, region_end), occupied.end),
                    None => (region_end, region_end),
                };
                if let Some(block) = this.blocks.get_mut(this.block_count)
                    && start < end
                {
                    *block = (start..end, start);
                    this.block_count += 1;
                }
                start = next.max(end);
            }
        }
        this
    }

    /// Takes `size` bytes, rounded up to whole pages, that lie together. They are not zeroed.
    ///
    /// # Errors
    ///
    /// [`Refusal::OutOfMemory`], which names `what`.
    pub fn allocate(&mut self, what: &'static str, size: u64) -> Result<Range<u64>, Refusal> {
        let blocks = &mut self.blocks[..self.block_count];
        let largest = blocks.iter().map(|(block, next)| block.end - next).max().unwrap_or(0);
        let refusal = Refusal::OutOfMemory { what, size, largest };
        let size = align_up(size, PAGE_SIZE).ok_or(refusal)?;
        let (_, next) = blocks.iter_mut().find(|(block, next)| block.end - *next >= size).ok_or(refusal)?;
        let start = *next;
        *next += size;
        Ok(start..start + size)
    }

    /// Writes what the kernel is told into `regions`, sorted and without overlaps, and returns how
    /// many there are.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyRegions`].
    pub fn describe(&self, regions: &mut [MemoryRegion]) -> Result<usize, Refusal> {
        let mut count = 0;
        for region in self.map.regions() {
            if region.kind != MEMORY_TYPE_RAM {
                push(
                    regions,
                    &mut count,
                    region.start..region.end,
                    MemoryRegionKind::UnknownBios(region.kind),
                )?;
                continue;
            }
            let mut start = region.start;
            while start < region.end {
                let taken = self.next_taken(start).unwrap_or(region.end..region.end);
                let usable_end = taken.start.clamp(start, region.end);
                push(regions, &mut count, start..usable_end, MemoryRegionKind::Usable)?;
                start = taken.end.clamp(usable_end, region.end);
                push(regions, &mut count, usable_end..start, MemoryRegionKind::Bootloader)?;
            }
        }
        Ok(count)
    }

    fn next_occupied(&self, from: u64) -> Option<Range<u64>> {
        next_range(self.occupied.iter().cloned(), from)
    }

    fn next_taken(&self, from: u64) -> Option<Range<u64>> {
        let handed_out = self.blocks[..self.block_count].iter().map(|(block, next)| block.start..*next);
        next_range(self.occupied.iter().cloned().chain(handed_out), from)
    }
}

/// The first range that ends behind `from`.
fn next_range(ranges: impl Iterator<Item = Range<u64>>, from: u64) -> Option<Range<u64>> {
    ranges.filter(|range| range.start < range.end && range.end > from).min_by_key(|range| range.start)
}

fn push(
    regions: &mut [MemoryRegion],
    count: &mut usize,
    range: Range<u64>,
    kind: MemoryRegionKind,
) -> Result<(), Refusal> {
    if range.is_empty() {
        return Ok(());
    }
    if let Some(last) = count.checked_sub(1).and_then(|last| regions.get_mut(last))
        && last.end == range.start
        && last.kind == kind
    {
        last.end = range.end;
        return Ok(());
    }
    let max = regions.len();
    let region = regions.get_mut(*count).ok_or(Refusal::TooManyRegions { max })?;
    (region.start, region.end, region.kind) = (range.start, range.end, kind);
    *count += 1;
    Ok(())
}
