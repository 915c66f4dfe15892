//! A kernel that is linked to the higher half and says for everything where it wants it; it also
//! reads the command line as `kernel/docs/boot.md` says.
#![no_std]
#![no_main]

mod boot_shared;

use core::cell::UnsafeCell;

use boot_shared::{check, check_boot_info, check_image, check_physical_memory, finish, page_of};
use bootloader_api::{BootInfo, BootloaderConfig, config::Mapping, entry_point, info::Optional};

const STACK: u64 = 0xffff_9000_0000_0000;
const STACK_SIZE: u64 = 5 * 4096 + 1;
const BOOT_INFO: u64 = 0xffff_a000_0000_0000;
const PHYSICAL_MEMORY: u64 = 0xffff_b000_0000_0000;
const RECURSIVE: u64 = 0xffff_ff00_0000_0000;

const CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.kernel_stack_size = STACK_SIZE;
    config.mappings.kernel_stack = Mapping::FixedAddress(STACK);
    config.mappings.boot_info = Mapping::FixedAddress(BOOT_INFO);
    config.mappings.physical_memory = Some(Mapping::FixedAddress(PHYSICAL_MEMORY));
    config.mappings.page_table_recursive = Some(Mapping::FixedAddress(RECURSIVE));
    config
};

entry_point!(main, config = &CONFIG);

struct Variable(UnsafeCell<[u64; 1024]>);

// SAFETY: one CPU runs here.
unsafe impl Sync for Variable {}

static CONSTANT: [u64; 4] = [7; 4];
static DATA: Variable = Variable(UnsafeCell::new([7; 1024]));
static BSS: Variable = Variable(UnsafeCell::new([0; 1024]));

fn main(boot_info: &'static mut BootInfo) -> ! {
    check_boot_info(boot_info);
    check("the kernel runs where it is linked", main as *const () as u64 >= 0xffff_ffff_8000_0000);
    check("the kernel was not moved", boot_info.kernel_image_offset == 0);
    check("the stack starts behind its guard page", boot_info.kernel_stack_bottom == STACK + 4096);
    check("the stack has whole pages", boot_info.kernel_stack_len == 6 * 4096);
    check("BootInfo is where it was asked for", &raw const *boot_info as u64 == BOOT_INFO);
    check("physical memory is too", boot_info.physical_memory_offset == Optional::Some(PHYSICAL_MEMORY));
    check_physical_memory(boot_info, PHYSICAL_MEMORY);
    check_image(
        PHYSICAL_MEMORY,
        main as *const () as u64,
        &raw const CONSTANT as u64,
        DATA.0.get() as u64,
        BSS.0.get() as u64,
    );
    check_recursive_table(boot_info);
    say!("command line: {:?}", command_line(boot_info));
    finish()
}

fn check_recursive_table(boot_info: &BootInfo) {
    let index = RECURSIVE >> 39 & 0x1ff;
    check("the recursive index is right", boot_info.recursive_index == Optional::Some(index as u16));
    let level_4 = 0xffff_0000_0000_0000 | index << 39 | index << 30 | index << 21 | index << 12;
    let page = page_of(level_4, PHYSICAL_MEMORY);
    check(
        "the level 4 table is seen through itself",
        page.is_some_and(|page| page.writable && !page.executable),
    );
    // SAFETY: the recursive mapping was asked for; nothing writes to the tables.
    let entry = unsafe { ((level_4 + index * 8) as *const u64).read_volatile() };
    check("its entry leads to it", page.is_some_and(|page| page.physical == entry & 0x000f_ffff_ffff_f000));
}

/// The last half of the page of `BootInfo`: magic, version, length, text.
fn command_line(boot_info: &BootInfo) -> Option<&str> {
    let page = &raw const *boot_info as usize & !0xfff;
    // SAFETY: `BootInfo` starts in this page, and does not reach so far into it.
    let block = unsafe { core::slice::from_raw_parts((page + 2048) as *const u8, 2048) };
    let (magic, rest) = block.split_first_chunk::<8>()?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let text = core::str::from_utf8(rest.get(..u32::from_le_bytes(*length) as usize)?).ok()?;
    (magic == b"swlabcmd" && u32::from_le_bytes(*version) == 1).then_some(text)
}
