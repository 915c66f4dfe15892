//! A guest's memory, and the tables that lead to it and to nothing else.
//!
//! ```text
//!   guest-physical                      what it is, as a guest's loader would have left it
//!   0x0000  0x1000  0x2000              the guest's own tables: the first GiB at the same virtual addresses
//!   0x3000                              its GDT, and behind it its IDT
//!   0x4000  0x5000                      its code, which it can not write to
//!   0x6000                              its data
//!   0x7000                              its stack
//!   from 0x8000 on                      nothing: its own tables lead there, the VMM's do not
//! ```
//!
//! The VMM's tables have the same form whether they are nested tables, in which the processor looks a guest-physical
//! address up (APM vol. 2, 15.25), or shadow tables, which the guest runs on in place of its own (15.25.1 says why
//! nested ones are better): there too the same addresses lead to the same pages. So one set serves for both.

use super::{Image, Why, pages::Page};
use crate::mm::PAGE_BYTES;

/// How the guest's addresses become the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// By the guest's tables, then by nested ones.
    Nested,
    /// By the VMM's tables alone, in place of the guest's, which it may not choose.
    Shadow,
}

/// Pages of a guest.
pub const PAGES: usize = 8;

/// Which page is what.
mod page {
    /// Its PML4; the two behind it lead to 2 MiB pages.
    pub const TABLES: usize = 0;
    pub const DESCRIPTORS: usize = 3;
    pub const CODE: usize = 4;
    pub const CODE_END: usize = 6;
    pub const STACK_END: usize = 8;
}

const fn address(page: usize) -> u64 {
    page as u64 * PAGE_BYTES
}

/// Where a guest begins, behind its image's header.
pub const CODE: u64 = address(page::CODE);
/// Bytes of the largest image.
pub const CODE_BYTES: usize = (page::CODE_END - page::CODE) * PAGE_BYTES as usize;
/// Where its stack begins.
pub const STACK_TOP: u64 = address(page::STACK_END);
/// Root of its own tables.
pub const ROOT: u64 = address(page::TABLES);
/// Its GDT.
pub const GDT: u64 = address(page::DESCRIPTORS);
/// The last byte of it.
pub const GDT_LIMIT: u32 = 3 * 8 - 1;
/// Its IDT.
pub const IDT: u64 = GDT + 0x100;
/// The last byte of it: of 48 vectors.
pub const IDT_LIMIT: u32 = 48 * 16 - 1;
/// The vector whose handler the image has.
pub const WAKE_UP: u8 = 0x20;

/// The code segment's selector in the guest's GDT.
pub const CODE_SELECTOR: u16 = 8;
/// The data segment's.
pub const DATA_SELECTOR: u16 = 16;

const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
/// Walks of nested tables are user accesses (APM vol. 2, 15.25.5).
const USER: u64 = 1 << 2;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;

/// A guest's memory with its tables.
#[derive(Debug)]
pub struct Memory {
    pages: [Page; PAGES],
    /// PML4, PDPT, PD, PT.
    tables: [Page; 4],
}

impl Memory {
    /// Memory with `image` in it.
    ///
    /// # Errors
    ///
    /// [`Why::OutOfMemory`].
    pub fn with(image: &Image) -> Result<Self, Why> {
        let mut memory = Self { pages: take()?, tables: take()? };
        memory.write_tables();
        memory.write_own_tables();
        memory.write_descriptors(image.handler());
        let code = &mut memory.pages[page::CODE..page::CODE_END];
        for (page, bytes) in code.iter_mut().zip(image.bytes().chunks(PAGE_BYTES as usize)) {
            page.write_bytes(bytes);
        }
        Ok(memory)
    }

    /// Physical address of the root of the VMM's tables.
    pub fn root(&self) -> u64 {
        self.tables[0].physical()
    }

    /// Physical addresses of the pages that the guest sees.
    pub fn physical(&self) -> [u64; PAGES] {
        self.pages.each_ref().map(|page| page.physical())
    }

    /// The tables that the VMM holds: each page of the guest at its place.
    fn write_tables(&mut self) {
        for level in 1..self.tables.len() {
            let below = self.tables[level].physical();
            self.tables[level - 1].write(0, below | PRESENT | WRITABLE | USER);
        }
        let [.., last] = &mut self.tables;
        for (number, page) in self.pages.iter().enumerate() {
            let is_code = (page::CODE..page::CODE_END).contains(&number);
            let rights = if is_code { 0 } else { WRITABLE | NO_EXECUTE };
            last.write(number, page.physical() | PRESENT | USER | rights);
        }
    }

    /// The tables that the guest holds: the first GiB at the same addresses, so far more than it has.
    fn write_own_tables(&mut self) {
        const LARGE_PAGE: u64 = 2 << 20;
        self.pages[page::TABLES].write(0, address(page::TABLES + 1) | PRESENT | WRITABLE);
        self.pages[page::TABLES + 1].write(0, address(page::TABLES + 2) | PRESENT | WRITABLE);
        for n in 0..crate::mm::PAGE_WORDS {
            let address = n as u64 * LARGE_PAGE;
            self.pages[page::TABLES + 2].write(n, address | PRESENT | WRITABLE | LARGE);
        }
    }

    /// A GDT with a code and a data segment of 64-bit mode, and an IDT with one gate (APM vol. 2, 4.8).
    fn write_descriptors(&mut self, handler: u64) {
        const CODE_SEGMENT: u64 = 0x00af_9b00_0000_ffff;
        const DATA_SEGMENT: u64 = 0x00cf_9300_0000_ffff;
        /// Present, an interrupt gate.
        const GATE: u64 = 0x8e00;
        let page = &mut self.pages[page::DESCRIPTORS];
        page.write(usize::from(CODE_SELECTOR) / 8, CODE_SEGMENT);
        page.write(usize::from(DATA_SELECTOR) / 8, DATA_SEGMENT);
        let gate = (IDT - GDT) as usize / 8 + 2 * usize::from(WAKE_UP);
        let (low, high) = (handler & 0xffff, handler >> 16 & 0xffff);
        page.write(gate, high << 48 | GATE << 32 | u64::from(CODE_SELECTOR) << 16 | low);
        page.write(gate + 1, handler >> 32);
    }
}

fn take<const N: usize>() -> Result<[Page; N], Why> {
    let mut pages = [const { None }; N];
    for page in &mut pages {
        *page = Some(Page::take()?);
    }
    Ok(pages.map(|page| page.expect("each was taken just now")))
}
