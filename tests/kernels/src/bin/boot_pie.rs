//! A position-independent kernel with everything left to the loader: relocated, its parts mapped
//! as they should be, its TLS template announced.
#![no_std]
#![no_main]

mod boot_shared;

use core::{cell::UnsafeCell, hint::black_box};

use boot_shared::{check, check_boot_info, check_image, check_physical_memory, finish};
use bootloader_api::{BootInfo, BootloaderConfig, config::Mapping, entry_point, info::Optional};

const CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::Dynamic);
    config
};

entry_point!(main, config = &CONFIG);

struct Variable<T>(UnsafeCell<T>);

// SAFETY: one CPU runs here.
unsafe impl<T> Sync for Variable<T> {}

const VALUE: u64 = 0x0123_4567_89ab_cdef;
const ZEROS: usize = 3 * 4096;

static CONSTANT: [u64; 4] = [VALUE; 4];
static DATA: Variable<[u64; 4]> = Variable(UnsafeCell::new([VALUE; 4]));
static BSS: Variable<[u8; ZEROS]> = Variable(UnsafeCell::new([0; ZEROS]));

// Each entry is a relocation; the array itself is read-only after relocation.
static FUNCTIONS: [fn() -> u64; 3] = [one, two, three];
static TEXTS: [&str; 2] = ["left", "right"];

#[unsafe(link_section = ".tdata")]
#[used]
static TLS_TEMPLATE: [u8; 4] = *b"TLS!";

fn one() -> u64 {
    1
}

fn two() -> u64 {
    2
}

fn three() -> u64 {
    3
}

fn main(boot_info: &'static mut BootInfo) -> ! {
    check_boot_info(boot_info);
    check(
        "relocated functions are called",
        black_box(&FUNCTIONS).iter().map(|function| function()).sum::<u64>() == 6,
    );
    check("relocated texts are read", black_box(&TEXTS).concat_is("leftright"));
    // SAFETY: one CPU runs here, and nothing else refers to the variables.
    unsafe {
        check("bss is zero", black_box(&*BSS.0.get()).iter().all(|byte| *byte == 0));
        check("data has its value", black_box(&*DATA.0.get()) == &[VALUE; 4]);
        (*DATA.0.get())[1] = 1;
        (*BSS.0.get())[ZEROS - 1] = 1;
    }
    check("constants have their value", black_box(&CONSTANT) == &[VALUE; 4]);

    let Optional::Some(offset) = boot_info.physical_memory_offset else {
        panic!("physical memory was asked for");
    };
    check_physical_memory(boot_info, offset);
    check_image(
        offset,
        main as *const () as u64,
        &raw const CONSTANT as u64,
        DATA.0.get() as u64,
        BSS.0.get() as u64,
    );
    check_image(
        offset,
        one as *const () as u64,
        &raw const FUNCTIONS as u64,
        DATA.0.get() as u64,
        BSS.0.get() as u64,
    );
    check("the kernel was moved", boot_info.kernel_image_offset >= 1 << 39);
    match boot_info.tls_template {
        Optional::Some(tls) => {
            check("the TLS template has its size", tls.file_size == 4 && tls.mem_size >= tls.file_size);
            // SAFETY: the loader announced it.
            let bytes = unsafe { core::slice::from_raw_parts(tls.start_addr as *const u8, 4) };
            check("the TLS template has its value", bytes == b"TLS!");
        }
        Optional::None => check("the TLS template is announced", false),
    }
    check(
        "there is no ramdisk",
        matches!(boot_info.ramdisk_addr, Optional::None) && boot_info.ramdisk_len == 0,
    );
    finish()
}

trait ConcatIs {
    fn concat_is(&self, whole: &str) -> bool;
}

impl ConcatIs for [&str; 2] {
    fn concat_is(&self, whole: &str) -> bool {
        whole.strip_prefix(self[0]) == Some(self[1])
    }
}
