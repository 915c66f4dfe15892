//! How the kernel's command line gets past a contract that has no field for it. Written by the
//! loader, read by the kernel; needs nothing but `core`.
//!
//! The loader puts `BootInfo` at the start of a page and this block into the last half of the same
//! page, which `BootInfo` does not reach:
//!
//! ```text
//! page that holds BootInfo
//! ┌──────────┬───────────┬───────────────────────────────────────────────────┐
//! │ BootInfo │ zeros     │ block                                             │
//! │          │           │ magic, 8 bytes │ version u32 │ length u32 │ UTF-8 │
//! └──────────┴───────────┴───────────────────────────────────────────────────┘
//! 0                      2048             2056          2060         2064  4096
//! ```
//!
//! A kernel that knows nothing of it never looks there. Under a loader that knows nothing of it,
//! the block is mapped all the same, since the page is, but has no magic: [`decode`] says `None`.

/// Size of the block in bytes.
pub const BLOCK_SIZE: usize = 2048;

/// Longest command line in bytes.
pub const MAX_LENGTH: usize = 2000;

/// Where in its page the block starts.
pub const BLOCK_OFFSET: usize = PAGE_SIZE - BLOCK_SIZE;

const PAGE_SIZE: usize = 4096;
const MAGIC: [u8; 8] = *b"swlabcmd";
const VERSION: u32 = 1;
const TEXT_START: usize = MAGIC.len() + 4 + 4;
const _: () = assert!(TEXT_START + MAX_LENGTH <= BLOCK_SIZE);

/// The command line is longer than [`MAX_LENGTH`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// The virtual address of the block, [`BLOCK_SIZE`] bytes, that belongs to the `BootInfo` at
/// virtual address `boot_info`.
///
/// It lies in the page in which `BootInfo` starts, so it can be read under any loader.
pub const fn block_address(boot_info: usize) -> usize {
    (boot_info & !(PAGE_SIZE - 1)) + BLOCK_OFFSET
}

/// Writes the block of the command line `text`.
///
/// # Errors
///
/// [`TooLong`] where `text` has more than [`MAX_LENGTH`] bytes; `block` is then unchanged.
pub fn encode(text: &str, block: &mut [u8; BLOCK_SIZE]) -> Result<(), TooLong> {
    if text.len() > MAX_LENGTH {
        return Err(TooLong);
    }
    let length = text.len() as u32;
    block.fill(0);
    block[..8].copy_from_slice(&MAGIC);
    block[8..12].copy_from_slice(&VERSION.to_le_bytes());
    block[12..16].copy_from_slice(&length.to_le_bytes());
    block[TEXT_START..][..text.len()].copy_from_slice(text.as_bytes());
    Ok(())
}

/// Reads the command line from a block, or `None` where no loader of ours wrote one.
pub fn decode(block: &[u8]) -> Option<&str> {
    let (magic, rest) = block.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    if *magic != MAGIC || u32::from_le_bytes(*version) != VERSION {
        return None;
    }
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > MAX_LENGTH {
        return None;
    }
    core::str::from_utf8(rest.get(..length)?).ok()
}
