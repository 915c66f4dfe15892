//! Says what is in the ramdisk: its length, its sum, and its first line.
#![no_std]
#![no_main]

mod boot_shared;

use boot_shared::{check, check_boot_info, finish};
use bootloader_api::{BootInfo, BootloaderConfig, config::Mapping, entry_point, info::Optional};

const RANGE_START: u64 = 0xffff_8800_0000_0000;
const RANGE_END: u64 = 0xffff_8fff_ffff_ffff;

/// As much of the first line as is said.
const MAX_LINE: usize = 80;

const CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.dynamic_range_start = Some(RANGE_START);
    config.mappings.dynamic_range_end = Some(RANGE_END);
    config.mappings.physical_memory = Some(Mapping::Dynamic);
    config
};

entry_point!(main, config = &CONFIG);

fn main(boot_info: &'static mut BootInfo) -> ! {
    check_boot_info(boot_info);
    let in_range = |address: u64| (RANGE_START..RANGE_END).contains(&address);
    check("the stack is in the dynamic range", in_range(boot_info.kernel_stack_bottom));
    check("BootInfo is too", in_range(&raw const *boot_info as u64));
    check(
        "physical memory is too",
        matches!(boot_info.physical_memory_offset, Optional::Some(offset) if in_range(offset)),
    );
    let Optional::Some(address) = boot_info.ramdisk_addr else {
        say!("ramdisk: none");
        finish()
    };
    check("the ramdisk is too", in_range(address));
    // SAFETY: the loader announced it.
    let bytes = unsafe { core::slice::from_raw_parts(address as *const u8, boot_info.ramdisk_len as usize) };
    let sum = bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let start = &bytes[..bytes.len().min(MAX_LINE)];
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    say!("ramdisk: {} bytes, sum {sum:016x}, first line {:?}", bytes.len(), core::str::from_utf8(line));
    finish()
}
