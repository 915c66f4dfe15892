//! Reading what a PVH boot hands over. Source: Xen's public/arch-x86/hvm/start_info.h.

use crate::{Refusal, command_line};

/// `hvm_start_info.magic`: "xEn3" with the top bit of the first letter set.
const MAGIC: u32 = 0x336e_c578;

/// First version of `hvm_start_info` that has a memory map.
const VERSION_WITH_MEMORY_MAP: u32 = 1;

/// Type of conventional memory in a memory map entry, as in E820.
pub const MEMORY_TYPE_RAM: u32 = 1;

/// `hvm_start_info`, as far as the loader uses it. Addresses are physical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartInfo {
    /// How many modules there are.
    pub module_count: u32,
    /// Where the table of modules is.
    pub modules: u64,
    /// Where the command line is, or 0.
    pub command_line: u64,
    /// Where the RSDP is, or 0.
    pub rsdp: u64,
    /// Where the memory map is.
    pub memory_map: u64,
    /// How many entries the memory map has.
    pub memory_map_count: u32,
}

impl StartInfo {
    /// Size in bytes.
    pub const SIZE: usize = 56;

    /// Reads it from its bytes.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotPvh`] and [`Refusal::NoMemoryMap`].
    pub fn read(bytes: &[u8; Self::SIZE]) -> Result<Self, Refusal> {
        let magic = u32_at(bytes, 0);
        if magic != MAGIC {
            return Err(Refusal::NotPvh { magic });
        }
        let this = Self {
            module_count: u32_at(bytes, 12),
            modules: u64_at(bytes, 16),
            command_line: u64_at(bytes, 24),
            rsdp: u64_at(bytes, 32),
            memory_map: u64_at(bytes, 40),
            memory_map_count: u32_at(bytes, 48),
        };
        if u32_at(bytes, 4) < VERSION_WITH_MEMORY_MAP || this.memory_map == 0 || this.memory_map_count == 0 {
            return Err(Refusal::NoMemoryMap);
        }
        Ok(this)
    }
}

/// A file that lies in physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// Where it starts.
    pub address: u64,
    /// How long it is, in bytes.
    pub size: u64,
}

impl Module {
    /// Size in bytes of an `hvm_modlist_entry`.
    pub const ENTRY_SIZE: usize = 32;

    /// Reads an `hvm_modlist_entry`.
    pub fn read(entry: &[u8; Self::ENTRY_SIZE]) -> Self {
        Self { address: u64_at(entry, 0), size: u64_at(entry, 8) }
    }
}

/// One entry of the machine's memory map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryMapEntry {
    /// First byte.
    pub address: u64,
    /// Size in bytes.
    pub size: u64,
    /// Type as in E820; [`MEMORY_TYPE_RAM`] is conventional memory.
    pub kind: u32,
}

impl MemoryMapEntry {
    /// Size in bytes of an `hvm_memmap_table_entry`.
    pub const ENTRY_SIZE: usize = 24;

    /// Reads an `hvm_memmap_table_entry`.
    pub fn read(entry: &[u8; Self::ENTRY_SIZE]) -> Self {
        Self { address: u64_at(entry, 0), size: u64_at(entry, 8), kind: u32_at(entry, 16) }
    }
}

/// The text in `bytes` up to the first NUL.
///
/// # Errors
///
/// [`Refusal::CommandLineTooLong`] where there is no NUL among the first
/// [`command_line::MAX_LENGTH`] + 1 bytes, [`Refusal::CommandLineNotUtf8`].
pub fn command_line(bytes: &[u8]) -> Result<&str, Refusal> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.len() == bytes.len() || text.len() > command_line::MAX_LENGTH {
        return Err(Refusal::CommandLineTooLong);
    }
    core::str::from_utf8(text).map_err(|error| Refusal::CommandLineNotUtf8 { at: error.valid_up_to() })
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes(core::array::from_fn(|n| bytes[at + n]))
}

fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    u64::from_le_bytes(core::array::from_fn(|n| bytes[at + n]))
}
