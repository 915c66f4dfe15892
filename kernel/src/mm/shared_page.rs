//! Pages that somebody else than the kernel's own code writes to: a guest, or the processor in tables and control
//! blocks. No reference into them is ever made, only single words are read and written, so that nothing is assumed
//! to stay what it was.

use core::ptr::NonNull;

use x86_64::PhysAddr;

use super::{frames::FRAMES, physical};

/// Bytes of a page.
pub const PAGE_BYTES: u64 = 4096;

/// Words of a page.
pub const PAGE_WORDS: usize = PAGE_BYTES as usize / size_of::<u64>();

/// A page. Whoever holds it decides who else may write to it. There is no giving back: who is done with it keeps it
/// for the next who wants one.
#[derive(Debug)]
pub struct SharedPage(NonNull<u64>);

// SAFETY: it stands for memory that is mapped for ever, the same on all CPUs, and whose words are read and written by
// themselves.
unsafe impl Send for SharedPage {}
// SAFETY: as above; words are written by those who hold it alone.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// `pages` fresh ones that lie behind each other, all words 0; `None` where there are not so many.
    pub fn allocate_contiguous<const PAGES: usize>() -> Option<[Self; PAGES]> {
        let first = FRAMES.lock().allocate_contiguous(PAGES as u64 * PAGE_BYTES)?;
        Some(core::array::from_fn(|n| {
            let mut page = Self::at(first + n as u64 * PAGE_BYTES);
            page.clear();
            page
        }))
    }

    /// A fresh one, all words 0; `None` where there is none.
    pub fn allocate() -> Option<Self> {
        Self::allocate_contiguous().map(|[page]| page)
    }

    fn at(physical: PhysAddr) -> Self {
        let place = physical::to_virtual(physical).as_mut_ptr();
        Self(NonNull::new(place).expect("physical memory is not mapped at 0"))
    }

    /// Its physical address.
    pub fn physical(&self) -> u64 {
        self.0.as_ptr().addr() as u64 - physical::offset().as_u64()
    }

    /// Where it is seen: for structures that are laid over it, by whoever vouches that nothing else is.
    pub fn as_ptr(&self) -> NonNull<u64> {
        self.0
    }

    /// Sets all words to `value`.
    pub fn fill(&mut self, value: u64) {
        (0..PAGE_WORDS).for_each(|word| self.write(word, value));
    }

    /// Sets all words to 0.
    pub fn clear(&mut self) {
        self.fill(0);
    }

    /// A word.
    ///
    /// # Panics
    ///
    /// For a word that is not in the page.
    pub fn read(&self, word: usize) -> u64 {
        assert!(word < PAGE_WORDS, "word {word} of a page");
        // SAFETY: within the page, which is mapped for ever.
        unsafe { self.0.add(word).read_volatile() }
    }

    /// Writes a word.
    ///
    /// # Panics
    ///
    /// For a word that is not in the page.
    pub fn write(&mut self, word: usize, value: u64) {
        assert!(word < PAGE_WORDS, "word {word} of a page");
        // SAFETY: within the page, which is mapped for ever and writable.
        unsafe { self.0.add(word).write_volatile(value) }
    }

    /// Writes bytes from the beginning on; the rest of the last word becomes 0.
    ///
    /// # Panics
    ///
    /// If they are more than a page.
    pub fn write_bytes(&mut self, bytes: &[u8]) {
        for (word, chunk) in bytes.chunks(size_of::<u64>()).enumerate() {
            let mut value = [0; size_of::<u64>()];
            value[..chunk.len()].copy_from_slice(chunk);
            self.write(word, u64::from_le_bytes(value));
        }
    }
}
