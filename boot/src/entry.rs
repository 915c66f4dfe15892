//! From the first instruction in 32-bit mode to [`crate::loader_main`] in 64-bit mode.
//! Sources: Xen's docs/misc/pvh.pandoc; Intel SDM volume 3A, 11.8.5 (entering IA-32e mode).
#![expect(unsafe_code, reason = "the entry is asm")]

use core::arch::global_asm;

use switchlab_records::ExitCode;
use x86_64::registers::{
    control::{Cr0Flags, Cr4Flags},
    model_specific::EferFlags,
};

use crate::exit::COM1;

/// CPUID 0x8000_0001, EDX: execute-disable (bit 20) and long mode (bit 29).
const NEEDED_CPU_FEATURES: u32 = 1 << 20 | 1 << 29;

/// Type of the ELF note that says where a PVH boot enters (Xen's public/elfnote.h).
const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;

/// Size of the loader's stack in bytes: five times what it uses.
const STACK_SIZE: usize = 256 * 1024;

/// Entry of a page table: present, writable.
const TABLE_ENTRY: u32 = 0b11;

/// Entry of a page directory: present, writable, a page of 2 MiB.
const LARGE_PAGE_ENTRY: u32 = 0b1000_0011;

/// The UART's line status register, and what it says.
const LINE_STATUS: u16 = COM1 + 5;
const MAY_SEND: u8 = 1 << 5;
const ALL_SENT: u8 = 1 << 6;

/// The extended feature enable register (Intel SDM volume 4, table 2-2).
const IA32_EFER: u32 = 0xc000_0080;

// What the machine guarantees at `pvh_entry`: 32-bit protected mode, paging off, all segments flat,
// interrupts off, A20 on, ebx = physical address of hvm_start_info. There is no stack.
//
// The memory that is built here:
//
//   level 4          level 3             level 2 (4 tables)
//   ┌────────┐       ┌──────────┐        ┌────────────────┐
//   │ 0      │──────►│ 0 … 3    │───────►│ 2 MiB pages    │   0 … 4 GiB, each at its own address
//   └────────┘       └──────────┘        └────────────────┘
global_asm!(
    r#"
    .section .note.pvh, "a", @note
    .balign 4
    .long 2f - 1f               # size of the name
    .long 4f - 3f               # size of the value
    .long {note_type}
1:  .asciz "Xen"
2:  .balign 4
3:  .quad pvh_entry             # QEMU reads 64 bits of a 64-bit ELF file
4:

    .section .text.entry, "ax"
    .code32
    .global pvh_entry
pvh_entry:
    cli
    cld
    mov ebp, ebx                # rep stos and cpuid leave ebp alone

zero_bss:                       # a PVH boot does it too; but a module may have been put over it
    xor eax, eax
    mov edi, offset loader_bss_start
    mov ecx, offset loader_bss_end
    sub ecx, edi
    shr ecx, 2
    rep stosd
    mov esp, offset loader_stack_end

check_cpu:                      # without these, the steps below would end in a silent reset
    mov eax, 0x80000000
    cpuid
    cmp eax, 0x80000001
    jb refuse_cpu
    mov eax, 0x80000001
    cpuid
    and edx, {needed_cpu_features}
    cmp edx, {needed_cpu_features}
    jne refuse_cpu

fill_level_2:                   # 2048 entries; the carry is set when 4 GiB are reached
    mov edi, offset loader_level_2
    mov eax, {large_page_entry}
5:  mov [edi], eax
    add edi, 8
    add eax, 0x200000
    jnc 5b

fill_level_3:
    mov edi, offset loader_level_3
    mov eax, offset loader_level_2
    or eax, {table_entry}
    mov ecx, 4
6:  mov [edi], eax
    add edi, 8
    add eax, 0x1000
    loop 6b

fill_level_4:
    mov eax, offset loader_level_3
    or eax, {table_entry}
    mov [loader_level_4], eax

enable_long_mode:               # in this order: PAE, CR3, EFER.LME, CR0.PG
    mov eax, {cr4}
    mov cr4, eax
    mov eax, offset loader_level_4
    mov cr3, eax
    mov ecx, {efer_msr}
    rdmsr
    or eax, {efer}
    wrmsr
    mov eax, cr0
    or eax, {cr0}
    mov cr0, eax

enter_64_bit_code:              # still in 32-bit code, until cs says otherwise
    lgdt [loader_gdt_pointer]
    push 0x08
    mov eax, offset start_64_bit
    push eax
    retf

refuse_cpu:                     # ends like every refusal, with the means of 32-bit mode
    mov esi, offset refuse_cpu_text
7:  mov dx, {line_status}
8:  in al, dx
    test al, {may_send}
    jz 8b
    lodsb
    test al, al
    jz 9f
    mov dx, {com1}
    out dx, al
    jmp 7b
9:  in al, dx                   # dx is the line status: wait until the last bit has left
    test al, {all_sent}
    jz 9b
    mov al, {exit_code}
    mov dx, {exit_port}
    out dx, al
10: hlt
    jmp 10b

    .code64
start_64_bit:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov edi, ebp                # clears the upper half
    xor ebp, ebp                # ends the chain of frames for a debugger
    mov rsp, offset loader_stack_end
    call {loader_main}
    ud2

    .section .rodata.entry, "a"
refuse_cpu_text:
    .asciz "boot: cannot start the kernel: the CPU lacks long mode or execute-disable; an x86-64 CPU with both is allowed\n"
    .balign 8
loader_gdt:                     # until exceptions.rs loads one with a TSS; the selectors are the same
    .quad 0
    .quad 0x00af9b000000ffff    # 0x08: 64-bit code
    .quad 0x00cf93000000ffff    # 0x10: data
loader_gdt_pointer:
    .word loader_gdt_pointer - loader_gdt - 1
    .long loader_gdt

    .section .bss.entry, "aw", @nobits
    .balign 4096
loader_level_4: .skip 4096
loader_level_3: .skip 4096
loader_level_2: .skip 4 * 4096
loader_stack:   .skip {stack_size}
loader_stack_end:
    .text
    "#,
    note_type = const XEN_ELFNOTE_PHYS32_ENTRY,
    needed_cpu_features = const NEEDED_CPU_FEATURES,
    large_page_entry = const LARGE_PAGE_ENTRY,
    table_entry = const TABLE_ENTRY,
    cr4 = const Cr4Flags::PHYSICAL_ADDRESS_EXTENSION.bits() as u32,
    efer_msr = const IA32_EFER,
    efer = const EferFlags::LONG_MODE_ENABLE.union(EferFlags::NO_EXECUTE_ENABLE).bits() as u32,
    cr0 = const Cr0Flags::PAGING.union(Cr0Flags::WRITE_PROTECT).union(Cr0Flags::NUMERIC_ERROR).bits() as u32,
    line_status = const LINE_STATUS,
    com1 = const COM1,
    may_send = const MAY_SEND,
    all_sent = const ALL_SENT,
    exit_code = const ExitCode::Loader as u8,
    exit_port = const ExitCode::PORT,
    stack_size = const STACK_SIZE,
    loader_main = sym crate::loader_main,
);
