//! What the loader decides, without touching the machine: what the machine handed over, what the
//! kernel's ELF file asks for, where everything goes in virtual and physical memory, and why a
//! kernel is refused. `boot` carries it out; the kernel uses [`command_line`] alone, xtask [`seal`]. All of it is
//! safe code on byte slices and numbers, so that it is tested on the host.
//!
//! In the order in which the loader asks:
//!
//! 1. [`pvh`]: memory map, modules and command line of the machine
//! 2. [`seal`]: whether the kernel's file is the one that was built
//! 3. [`kernel`]: the kernel's ELF file, checked; [`dynamic`]: its relocations
//! 4. [`config`]: the kernel's `BootloaderConfig`, checked
//! 5. [`layout`]: which virtual addresses everything gets
//! 6. [`memory`]: which physical memory is taken, and what the kernel is told of it
//! 7. [`rsdp`]: where the ACPI tables start
//!
//! Whatever does not hold is a [`Refusal`], which says what, why, and what is allowed.
#![no_std]
#![forbid(unsafe_code)]

pub mod command_line;
pub mod config;
pub mod dynamic;
pub mod kernel;
pub mod layout;
pub mod memory;
pub mod pvh;
mod refusal;
pub mod rsdp;
pub mod seal;
mod segment;

pub use refusal::Refusal;

/// Size of a page and of a frame, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// `address`, rounded down to a multiple of `alignment`, a power of two.
pub const fn align_down(address: u64, alignment: u64) -> u64 {
    address & !(alignment - 1)
}

/// `address`, rounded up to a multiple of `alignment`, a power of two; `None` beyond 2^64.
pub const fn align_up(address: u64, alignment: u64) -> Option<u64> {
    match address.checked_add(alignment - 1) {
        Some(address) => Some(align_down(address, alignment)),
        None => None,
    }
}
