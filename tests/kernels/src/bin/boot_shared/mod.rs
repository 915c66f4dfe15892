//! What the boot test kernels share. They know nothing of the laboratory: `bootloader_api`, ports
//! and page tables are all they use, so they show that the loader keeps the contract to anyone.
#![allow(dead_code, reason = "each kernel uses a part")]

use core::{
    arch::asm,
    fmt::{self, Write},
    panic::PanicInfo,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use bootloader_api::{
    BootInfo,
    info::{MemoryRegionKind, Optional},
};

const COM1: u16 = 0x3f8;
const LINE_STATUS: u16 = COM1 + 5;
const MAY_SEND: u8 = 1 << 5;
const ALL_SENT: u8 = 1 << 6;
const EXIT_PORT: u16 = 0xf4;

/// The exit codes, as `switchlab-records` has them.
pub const PASS: u8 = 0x10;
const FAIL: u8 = 0x11;
const PANIC: u8 = 0x12;

static FAILED: AtomicU32 = AtomicU32::new(0);

/// Prints a line.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::boot_shared::print(format_args!("{}\n", format_args!($($words)*))) };
}

/// Prints.
pub fn print(text: fmt::Arguments<'_>) {
    let _ = Serial.write_fmt(text);
}

/// Notes a fact that should hold, and says when it does not.
pub fn check(fact: &str, holds: bool) {
    if !holds {
        FAILED.fetch_add(1, Relaxed);
        say!("does not hold: {fact}");
    }
}

/// Ends with PASS or FAIL, as the checks went.
pub fn finish() -> ! {
    let failed = FAILED.load(Relaxed);
    say!("{failed} checks failed");
    exit(if failed == 0 { PASS } else { FAIL })
}

/// Ends with `code`.
pub fn exit(code: u8) -> ! {
    while read_port(LINE_STATUS) & ALL_SENT == 0 {}
    write_port(EXIT_PORT, code);
    loop {
        // SAFETY: waits; the machine ends meanwhile.
        unsafe { asm!("hlt") };
    }
}

/// What the page tables allow at a virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it leads.
    pub physical: u64,
    /// All levels allow writing.
    pub writable: bool,
    /// All levels allow execution.
    pub executable: bool,
}

/// Walks the page tables, which are found at their physical address plus `offset`.
pub fn page_of(address: u64, offset: u64) -> Option<Page> {
    let mut table: u64;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, cr3", out(reg) table) };
    let (mut writable, mut executable) = (true, true);
    for level in (0..4).rev() {
        let shift = 12 + 9 * level;
        let index = address >> shift & 0x1ff;
        // SAFETY: physical memory is mapped at `offset`, and page tables are in it.
        let entry =
            unsafe { (((table & 0x000f_ffff_ffff_f000) + offset + index * 8) as *const u64).read_volatile() };
        if entry & 1 == 0 {
            return None;
        }
        writable &= entry & 1 << 1 != 0;
        executable &= entry >> 63 == 0;
        table = entry;
        let is_page = level == 0 || entry & 1 << 7 != 0;
        if is_page {
            let within = (1 << shift) - 1;
            let physical = entry & 0x000f_ffff_ffff_f000 & !within | address & within;
            return Some(Page { physical, writable, executable });
        }
    }
    None
}

/// Checks what every kernel may rely on, whatever its configuration.
pub fn check_boot_info(boot_info: &BootInfo) {
    let here = 0_u8;
    let stack = boot_info.kernel_stack_bottom..boot_info.kernel_stack_bottom + boot_info.kernel_stack_len;
    check("the stack is where BootInfo says", stack.contains(&(&raw const here as u64)));
    check_regions(boot_info);
    check("there is no frame buffer", matches!(boot_info.framebuffer, Optional::None));
    check("the RSDP is known", matches!(boot_info.rsdp_addr, Optional::Some(_)));
    let api = &boot_info.api_version;
    check("the API is 0.11", (api.version_major(), api.version_minor()) == (0, 11));
    let flags: u64;
    // SAFETY: reads a register.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags) };
    check("interrupts are off", flags & 1 << 9 == 0);
    check("DF is clear", flags & 1 << 10 == 0);
}

fn check_regions(boot_info: &BootInfo) {
    let regions = &boot_info.memory_regions;
    check("no region is empty", regions.iter().all(|region| region.start < region.end));
    check("regions are sorted and apart", regions.windows(2).all(|pair| pair[0].end <= pair[1].start));
    let usable = || regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable);
    check("usable regions are whole pages", usable().all(|region| (region.start | region.end) & 0xfff == 0));
    check("page 0 is not usable", usable().all(|region| region.start >= 0x1000));
    check("there is usable memory below 1 MiB", usable().any(|region| region.end <= 0x10_0000));
    let above: u64 =
        usable().filter(|region| region.start >= 0x10_0000).map(|region| region.end - region.start).sum();
    check("there are 4 MiB of usable memory above 1 MiB", above >= 4 << 20);
    let file = boot_info.kernel_addr..boot_info.kernel_addr + boot_info.kernel_len;
    check(
        "the kernel's file is not usable",
        usable().all(|region| region.end <= file.start || file.end <= region.start),
    );
}

/// Checks what can be seen where physical memory is mapped at `offset`.
pub fn check_physical_memory(boot_info: &BootInfo, offset: u64) {
    let bytes = |physical: u64, length: u64| {
        // SAFETY: physical memory is mapped at `offset`; nothing writes to what is looked at.
        unsafe { core::slice::from_raw_parts((offset + physical) as *const u8, length as usize) }
    };
    check("the kernel's file is an ELF file", bytes(boot_info.kernel_addr, 4) == b"\x7fELF");
    if let Optional::Some(rsdp) = boot_info.rsdp_addr {
        let rsdp = bytes(rsdp, 20);
        check("the RSDP has its signature", rsdp.starts_with(b"RSD PTR "));
        check("the RSDP's checksum holds", rsdp.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == 0);
    }
    let last_of_4_gib = page_of(offset + 0xffff_ffff, offset);
    check("4 GiB are mapped", last_of_4_gib.is_some_and(|page| page.physical == 0xffff_ffff));
    let page = page_of(offset, offset);
    check(
        "physical memory is writable, not executable",
        page.is_some_and(|page| page.writable && !page.executable),
    );
    let guard = boot_info.kernel_stack_bottom - 1;
    check("below the stack nothing is mapped", page_of(guard, offset).is_none());
    let stack = page_of(boot_info.kernel_stack_bottom, offset);
    check(
        "the stack is writable, not executable",
        stack.is_some_and(|page| page.writable && !page.executable),
    );
    for region in boot_info.memory_regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable) {
        let mut table: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mov {}, cr3", out(reg) table) };
        check("the page tables are not usable memory", !(region.start..region.end).contains(&table));
        let stack = stack.map_or(0, |page| page.physical);
        check("the stack is not usable memory", !(region.start..region.end).contains(&stack));
    }
}

/// Checks that the kernel's own parts are mapped as they should be: a function, a constant, a
/// variable with a value and one without.
pub fn check_image(offset: u64, code: u64, constant: u64, data: u64, bss: u64) {
    let at = |address| page_of(address, offset).map(|page| (page.writable, page.executable));
    check("code is executable, not writable", at(code) == Some((false, true)));
    check("constants are neither", at(constant) == Some((false, false)));
    check("data is writable, not executable", at(data) == Some((true, false)));
    check("bss is writable, not executable", at(bss) == Some((true, false)));
}

struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while read_port(LINE_STATUS) & MAY_SEND == 0 {}
            write_port(COM1, byte);
        }
        Ok(())
    }
}

fn read_port(port: u16) -> u8 {
    let value;
    // SAFETY: the ports used here are the UART's, which is this kernel's alone.
    unsafe { asm!("in al, dx", in("dx") port, out("al") value) };
    value
}

fn write_port(port: u16, value: u8) {
    // SAFETY: the ports used here are the UART's and QEMU's exit port.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value) };
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("{info}");
    exit(PANIC)
}
