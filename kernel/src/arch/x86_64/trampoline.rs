//! From real mode to Rust: what an AP executes first (Intel SDM vol. 3, 9.4.4 and 10.8.5).
//!
//! The code is copied to a page below 1 MiB, where a start-up IPI can reach it. It is entered in
//! real mode with CS = page address / 16 and IP = 0, so it addresses its own page by offsets. It
//! goes from real mode to 64-bit mode in one step: paging and protection are turned on together. Then it takes
//! its stack, if one is offered to it: see [`switchlab_sync::start_up`].
//!
//! ```text
//!   page + 0        code
//!   page + DATA     Parameters, the same for all APs
//! ```

use core::{arch::global_asm, mem::offset_of, ptr, slice};

use switchlab_sync::StartUp;
use x86_64::registers::{
    control::{Cr0, Cr3, Cr4},
    model_specific::{Efer, EferFlags},
};

/// Where the parameters stand in the page.
const DATA: usize = 0x800;

/// What the BSP tells the APs.
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
    /// Address of the `StartUp` that an AP takes its stack and its argument from.
    start_up: u64,
    /// Where it goes on, with that as its only argument.
    entry: u64,
}

/// Descriptor of a 64-bit code segment: present, code, long. Accessed already: a processor that loads it
/// would set that bit, and the page is mapped read-only by then.
const CODE_64: u64 = 0x0020_9b00_0000_0000;
/// Selector of [`CODE_64`].
const CODE_SELECTOR: u16 = 8;

/// CPUID leaves that tell a CPU's hardware id (Intel SDM vol. 2, CPUID): in x2APIC mode's width, where there is that
/// leaf, and in xAPIC mode's.
const X2APIC_LEAF: u32 = 0xb;
const ID_LEAF: u32 = 1;

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
    "    lea r8, [rip + ap_trampoline_start]",      // the page, wherever it was copied to
    "    mov r9, [r8 + {data} + {start_up}]",
    "    xor eax, eax",                             // who is this? The highest leaf first
    "    cpuid",
    "    cmp eax, {x2apic_leaf}",
    "    jb 2f",
    "    mov eax, {x2apic_leaf}",                   // EDX: all 32 bits of the id
    "    xor ecx, ecx",
    "    cpuid",
    "    test ebx, ebx",                            // 0: the leaf says nothing
    "    jnz 3f",
    "2:",
    "    mov eax, {id_leaf}",                       // EBX 31:24: its low eight
    "    cpuid",
    "    shr ebx, 24",
    "    mov edx, ebx",
    "3:",
    "    mov rax, {offered}",                       // `StartUp::take`: if (offered, this) is there,
    "    or rax, rdx",
    "    mov rcx, {taken}",                         // it is (taken, this) from here on,
    "    or rcx, rdx",
    "    lock cmpxchg [r9 + {word}], rcx",
    "    jne 4f",
    "    mov rsp, [r9 + {stack_top}]",              // and what stands there is its own
    "    mov rdi, [r9 + {argument}]",
    "    xor ebp, ebp",
    "    call [r8 + {data} + {entry}]",             // never returns
    "    ud2",
    "4:",                                           // too late: nobody waits for it any more
    "    lock inc qword ptr [r9 + {late}]",
    "5:",
    "    hlt",
    "    jmp 5b",
    "ap_trampoline_end:",
    ".popsection",
    data = const DATA,
    gdt_limit = const offset_of!(Parameters, gdt_limit),
    long_mode = const offset_of!(Parameters, long_mode),
    efer = const offset_of!(Parameters, efer),
    cr0 = const offset_of!(Parameters, cr0),
    cr3 = const offset_of!(Parameters, cr3),
    cr4 = const offset_of!(Parameters, cr4),
    start_up = const offset_of!(Parameters, start_up),
    entry = const offset_of!(Parameters, entry),
    x2apic_leaf = const X2APIC_LEAF,
    id_leaf = const ID_LEAF,
    offered = const StartUp::OFFERED,
    taken = const StartUp::TAKEN,
    word = const StartUp::WORD,
    stack_top = const StartUp::STACK_TOP,
    argument = const StartUp::ARGUMENT,
    late = const StartUp::LATE,
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
            start_up: 0,
            entry: 0,
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

    /// Tells the APs what to take their stacks from, and where they go on. No AP is on its way.
    pub(super) fn set(&mut self, start_up: &'static StartUp, entry: extern "C" fn(usize) -> !) {
        let parameters = self.page.wrapping_add(DATA).cast::<Parameters>();
        // SAFETY: `install`'s caller owes the page; no AP reads it now. Volatile, since the reader
        // is another CPU; the ICR write that starts it comes later in program order.
        unsafe {
            ptr::write_volatile(
                &raw mut (*parameters).start_up,
                ptr::from_ref(start_up).expose_provenance() as u64,
            );
            ptr::write_volatile(&raw mut (*parameters).entry, entry as usize as u64);
        }
    }
}

fn halves(value: u32) -> [u16; 2] {
    [value as u16, (value >> 16) as u16]
}
