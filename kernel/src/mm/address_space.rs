//! Address spaces of ring 3: the lower half is a program's own, the upper half the kernel's, the same in all.
//!
//! ```text
//!   entries of the top table     0 ········ 255 │ 256 ·········· 511
//!                                own            │ the kernel's own tables, by their addresses
//! ```
//!
//! The frames of a space that is gone are kept for the next: they are a list through their own memory, since
//! frames are never taken back.

use alloc::vec::Vec;
use core::fmt;

use switchlab_core::{
    MAX_CPUS,
    address_space::{Pcid, Pcids, USER_END, cr3_word},
    container::memory::{MemoryGroup, OverLimit},
};
use x86_64::{
    PhysAddr, VirtAddr,
    structures::paging::{
        FrameAllocator, Mapper, OffsetPageTable, Page, PageSize, PageTable, PageTableFlags, PhysFrame,
        Size4KiB, Translate, mapper::MapToError,
    },
};

use super::{frames::FRAMES, paging, physical};
use crate::lock::Lock;

/// What a program may do with a page, besides reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Execute it.
    Code,
    /// Write it.
    Data,
}

/// Why there is no address space, or not so much in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceError {
    /// No frames are left.
    OutOfMemory,
    /// A group may have no more.
    OverLimit(OverLimit),
    /// Something is mapped there already, or the range is not whole pages of the lower half.
    NoRoom {
        /// Where.
        at: u64,
    },
}

impl fmt::Display for SpaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("no memory for an address space: give the machine more"),
            Self::OverLimit(over) => write!(f, "{over}"),
            Self::NoRoom { at } => write!(f, "no room at {at:#x} of an address space"),
        }
    }
}

/// A program's address space. Not loaded on any CPU when it is dropped.
#[derive(Debug)]
pub struct AddressSpace {
    root: PhysFrame,
    /// All that it is made of: tables and pages.
    frames: Vec<PhysFrame>,
    pcid: Option<Pcid>,
    /// On which CPUs it was loaded, a bit for each.
    seen: u64,
    /// Where its frames are charged.
    group: Option<&'static MemoryGroup>,
}

const _: () = assert!(MAX_CPUS <= u64::BITS as usize, "a bit for each CPU");

/// A list of frames that nobody uses, through their first words: physical addresses, 0 at its end.
struct Spare(u64);

static SPARE: Lock<Spare> = Lock::new(Spare(0));
static PCIDS: Lock<Pcids> = Lock::new(Pcids::new());

/// Frames for one space, charged and written down as they are taken.
struct Taking<'a> {
    frames: &'a mut Vec<PhysFrame>,
    group: Option<&'static MemoryGroup>,
    /// Why there was none.
    why_not: SpaceError,
}

// SAFETY: a frame comes from the list of spare ones, which it leaves, or is fresh.
unsafe impl FrameAllocator<Size4KiB> for Taking<'_> {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        if let Some(Err(over)) = self.group.map(|group| group.charge(1)) {
            self.why_not = SpaceError::OverLimit(over);
            return None;
        }
        let Some(frame) = SPARE.lock().take().or_else(|| FRAMES.lock().allocate_frame()) else {
            self.group.inspect(|group| group.uncharge(1));
            return None;
        };
        // SAFETY: nobody else has the frame, which is mapped with all physical memory.
        unsafe { words_of(frame).write_bytes(0, Size4KiB::SIZE as usize / size_of::<u64>()) };
        self.frames.push(frame);
        Some(frame)
    }
}

impl<'a> Taking<'a> {
    fn new(frames: &'a mut Vec<PhysFrame>, group: Option<&'static MemoryGroup>) -> Self {
        Self { frames, group, why_not: SpaceError::OutOfMemory }
    }

    /// Gives back one of them that nothing maps, and its charge.
    fn give_back(&mut self, frame: PhysFrame) {
        let at = self.frames.iter().rposition(|own| *own == frame).expect("it was taken here");
        self.frames.swap_remove(at);
        self.group.inspect(|group| group.uncharge(1));
        SPARE.lock().give_back(frame);
    }
}

impl Spare {
    fn take(&mut self) -> Option<PhysFrame> {
        (self.0 != 0).then(|| {
            let frame = PhysFrame::containing_address(PhysAddr::new(self.0));
            // SAFETY: `give_back` wrote the next one there, and nobody has touched it since.
            self.0 = unsafe { words_of(frame).read() };
            frame
        })
    }

    fn give_back(&mut self, frame: PhysFrame) {
        // SAFETY: the space that had it is gone, or never mapped it.
        unsafe { words_of(frame).write(self.0) };
        self.0 = frame.start_address().as_u64();
    }
}

impl AddressSpace {
    /// An empty one: the kernel's half alone. With an identifier for the TLB where `has_pcids`, as long as
    /// there are free ones. All frames that it ever takes, tables and all, are charged to `group`, until it is
    /// dropped.
    ///
    /// # Errors
    ///
    /// [`SpaceError::OutOfMemory`] or [`SpaceError::OverLimit`].
    pub fn new(has_pcids: bool, group: Option<&'static MemoryGroup>) -> Result<Self, SpaceError> {
        let mut frames = Vec::new();
        let mut taking = Taking::new(&mut frames, group);
        let root = taking.allocate_frame().ok_or(taking.why_not)?;
        // SAFETY: a fresh frame of zeros is an empty table, this space's alone.
        paging::share_kernel_half(unsafe { &mut *words_of(root).cast::<PageTable>() });
        let pcid = if has_pcids { PCIDS.lock().take() } else { None };
        Ok(Self { root, frames, pcid, seen: 0, group })
    }

    /// Maps a copy of `bytes` from `at` on, in pages of their own; the rest of the last one is 0.
    ///
    /// # Errors
    ///
    /// [`SpaceError`]; what was mapped before stays.
    pub fn map_copy(&mut self, at: u64, bytes: &[u8], access: Access) -> Result<(), SpaceError> {
        let pages = bytes.chunks(Size4KiB::SIZE as usize);
        for (page, contents) in (0..).zip(pages) {
            let frame = self.map_page(at + page * Size4KiB::SIZE, access)?;
            // SAFETY: the frame was mapped just now, and the kernel goes to it from here alone. Threads of this space
            // may run, but what they do at its address is ring 3's.
            unsafe {
                words_of(frame).cast::<u8>().copy_from_nonoverlapping(contents.as_ptr(), contents.len());
            }
        }
        Ok(())
    }

    /// Maps `bytes` of zeros from `at` on: whole pages.
    ///
    /// # Errors
    ///
    /// [`SpaceError`]; what was mapped before stays.
    pub fn map_zeros(&mut self, at: u64, bytes: u64, access: Access) -> Result<(), SpaceError> {
        (0..bytes.div_ceil(Size4KiB::SIZE))
            .try_for_each(|page| self.map_page(at + page * Size4KiB::SIZE, access).map(drop))
    }

    /// Whether a page is mapped at `at`.
    pub fn is_mapped(&mut self, at: u64) -> bool {
        // SAFETY: the root is this space's own table, which nobody else touches meanwhile.
        let table = unsafe { &mut *words_of(self.root).cast::<PageTable>() };
        // SAFETY: as above; all physical memory is mapped there.
        let mapped = unsafe { OffsetPageTable::new(table, physical::offset()) };
        VirtAddr::try_new(at).is_ok_and(|at| mapped.translate_addr(at).is_some())
    }

    /// Frames that it takes, tables and all.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The word of CR3 to load it with on CPU `cpu`, and again from then on.
    pub fn cr3_words(&mut self, cpu: usize) -> [u64; 2] {
        let root = self.root.start_address().as_u64();
        let was_here = self.seen & 1 << cpu != 0;
        self.seen |= 1 << cpu;
        [was_here, true].map(|was_here| cr3_word(root, self.pcid, was_here))
    }

    fn map_page(&mut self, at: u64, access: Access) -> Result<PhysFrame, SpaceError> {
        let no_room = SpaceError::NoRoom { at };
        if at >= USER_END {
            return Err(no_room);
        }
        let page = Page::from_start_address(VirtAddr::new(at)).map_err(|_| no_room)?;
        let access = match access {
            Access::Code => PageTableFlags::empty(),
            Access::Data => PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE,
        };
        let flags = PageTableFlags::PRESENT | PageTableFlags::USER_ACCESSIBLE | access;
        let mut taking = Taking::new(&mut self.frames, self.group);
        let frame = taking.allocate_frame().ok_or(taking.why_not)?;
        // SAFETY: the root is this space's own table, which software changes here alone, by an exclusive reference.
        // A CPU that has it loaded may walk it meanwhile: an entry is one word, which is not present until it leads to a
        // table of zeros or to the frame. The frame is fresh, and the page in the lower half.
        let mapped = unsafe {
            let root = &mut *words_of(self.root).cast::<PageTable>();
            OffsetPageTable::new(root, physical::offset()).map_to(page, frame, flags, &mut taking)
        };
        match mapped {
            Ok(page) => {
                // Nobody has it in a TLB: it was not mapped.
                page.ignore();
                Ok(frame)
            }
            Err(error) => {
                // Tables that were made on the way stay, for the next page there.
                taking.give_back(frame);
                Err(match error {
                    MapToError::FrameAllocationFailed => taking.why_not,
                    _ => no_room,
                })
            }
        }
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        if let Some(pcid) = self.pcid {
            PCIDS.lock().give_back(pcid);
        }
        self.group.inspect(|group| group.uncharge(self.frames.len() as u64));
        let mut spare = SPARE.lock();
        self.frames.drain(..).for_each(|frame| spare.give_back(frame));
    }
}

/// The kernel's own address space, as CR3 has it: with an empty lower half, but for the loader.
pub fn kernel_cr3() -> u64 {
    paging::root().start_address().as_u64()
}

/// A frame, seen through the map of all physical memory.
fn words_of(frame: PhysFrame) -> *mut u64 {
    physical::to_virtual(frame.start_address()).as_mut_ptr()
}
