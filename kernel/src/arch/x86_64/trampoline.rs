//! From real mode to Rust: what an AP executes first (Intel SDM vol. 3, 9.4.4 and 10.8.5).
//!
//! The code is copied to a page below 1 MiB, where a start-up IPI can reach it. It is entered in
//! real mode with CS = page address / 16 and IP = 0, so it addresses its own page by offsets. It
//! goes from real mode to 64-bit mode in one step: paging and protection are turned on together.
//!
//! ```text
//!   page + 0        code
//!   page + DATA     Parameters, which the BSP fills in for each AP
//! ```

use core::{arch::global_asm, mem::offset_of, ptr, slice};

use x86_64::registers::{
    control::{Cr0, Cr3, Cr4},
    model_specific::{Efer, EferFlags},
};

/// Where the parameters stand in the page.
const DATA: usize = 0x800;

/// What the BSP tells an AP.
#[repr(C)]
struct Parameters {
    /// Null, and 64-bit code.
    gdt: [u64; 2],
    /// For LGDT: limit and 32-bit base.
    gdt_limit: u16,
    gdt_base: [u16; 2],
    /// Far pointer to the 64-bit part: 32-bit offset, selector.
    long_mode: [u16; 3],
    /// The BSP's, LMA cleared.
    efer: u32,
    cr0: u32,
    cr3: u32,
    cr4: u32,
    /// Top of the AP's stack.
    stack_top: u64,
    /// Where it goes on, with `argument` as its only argument.
    entry: u64,
    argument: u64,
}

/// Descriptor of a 64-bit code segment: present, code, long. Accessed already: a processor that loads it
/// would set that bit, and the page is mapped read-only by then.
const CODE_64: u64 = 0x0020_9b00_0000_0000;
/// Selector of [`CODE_64`].
const CODE_SELECTOR: u16 = 8;

global_asm!(
    ".pushsection .rodata.ap_trampoline, \"a\"",
    ".balign 16",
    "ap_trampoline_start:",
    ".code16",
    "    cli",
    "    cld",
    "    mov ax, cs",                               // data is where the code is
    "    mov ds, ax",
    "    .byte 0x66, 0x0f, 0x01, 0x16",             // lgdtd [gdt_limit]: all 32 bits of the base
    "    .word {data} + {gdt_limit}",
    "    mov eax, dword ptr ds:[{data} + {cr4}]",   // PAE, as 64-bit paging wants
    "    mov cr4, eax",
    "    mov eax, dword ptr ds:[{data} + {cr3}]",   // the kernel's tables, which map this page 1:1
    "    mov cr3, eax",
    "    mov ecx, 0xc0000080",                      // EFER: long mode, no-execute
    "    mov eax, dword ptr ds:[{data} + {efer}]",
    "    xor edx, edx",
    "    wrmsr",
    "    mov eax, dword ptr ds:[{data} + {cr0}]",   // paging and protection at once: now long mode
    "    mov cr0, eax",
    "    .byte 0x66, 0xff, 0x2e",                   // jmp far [long_mode]: into the 64-bit segment
    "    .word {data} + {long_mode}",
    ".code64",
    "ap_trampoline_long_mode:",
    "    xor eax, eax",
    "    mov ds, eax",
    "    mov es, eax",
    "    mov ss, eax",
    "    lea rbx, [rip + ap_trampoline_start]",     // the page, wherever it was copied to
    "    mov rsp, [rbx + {data} + {stack_top}]",
    "    mov rdi, [rbx + {data} + {argument}]",
    "    xor ebp, ebp",
    "    call [rbx + {data} + {entry}]",            // never returns
    "    ud2",
    "ap_trampoline_end:",
    ".popsection",
    data = const DATA,
    gdt_limit = const offset_of!(Parameters, gdt_limit),
    long_mode = const offset_of!(Parameters, long_mode),
    efer = const offset_of!(Parameters, efer),
    cr0 = const offset_of!(Parameters, cr0),
    cr3 = const offset_of!(Parameters, cr3),
    cr4 = const offset_of!(Parameters, cr4),
    stack_top = const offset_of!(Parameters, stack_top),
    entry = const offset_of!(Parameters, entry),
    argument = const offset_of!(Parameters, argument),
);

unsafe extern "C" {
    static ap_trampoline_start: u8;
    static ap_trampoline_long_mode: u8;
    static ap_trampoline_end: u8;
}

// LGDT and the far jump read base and selector right behind limit and offset.
const _: () = assert!(offset_of!(Parameters, gdt_base) == offset_of!(Parameters, gdt_limit) + 2);

/// The trampoline in its page.
#[derive(Debug)]
pub struct Trampoline {
    physical: u64,
    page: *mut u8,
}

impl Trampoline {
    /// Copies the code to a page.
    ///
    /// # Safety
    ///
    /// The page at physical address `physical`, below 1 MiB, is free, can be written through `page`,
    /// and the kernel's page tables map it 1:1 and executable until the last AP has started.
    ///
    /// # Panics
    ///
    /// If the page tables' root is not below 4 GiB, where real-mode code can reach it.
    pub unsafe fn install(physical: u64, page: *mut u8) -> Self {
        let base = u32::try_from(physical).expect("a page below 1 MiB");
        let start = (&raw const ap_trampoline_start).addr();
        let length = (&raw const ap_trampoline_end).addr() - start;
        assert!(length <= DATA, "the trampoline overlaps its parameters");
        let long_mode = base + ((&raw const ap_trampoline_long_mode).addr() - start) as u32;
        let gdt = base + (DATA + offset_of!(Parameters, gdt)) as u32;
        let root = Cr3::read().0.start_address().as_u64();
        let parameters = Parameters {
            gdt: [0, CODE_64],
            gdt_limit: (size_of::<[u64; 2]>() - 1) as u16,
            gdt_base: halves(gdt),
            long_mode: [halves(long_mode)[0], halves(long_mode)[1], CODE_SELECTOR],
            efer: (Efer::read() - EferFlags::LONG_MODE_ACTIVE).bits() as u32,
            cr0: Cr0::read_raw() as u32,
            cr3: u32::try_from(root).expect("the page tables' root is below 4 GiB"),
            cr4: Cr4::read_raw() as u32,
            stack_top: 0,
            entry: 0,
            argument: 0,
        };
        // SAFETY: the linker's symbols enclose the code; the caller owes the page.
        unsafe {
            page.copy_from_nonoverlapping(
                slice::from_raw_parts(&raw const ap_trampoline_start, length).as_ptr(),
                length,
            );
            page.add(DATA).cast::<Parameters>().write(parameters);
        }
        Self { physical, page }
    }

    /// Physical address of the page.
    pub fn physical(&self) -> u64 {
        self.physical
    }

    /// Tells the next AP its stack and where it goes on. No other AP is on its way.
    pub(super) fn set(&mut self, stack_top: u64, entry: extern "C" fn(usize) -> !, argument: usize) {
        let parameters = self.page.wrapping_add(DATA).cast::<Parameters>();
        // SAFETY: `install`'s caller owes the page; no AP reads it now. Volatile, since the reader
        // is another CPU; the ICR write that starts it comes later in program order.
        unsafe {
            ptr::write_volatile(&raw mut (*parameters).stack_top, stack_top);
            ptr::write_volatile(&raw mut (*parameters).entry, entry as usize as u64);
            ptr::write_volatile(&raw mut (*parameters).argument, argument as u64);
        }
    }
}

fn halves(value: u32) -> [u16; 2] {
    [value as u16, (value >> 16) as u16]
}
