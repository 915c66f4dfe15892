//! Where the loader itself lies in memory; it runs at the physical addresses it is linked to.
#![expect(unsafe_code, reason = "the linker script's symbols are extern")]

use core::ops::Range;

// SAFETY: link.ld defines them all; their addresses alone are used.
unsafe extern "C" {
    static loader_text_start: u8;
    static loader_rodata_start: u8;
    static loader_data_start: u8;
    static loader_end: u8;
}

/// All of it.
pub fn all() -> Range<u64> {
    text().start..data().end
}

/// What is executed.
pub fn text() -> Range<u64> {
    address(&raw const loader_text_start)..address(&raw const loader_rodata_start)
}

/// What is only read.
pub fn rodata() -> Range<u64> {
    address(&raw const loader_rodata_start)..address(&raw const loader_data_start)
}

/// What is written, stack and first page tables included.
pub fn data() -> Range<u64> {
    address(&raw const loader_data_start)..address(&raw const loader_end)
}

fn address(symbol: *const u8) -> u64 {
    symbol.addr() as u64
}
