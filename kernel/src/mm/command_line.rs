//! The kernel's command line: where the loader in boot/ leaves it, beside `BootInfo`.

use bootloader_api::BootInfo;
use switchlab_boot_plan::command_line::{BLOCK_SIZE, block_address, decode};

/// The command line; empty under a loader that leaves none.
pub fn find_command_line(boot_info: &BootInfo) -> &'static str {
    let block = block_address(core::ptr::from_ref(boot_info).addr());
    // SAFETY: the block lies in the page in which BootInfo starts, which is mapped for ever and
    // which nobody writes to there; `decode` checks that it is a block at all.
    let bytes = unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(block), BLOCK_SIZE) };
    decode(bytes).unwrap_or("")
}
