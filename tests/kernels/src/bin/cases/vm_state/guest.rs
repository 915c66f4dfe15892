//! The guest: a program that fills all that a processor keeps with patterns and looks for them, what its VMM gives it,
//! and what an exit leaves of it.

use core::ptr;

use switchlab_core::svm::Stop;
use switchlab_kernel::{
    arch::svm::{Save, Segment},
    guest_image,
    mm::{PAGE_BYTES, PHYSICAL_MEMORY},
    vm::{Exit, SystemRegisters, Vcpu, memory},
};

use alloc::{format, string::String};

use super::Word;

/// CF, PF, AF, ZF, SF, IF, DF, OF, AC, ID; and bit 1, which is always set.
const ALL_FLAGS: u32 = 0x24_0ed7;
const AC: u32 = 1 << 18;
const ID: u32 = 1 << 21;
/// TF, IF and DF.
const MASKED: u64 = 0x700;

/// Places in a guest's data page.
const DATA: u64 = 0x6000;
const ROUNDS: u64 = DATA + 0x30;
const BY_KERNEL_GS: u64 = DATA + 0x380;

/// A guest's first selector of its own, and how far those of the other are from it.
const SELECTORS: u64 = 0x20;
const STRIDE: u64 = 0x50;
/// Behind the first: that of code, by SYSCALL.
const SYSTEM_CODE: u64 = 0x40;
/// What lies between the addresses to which SYSCALL leads the one and the other.
const LANDING: u64 = 16;
/// What the VMM adds to the first seed for the base that SWAPGS takes.
const BASE_OFFSET: u64 = 0x10;

guest_image!(
    /// Gets a seed in RDI: bit 0 is the guest's number, bit 1 says that it never halts, bits 13 and 14 how to round. It
    /// makes tables of its own, with other selectors, bases and limits than the other's; halts once; then it fills
    /// registers, waits, and looks, for ever. What differs is a wrong number: the one that was due says what it is, as
    /// [`WHAT`] has it.
    pub fn holding, "state_holding".."state_holding_end", [
        "20: mov [{first}], rdi",
        "    mov [{seed}], rdi",
        "    mov ebx, edi",
        "    and ebx, 1",
        "    mov [{number}], rbx",
        "    mov ecx, ebx",                     // all flags, or none
        "    neg ecx",
        "    and ecx, {all_flags}",
        "    or  ecx, 2",
        "    mov [{flags}], rcx",
        "    lea rax, [rip + 40f]",             // how to wait
        "    lea rcx, [rip + 41f]",
        "    test edi, 2",
        "    cmovnz rax, rcx",
        "    mov [{wait}], rax",
        "    imul r8d, ebx, {stride}",          // selectors, and where their descriptors are
        "    add r8d, {selectors}",
        "    mov [{selector}], r8",
        "    mov r9d, ebx",
        "    shl r9d, 8",
        "    add r9d, {gdt}",
        "    lea r10, [r9 + r8]",
        "    mov rax, 0x00cf93000000ffff",      // DS and ES: flat data
        "    mov [r10], rax",
        "    mov [r10 + 8], rax",
        "    mov ecx, ebx",
        "    shl ecx, 5",
        "    lea edx, [rcx + {by_fs}]",         // FS, with a base
        "    mov [rdx], rdi",
        "    not qword ptr [rdx]",
        "    shl rdx, 16",
        "    or  rdx, rax",
        "    mov [r10 + 16], rdx",
        "    lea edx, [rcx + {by_gs}]",         // GS likewise
        "    mov [rdx], rdi",
        "    inc qword ptr [rdx]",
        "    shl rdx, 16",
        "    or  rdx, rax",
        "    mov [r10 + 24], rdx",
        "    lea edx, [rcx + {ldt}]",           // an LDT with one segment, whose limit tells whose it is
        "    mov rax, 0x0040930000000100",
        "    or  rax, rbx",
        "    mov [rdx], rax",
        "    shl rdx, 16",
        "    mov rax, 0x000082000000000f",
        "    or  rdx, rax",
        "    mov [r10 + 32], rdx",
        "    mov edx, ebx",                     // a TSS
        "    shl edx, 7",
        "    add edx, {tss}",
        "    shl rdx, 16",
        "    mov rax, 0x0000890000000067",
        "    or  rdx, rax",
        "    mov [r10 + 48], rdx",
        "    imul eax, ebx, -16",
        "    add eax, 0xff",
        "    mov [{table}], ax",
        "    mov [{table} + 2], r9",
        "    lgdt [{table}]",
        "    mov edx, ebx",                     // an IDT without gates
        "    shl edx, 8",
        "    add edx, {idt}",
        "    mov [{table} + 2], rdx",
        "    lidt [{table}]",
        "    mov ds, r8d",
        "    lea eax, [r8 + 8]",
        "    mov es, eax",
        "    lea eax, [r8 + 16]",
        "    mov fs, eax",
        "    lea eax, [r8 + 24]",
        "    mov gs, eax",
        "    lea eax, [r8 + 32]",
        "    lldt ax",
        "    lea eax, [r8 + 48]",
        "    ltr ax",
        "    swapgs",                           // the base of GS is the VMM's now, of all 64 bits
        "    lea rax, [rdi + 2]",
        "    mov [{by_kernel_gs}], rax",
        "    mov cr2, rdi",
        "    mov rax, cr0",                     // without EM there is an FPU
        "    shr eax, 2",
        "    and eax, 1",
        "    xor eax, 1",
        "    mov [{has_fpu}], rax",
        "    jz 3f",
        "    fninit",
        "    mov ecx, edi",
        "    and ecx, 0x6000",
        "    mov eax, ecx",
        "    or  ecx, 0x1f80",
        "    mov [{mxcsr}], rcx",
        "    ldmxcsr [{mxcsr}]",
        "    shr eax, 3",
        "    or  eax, 0x37f",
        "    mov [{control}], rax",
        "    fldcw [{control}]",
        "3:  lea rbp, [rip + 4f]",              // CS and SS too are its own behind the first
        "    jmp 50f",
        "4:  hlt",

        "2:  cmp qword ptr [{has_fpu}], 0",     // a round: fill
        "    je 3f",
        "    mov rax, [{seed}]",
        ".rept 8",
        "    inc rax",
        "    mov [{scratch}], rax",
        "    fild qword ptr [{scratch}]",
        ".endr",
        "    mov rax, [{seed}]",
        ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "    inc rax",
        "    mov [{scratch}], rax",
        "    inc rax",
        "    mov [{scratch} + 8], rax",
        "    movaps xmm\\number, [{scratch}]",
        ".endr",
        "3:  mov esp, {stack}",
        "    push [{flags}]",
        "    popfq",
        "    mov rax, [{seed}]",
        "    lea rbx, [rax + 2]",
        "    lea rcx, [rax + 3]",
        "    lea rdx, [rax + 4]",
        "    lea rsi, [rax + 5]",
        "    lea rdi, [rax + 6]",
        "    lea rbp, [rax + 7]",
        "    lea r8,  [rax + 8]",
        "    lea r9,  [rax + 9]",
        "    lea r10, [rax + 10]",
        "    lea r11, [rax + 11]",
        "    lea r12, [rax + 12]",
        "    lea r13, [rax + 13]",
        "    lea r14, [rax + 14]",
        "    lea r15, [rax + 15]",
        "    lea rsp, [rax + 16]",
        "    lea rax, [rax + 1]",
        "    jmp [{wait}]",                     // wait, without touching one of them
        "40: hlt",
        "    jmp 42f",
        "41: .fill 1500, 1, 0x90",
        "42: mov [{found} + 0x00], rax",        // look: what is here changes no flags
        "    mov [{found} + 0x08], rbx",
        "    mov [{found} + 0x10], rcx",
        "    mov [{found} + 0x18], rdx",
        "    mov [{found} + 0x20], rsi",
        "    mov [{found} + 0x28], rdi",
        "    mov [{found} + 0x30], rbp",
        "    mov [{found} + 0x38], r8",
        "    mov [{found} + 0x40], r9",
        "    mov [{found} + 0x48], r10",
        "    mov [{found} + 0x50], r11",
        "    mov [{found} + 0x58], r12",
        "    mov [{found} + 0x60], r13",
        "    mov [{found} + 0x68], r14",
        "    mov [{found} + 0x70], r15",
        "    mov [{found} + 0x78], rsp",
        "    mov esp, {stack}",
        "    pushfq",
        "    pop rsi",
        "    cld",
        "    mov edi, 17",
        "    cmp rsi, [{flags}]",
        "    jne 9f",
        "    inc edi",                          // 18
        "    mov rsi, fs:[0]",
        "    not rsi",
        "    cmp rsi, [{first}]",
        "    jne 9f",
        "    inc edi",                          // 19: the base and this make an address, which wraps
        "    mov ecx, {by_kernel_gs} - {base_offset}",
        "    sub rcx, [{first}]",
        "    mov rsi, gs:[rcx]",
        "    sub rsi, 2",
        "    cmp rsi, [{first}]",
        "    jne 9f",
        "    inc edi",                          // 20
        "    swapgs",
        "    mov rsi, gs:[0]",
        "    swapgs",
        "    dec rsi",
        "    cmp rsi, [{first}]",
        "    jne 9f",
        "    mov r8, [{selector}]",
        "    mov r9, [{number}]",
        ".irp register, ds, es, fs, gs",        // 21 to 24
        "    inc edi",
        "    mov esi, \\register",
        "    cmp rsi, r8",
        "    jne 9f",
        "    add r8, 8",
        ".endr",
        "    inc edi",                          // 25
        "    sldt esi",
        "    cmp rsi, r8",
        "    jne 9f",
        "    inc edi",                          // 26
        "    str esi",
        "    add r8, 16",
        "    cmp rsi, r8",
        "    jne 9f",
        "    inc edi",                          // 27
        "    mov esi, cs",
        "    add r8, 16",
        "    cmp rsi, r8",
        "    jne 9f",
        "    inc edi",                          // 28
        "    mov esi, ss",
        "    add r8, 8",
        "    cmp rsi, r8",
        "    jne 9f",
        "    inc edi",                          // 29
        "    xor esi, esi",
        "    mov eax, 4",
        "    lsl esi, eax",
        "    lea rcx, [r9 + 0x100]",
        "    cmp rsi, rcx",
        "    jne 9f",
        "    mov r10d, r9d",
        "    shl r10d, 8",
        "    imul r11d, r9d, -16",
        "    add r11d, 0xff",
        ".irp register, gdt, idt",              // 30, 31
        "    inc edi",
        "    s\\register [{table}]",
        "    movzx esi, word ptr [{table}]",
        "    cmp rsi, r11",
        "    jne 9f",
        "    mov rsi, [{table} + 2]",
        "    .ifc \\register, gdt",
        "    lea rcx, [r10 + {gdt}]",
        "    .else",
        "    lea rcx, [r10 + {idt}]",
        "    .endif",
        "    cmp rsi, rcx",
        "    jne 9f",
        ".endr",
        "    inc edi",                          // 32
        "    mov rsi, cr2",
        "    cmp rsi, [{first}]",
        "    jne 9f",
        "    cmp qword ptr [{has_fpu}], 0",
        "    je 3f",
        "    inc edi",                          // 33
        "    stmxcsr [{scratch}]",
        "    mov esi, [{scratch}]",
        "    cmp esi, [{mxcsr}]",
        "    jne 9f",
        "    inc edi",                          // 34
        "    fnstcw [{scratch}]",
        "    movzx esi, word ptr [{scratch}]",
        "    cmp esi, [{control}]",
        "    jne 9f",
        "    inc edi",                          // 35
        "    mov rax, [{seed}]",
        ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "    movaps [{scratch}], xmm\\number",
        "    inc rax",
        "    mov rsi, [{scratch}]",
        "    cmp rsi, rax",
        "    jne 9f",
        "    inc rax",
        "    mov rsi, [{scratch} + 8]",
        "    cmp rsi, rax",
        "    jne 9f",
        ".endr",
        "    inc edi",                          // 36: the last is on top
        "    mov rax, [{seed}]",
        "    add rax, 8",
        ".rept 8",
        "    fistp qword ptr [{scratch}]",
        "    mov rsi, [{scratch}]",
        "    cmp rsi, rax",
        "    jne 9f",
        "    dec rax",
        ".endr",
        "3:  mov rax, [{seed}]",
        "    mov edi, 1",                       // 1 to 16
        "5:  mov rsi, [rdi * 8 + {found} - 8]",
        "    lea rcx, [rax + rdi]",
        "    cmp rsi, rcx",
        "    jne 9f",
        "    inc edi",
        "    cmp edi, 17",
        "    jne 5b",
        "    lea rbp, [rip + 6f]",
        "    jmp 50f",
        "6:  inc qword ptr [{rounds}]",
        "    mov eax, 0x3e3779b9",
        "    add [{seed}], rax",
        "    jmp 2b",

        "50: push {ac_and_id}",                 // SYSCALL, and on at RBP
        "    popfq",
        "    mov ebx, -1",
        "    syscall",
        "    ud2",
        "    .balign {landing}",
        "30: xor ebx, ebx",                     // where LSTAR says, of the one
        "    jmp 51f",
        "    .balign {landing}",
        "    mov ebx, 1",                       // and of the other
        "51: pushfq",
        "    pop rsi",
        "    push 2",
        "    popfq",
        "    mov edi, 37",
        "    and esi, {ac_and_id}",
        "    mov ecx, {id}",
        "    mov eax, {ac}",
        "    cmp qword ptr [{number}], 0",
        "    cmovne ecx, eax",
        "    cmp esi, ecx",
        "    jne 9f",
        "    inc edi",                          // 38
        "    mov rsi, rbx",
        "    cmp rsi, [{number}]",
        "    jne 9f",
        "    jmp rbp",

        "9:  mov eax, 2",
        "    vmmcall",
        "    ud2",
    ]
    first = const DATA,
    seed = const DATA + 0x08,
    number = const DATA + 0x10,
    flags = const DATA + 0x18,
    mxcsr = const DATA + 0x20,
    control = const DATA + 0x28,
    rounds = const ROUNDS,
    has_fpu = const DATA + 0x38,
    wait = const DATA + 0x40,
    selector = const DATA + 0x48,
    table = const DATA + 0x50,
    scratch = const DATA + 0x60,
    found = const DATA + 0x80,
    by_fs = const DATA + 0x200,
    by_gs = const DATA + 0x280,
    ldt = const DATA + 0x300,
    by_kernel_gs = const BY_KERNEL_GS,
    gdt = const DATA + 0x400,
    idt = const DATA + 0x600,
    tss = const DATA + 0x800,
    stack = const memory::STACK_TOP,
    selectors = const SELECTORS,
    stride = const STRIDE,
    landing = const LANDING,
    base_offset = const BASE_OFFSET,
    all_flags = const ALL_FLAGS,
    ac = const AC,
    id = const ID,
    ac_and_id = const AC | ID,
);

/// What a guest found to be another, by the number that it says was due.
const WHAT: [&str; 39] = [
    "nothing",
    "RAX",
    "RBX",
    "RCX",
    "RDX",
    "RSI",
    "RDI",
    "RBP",
    "R8",
    "R9",
    "R10",
    "R11",
    "R12",
    "R13",
    "R14",
    "R15",
    "RSP",
    "RFLAGS",
    "the base of FS",
    "the base of GS",
    "the base that SWAPGS takes",
    "DS",
    "ES",
    "FS",
    "GS",
    "LDTR",
    "TR",
    "CS",
    "SS",
    "what LDTR leads to",
    "GDTR",
    "IDTR",
    "CR2",
    "MXCSR",
    "the x87 control word",
    "an XMM register",
    "an x87 register",
    "what SFMASK leaves of the flags",
    "where LSTAR leads",
];

/// What a guest gets from its VMM.
pub fn given(seed: u64) -> SystemRegisters {
    let number = seed & 1;
    let code = SELECTORS + number * STRIDE + SYSTEM_CODE;
    SystemRegisters {
        kernel_gs_base: seed + BASE_OFFSET,
        star: (0x1230 + number) << 48 | code << 32 | (0x1234_5670 + number),
        lstar: holding().handler() + number * LANDING,
        cstar: seed + 0x20,
        sfmask: MASKED | u64::from(if number == 0 { AC } else { ID }),
        sysenter_cs: 0x5670 + number,
        sysenter_esp: seed + 0x30,
        sysenter_eip: seed + 0x40,
        // The second type is another than at reset: write-protected, or write-combining (APM vol. 2, 7.8.1).
        pat: if number == 0 { 0x0007_0406_0007_0506 } else { 0x0007_0406_0007_0106 },
    }
}

/// The same as an exit left it, once the guest has exchanged the bases of GS.
pub fn system_registers(save: &Save) -> SystemRegisters {
    SystemRegisters {
        kernel_gs_base: save.gs.base,
        star: save.star,
        lstar: save.lstar,
        cstar: save.cstar,
        sfmask: save.sfmask,
        sysenter_cs: save.sysenter_cs,
        sysenter_esp: save.sysenter_esp,
        sysenter_eip: save.sysenter_eip,
        pat: save.pat,
    }
}

/// What a guest that has begun does not change: as its exit left it, where the processor may have put what it had.
pub fn guest_words(save: &Save) -> [Word; 37] {
    let visible = |segment: Segment| {
        u64::from(segment.limit) << 32 | u64::from(segment.attributes) << 16 | u64::from(segment.selector)
    };
    // It exchanges them for a moment.
    let bases = [save.gs.base, save.kernel_gs_base];
    [
        ("ES", visible(save.es)),
        ("base of ES", save.es.base),
        ("CS", visible(save.cs)),
        ("base of CS", save.cs.base),
        ("SS", visible(save.ss)),
        ("base of SS", save.ss.base),
        ("DS", visible(save.ds)),
        ("base of DS", save.ds.base),
        ("FS", visible(save.fs)),
        ("base of FS", save.fs.base),
        ("GS", visible(save.gs)),
        ("lower base of GS", bases[0].min(bases[1])),
        ("higher base of GS", bases[0].max(bases[1])),
        ("GDTR", visible(save.gdtr)),
        ("base of GDTR", save.gdtr.base),
        ("LDTR", visible(save.ldtr)),
        ("base of LDTR", save.ldtr.base),
        ("IDTR", visible(save.idtr)),
        ("base of IDTR", save.idtr.base),
        ("TR", visible(save.tr)),
        ("base of TR", save.tr.base),
        ("CPL", save.cpl.into()),
        ("EFER", save.efer),
        ("CR0", save.cr0),
        ("CR2", save.cr2),
        ("CR3", save.cr3),
        ("CR4", save.cr4),
        ("DR6", save.dr6),
        ("DR7", save.dr7),
        ("STAR", save.star),
        ("LSTAR", save.lstar),
        ("CSTAR", save.cstar),
        ("SFMASK", save.sfmask),
        ("SYSENTER_CS", save.sysenter_cs),
        ("SYSENTER_ESP", save.sysenter_esp),
        ("SYSENTER_EIP", save.sysenter_eip),
        ("PAT", save.pat),
    ]
}

/// What a guest said by its exit.
pub fn said(exit: Exit) -> String {
    match exit {
        Exit::Stopped(Stop::WrongNumber { expected, found }) => {
            let what = WHAT.get(expected as usize).copied().unwrap_or("something");
            format!("it finds {found:#x} in {what}")
        }
        exit => format!("{exit:x?}"),
    }
}

/// How often a guest has looked at all its registers.
pub fn rounds(guest: &Vcpu) -> u64 {
    let page = guest.memory().physical()[(ROUNDS / PAGE_BYTES) as usize];
    let place = PHYSICAL_MEMORY + page + ROUNDS % PAGE_BYTES;
    // SAFETY: all physical memory is mapped there, and the guest does not run meanwhile.
    unsafe { ptr::with_exposed_provenance::<u64>(place as usize).read_volatile() }
}
