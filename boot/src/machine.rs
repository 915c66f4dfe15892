//! What the machine handed over, copied out of the places where it could be overwritten.
#![expect(unsafe_code, reason = "reads what a PVH boot left in physical memory")]

use core::ops::Range;

use switchlab_boot_plan::{
    Refusal, command_line,
    memory::{MAX_ENTRIES, MemoryMap},
    pvh::{self, MEMORY_TYPE_RAM, MemoryMapEntry, Module, StartInfo},
    rsdp,
};

use crate::{image, physical};

/// Where a PC has the segment of its extended BIOS data area.
const EBDA_SEGMENT: Range<u64> = 0x40e..0x410;

/// How far into the extended BIOS data area the RSDP may be (ACPI 6.5, 5.2.5.1).
const EBDA_SEARCHED: u64 = 1024;

/// The other place where the RSDP may be.
const BIOS_AREA: Range<u64> = 0xe_0000..0x10_0000;

/// The real-mode interrupt vectors and the BIOS data area.
const PAGE_0: Range<u64> = 0..0x1000;

/// What the machine handed over.
pub struct Machine {
    /// All memory.
    pub memory_map: MemoryMap,
    /// The kernel's ELF file.
    pub kernel: Module,
    /// The ramdisk, where it came as a module.
    pub ramdisk: Option<Module>,
    /// Physical address of the RSDP, where there is one.
    pub rsdp: Option<u64>,
    command_line: [u8; command_line::MAX_LENGTH],
    command_line_length: usize,
}

impl Machine {
    /// Reads all of it from the `hvm_start_info` at physical address `start_info`.
    pub fn read(start_info: u64) -> Result<Self, Refusal> {
        // SAFETY: the machine put it there, and the loader has written nowhere yet.
        let info = StartInfo::read(unsafe { &table("the start info", start_info, 1)?[0] })?;
        let mut modules = modules(&info)?.map(|module| checked(module, "a module"));
        let kernel = modules.next().ok_or(Refusal::NoKernel)??;
        let ramdisk = modules.next().transpose()?;
        check_apart(&kernel, ramdisk.as_ref())?;
        let mut this = Self {
            memory_map: memory_map(&info)?,
            kernel,
            ramdisk,
            rsdp: Some(info.rsdp).filter(|rsdp| *rsdp != 0).or_else(find_rsdp),
            command_line: [0; command_line::MAX_LENGTH],
            command_line_length: 0,
        };
        let text = read_command_line(info.command_line)?;
        this.command_line[..text.len()].copy_from_slice(text.as_bytes());
        this.command_line_length = text.len();
        Ok(this)
    }

    /// The command line.
    pub fn command_line(&self) -> &str {
        core::str::from_utf8(&self.command_line[..self.command_line_length]).expect("it was UTF-8 when read")
    }

    /// The bytes of the kernel's file.
    pub fn kernel_file(&self) -> &'static [u8] {
        // SAFETY: reachable; `occupied` keeps `Frames` from handing it out, so nothing writes there.
        unsafe { physical::bytes(range(&self.kernel)) }
    }

    /// The physical memory that is taken from the start.
    pub fn occupied(&self) -> [Range<u64>; 4] {
        [PAGE_0, image::all(), range(&self.kernel), self.ramdisk.as_ref().map_or(0..0, range)]
    }
}

fn range(module: &Module) -> Range<u64> {
    module.address..module.address + module.size
}

fn checked(module: Module, what: &'static str) -> Result<Module, Refusal> {
    physical::reachable(what, module.address, module.size).map(|_| module)
}

/// A file that does not fit beside the loader has been put over it.
fn check_apart(kernel: &Module, ramdisk: Option<&Module>) -> Result<(), Refusal> {
    let overlap = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
    if overlap(&range(kernel), &image::all()) {
        return Err(Refusal::ModuleOverlaps { what: "the kernel's file", other: "the loader" });
    }
    if let Some(ramdisk) = ramdisk {
        if overlap(&range(ramdisk), &image::all()) {
            return Err(Refusal::ModuleOverlaps { what: "the ramdisk", other: "the loader" });
        }
        if overlap(&range(ramdisk), &range(kernel)) {
            return Err(Refusal::ModuleOverlaps { what: "the ramdisk", other: "the kernel's file" });
        }
    }
    Ok(())
}

fn modules(info: &StartInfo) -> Result<impl Iterator<Item = Module>, Refusal> {
    // SAFETY: the machine put the table there, and nothing has been written since.
    let entries = unsafe { table("the table of modules", info.modules, info.module_count)? };
    Ok(entries.iter().map(Module::read).filter(|module| module.size > 0))
}

fn memory_map(info: &StartInfo) -> Result<MemoryMap, Refusal> {
    // SAFETY: the machine put the table there, and nothing has been written since.
    let table = unsafe { table("the memory map", info.memory_map, info.memory_map_count)? };
    let mut entries = [MemoryMapEntry { address: 0, size: 0, kind: MEMORY_TYPE_RAM }; MAX_ENTRIES];
    let entries = entries.get_mut(..table.len()).ok_or(Refusal::MemoryMapTooLong { max: MAX_ENTRIES })?;
    for (entry, bytes) in entries.iter_mut().zip(table) {
        *entry = MemoryMapEntry::read(bytes);
    }
    MemoryMap::new(entries)
}

fn read_command_line(address: u64) -> Result<&'static str, Refusal> {
    if address == 0 {
        return Ok("");
    }
    let longest = command_line::MAX_LENGTH as u64 + 1;
    let range = physical::reachable("the command line", address, longest)?;
    // SAFETY: the machine put it there, and nothing has been written since.
    pvh::command_line(unsafe { physical::bytes(range) })
}

fn find_rsdp() -> Option<u64> {
    // SAFETY: the BIOS data area; nothing writes there.
    let segment = unsafe { physical::bytes(EBDA_SEGMENT) };
    let ebda = u64::from(u16::from_le_bytes([segment[0], segment[1]])) << 4;
    [ebda..ebda + EBDA_SEARCHED, BIOS_AREA].into_iter().filter(|area| area.start > 0).find_map(|area| {
        // SAFETY: below 1 MiB or a little above; nothing writes there.
        let found = rsdp::find(unsafe { physical::bytes(area.clone()) })?;
        Some(area.start + found as u64)
    })
}

/// `count` entries of `N` bytes each at physical address `start`.
///
/// # Safety
///
/// As for [`physical::bytes`], but for reach, which is checked.
unsafe fn table<const N: usize>(
    what: &'static str,
    start: u64,
    count: u32,
) -> Result<&'static [[u8; N]], Refusal> {
    if count == 0 {
        return Ok(&[]);
    }
    let range = physical::reachable(what, start, u64::from(count) * N as u64)?;
    // SAFETY: reachable, the rest is the caller's.
    Ok(unsafe { physical::bytes(range) }.as_chunks().0)
}
