//! The last steps: the kernel's address space is loaded, `BootInfo` written, the kernel entered.
//!
//! What the kernel finds: interrupts off, DF clear, rsp below the top of its stack by the eight
//! bytes of a return address (0, there is nowhere to return to), rdi = `&mut BootInfo`. CR0 has PE,
//! NE, WP and PG, CR4 only PAE, EFER LME, LMA and NXE. GDT, TSS and IDT are the loader's.
#![expect(unsafe_code, reason = "writes BootInfo in place, loads CR3, jumps")]

use core::{arch::asm, ops::Range, ptr, slice};

use bootloader_api::{
    BootInfo,
    info::{MemoryRegion, MemoryRegions, Optional, TlsTemplate},
};
use switchlab_boot_plan::{PAGE_SIZE, Refusal, command_line, kernel::Kernel, layout::Layout, memory::Frames};
use x86_64::instructions::interrupts;

use crate::{exceptions, machine::Machine, page_tables::PageTables};

/// Pages behind the one of `BootInfo` that have the memory regions.
const REGION_PAGES: u64 = 2;

/// Size of the mapping of `BootInfo`: its page, which ends with the command line, and the regions.
pub const BOOT_INFO_SIZE: u64 = (1 + REGION_PAGES) * PAGE_SIZE;

const MAX_REGIONS: usize = (REGION_PAGES * PAGE_SIZE) as usize / size_of::<MemoryRegion>();

const _: () = assert!(size_of::<BootInfo>() <= command_line::BLOCK_OFFSET);

/// All that is still to be written when the kernel's address space is loaded, and where to go.
pub struct HandOver {
    level_4: u64,
    place: Range<u64>,
    regions: [MemoryRegion; MAX_REGIONS],
    region_count: usize,
    command_line: [u8; command_line::BLOCK_SIZE],
    rsdp: Option<u64>,
    physical_memory: Option<u64>,
    recursive_index: Option<u16>,
    tls: Option<TlsTemplate>,
    ramdisk: Option<(u64, u64)>,
    kernel_file: (u64, u64),
    bias: u64,
    stack: Range<u64>,
    entry: u64,
}

impl HandOver {
    /// Collects it. No memory may be taken from `frames` afterwards: the kernel is told of what has
    /// been taken.
    pub fn prepare(
        machine: &Machine,
        kernel: &Kernel<'_>,
        layout: &Layout,
        ramdisk_size: Option<u64>,
        frames: &Frames<'_>,
        tables: &PageTables,
    ) -> Result<Self, Refusal> {
        let mut regions = [MemoryRegion::empty(); MAX_REGIONS];
        let region_count = frames.describe(&mut regions)?;
        let mut block = [0; command_line::BLOCK_SIZE];
        command_line::encode(machine.command_line(), &mut block).map_err(|_| Refusal::CommandLineTooLong)?;
        let moved = |address: u64| layout.bias.wrapping_add(address);
        Ok(Self {
            level_4: tables.level_4(),
            place: layout.boot_info.clone(),
            regions,
            region_count,
            command_line: block,
            rsdp: machine.rsdp,
            physical_memory: layout.physical_memory.as_ref().map(|(range, _)| range.start),
            recursive_index: layout.recursive_index,
            tls: kernel.tls().map(|tls| TlsTemplate {
                start_addr: moved(tls.start),
                file_size: tls.file_size,
                mem_size: tls.mem_size,
            }),
            ramdisk: layout.ramdisk.as_ref().map(|range| range.start).zip(ramdisk_size),
            kernel_file: (machine.kernel.address, machine.kernel.size),
            bias: layout.bias,
            stack: layout.stack.clone(),
            entry: moved(kernel.entry()),
        })
    }

    /// Enters the kernel.
    pub fn jump(self) -> ! {
        interrupts::disable();
        // SAFETY: the tables map the loader at its own addresses, as it is mapped now: code, stack
        // and statics stay where they are. No reference to other memory is used from here on.
        unsafe { asm!("mov cr3, {}", in(reg) self.level_4, options(nostack, preserves_flags)) };
        // SAFETY: the kernel's address space has just been loaded.
        let boot_info = unsafe { self.write_boot_info() };
        exceptions::blame_kernel();
        // SAFETY: the entry point lies in an executable segment, the stack is mapped and its end is
        // a multiple of 16; `BootInfo` is written and nothing here refers to it any more.
        unsafe {
            asm!(
                "mov rsp, {stack_end}",
                "xor ebp, ebp",     // ends the chain of frames for a debugger
                "push 0",           // as a call would: rsp is now 8 below a multiple of 16
                "cld",
                "jmp {entry}",
                stack_end = in(reg) self.stack.end,
                entry = in(reg) self.entry,
                in("rdi") boot_info,
                options(noreturn)
            )
        }
    }

    /// Writes `BootInfo` and what belongs to it where the kernel has it.
    ///
    /// # Safety
    ///
    /// The kernel's address space is loaded.
    unsafe fn write_boot_info(&self) -> *mut BootInfo {
        let start = self.place.start as usize;
        let boot_info: *mut BootInfo = ptr::with_exposed_provenance_mut(start);
        let block: *mut [u8; command_line::BLOCK_SIZE] =
            ptr::with_exposed_provenance_mut(command_line::block_address(start));
        let regions: *mut MemoryRegion = ptr::with_exposed_provenance_mut(start + PAGE_SIZE as usize);
        // SAFETY: `place` is mapped, writable, zeroed and for this alone; the three parts lie in it
        // one behind the other, each aligned to its type.
        let regions: &'static mut [MemoryRegion] = unsafe {
            block.write(self.command_line);
            ptr::copy_nonoverlapping(self.regions.as_ptr(), regions, self.region_count);
            slice::from_raw_parts_mut(regions, self.region_count)
        };
        let info = self.boot_info(regions.into());
        // SAFETY: as above.
        unsafe { boot_info.write(info) };
        boot_info
    }

    fn boot_info(&self, regions: MemoryRegions) -> BootInfo {
        let mut info = BootInfo::new(regions);
        info.physical_memory_offset = self.physical_memory.into();
        info.recursive_index = self.recursive_index.into();
        info.rsdp_addr = self.rsdp.into();
        info.tls_template = self.tls.into();
        info.ramdisk_addr = self.ramdisk.map_or(Optional::None, |(address, _)| Optional::Some(address));
        info.ramdisk_len = self.ramdisk.map_or(0, |(_, size)| size);
        (info.kernel_addr, info.kernel_len) = self.kernel_file;
        info.kernel_image_offset = self.bias;
        info.kernel_stack_bottom = self.stack.start;
        info.kernel_stack_len = self.stack.end - self.stack.start;
        info
    }
}
