//! Two guests fill all their registers with patterns, general and XMM, and flags, and exit, in turn; each finds them
//! again. So does the host its own: GS is checked by all that goes on, XMM and MXCSR here.
#![no_std]
#![no_main]

use core::arch::asm;

use case::{check, count};
use switchlab_kernel::{
    bring_up::Lab,
    guest_image,
    vm::{Exit, Fpu, Host, Image, Paging, Vcpu},
};
use x86_64::registers::control::{Cr4, Cr4Flags};

case::case!("vm_state", vm_state);

/// Exits of both guests together, with each kind of paging.
const EXITS: u64 = 100_000;

guest_image!(
    /// Gets a seed in RDI. Fills RAX to R15 with what follows it, and halts; each must be there again. RSP too. What
    /// differs is a wrong number. Then the next seed.
    fn general, "state_general".."state_general_end", [
        "20: mov [0x6000], rdi",
        "    mov eax, 16",              // a segment register of its own: its GS is not the host's
        "    mov gs, ax",
        "2:  mov rax, [0x6000]",
        "    lea rbx, [rax + 1]",
        "    lea rcx, [rax + 2]",
        "    lea rdx, [rax + 3]",
        "    lea rsi, [rax + 4]",
        "    lea rdi, [rax + 5]",
        "    lea rbp, [rax + 6]",
        "    lea rsp, [rax + 7]",
        "    lea r8,  [rax + 8]",
        "    lea r9,  [rax + 9]",
        "    lea r10, [rax + 10]",
        "    lea r11, [rax + 11]",
        "    lea r12, [rax + 12]",
        "    lea r13, [rax + 13]",
        "    lea r14, [rax + 14]",
        "    lea r15, [rax + 15]",
        "    stc",
        "    std",
        "    hlt",
        "    jnc 30f",
        "    cld",
        "    cmp rax, [0x6000]",
        "    jne 30f",
        ".irp register, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15",
        "    inc rax",
        "    cmp \\register, rax",
        "    jne 30f",
        ".endr",
        "    add qword ptr [0x6000], 0x3e3779b9",
        "    jmp 2b",
        "30: mov rsi, rax",
        "    mov rdi, [0x6000]",
        "    mov eax, 2",
        "    vmmcall",
    ]
);

guest_image!(
    /// The same with XMM0 to XMM15, both halves, MXCSR and an x87 register.
    fn vectors, "state_vectors".."state_vectors_end", [
        "20: mov [0x6000], rdi",
        "    mov dword ptr [0x6008], 0x1f80",
        "    and edi, 0x6000",          // how to round: two bits of the seed
        "    or  [0x6008], edi",
        "    ldmxcsr [0x6008]",
        "2:  mov rax, [0x6000]",
        "    fild qword ptr [0x6000]",
        ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "    movq xmm\\number, rax",
        "    inc rax",
        "    movq xmm\\number, rax",
        "    punpcklqdq xmm\\number, xmm\\number",
        ".endr",
        "    hlt",
        "    mov rax, [0x6000]",
        ".irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
        "    inc rax",
        "    movq rcx, xmm\\number",
        "    cmp rcx, rax",
        "    jne 30f",
        "    psrldq xmm\\number, 8",
        "    movq rcx, xmm\\number",
        "    cmp rcx, rax",
        "    jne 30f",
        ".endr",
        "    stmxcsr [0x600c]",
        "    mov ecx, [0x600c]",
        "    cmp ecx, [0x6008]",
        "    jne 30f",
        "    fistp qword ptr [0x6010]",
        "    mov rcx, [0x6010]",
        "    cmp rcx, [0x6000]",
        "    jne 30f",
        "    add qword ptr [0x6000], 0x3e3779b9",
        "    jmp 2b",
        "30: mov rsi, rax",
        "    mov rdi, [0x6000]",
        "    mov eax, 2",
        "    vmmcall",
    ]
);

/// Two seeds, with both values of the rounding bits, and small enough for an x87 register to hold as it is.
const SEEDS: [u64; 2] = [0x0012_3456_789a_2000, 0x000f_edcb_a987_4000];
const HOST_XMM: u64 = 0x1122_3344_5566_7788;
const HOST_MXCSR: u32 = 0x1f80 | 0x2000;

fn vm_state(_: &Lab) {
    let mut exits = 0;
    for paging in [Paging::Nested, Paging::Shadow] {
        exits += take_turns(general, paging, Fpu::Absent);
    }
    let before = enable_sse();
    write_host();
    exits += take_turns(vectors, Paging::Nested, Fpu::Eager);
    check!(read_host() == (HOST_XMM, HOST_MXCSR), "the host's XMM15 and MXCSR are {:x?}", read_host());
    check!(Cr4::read() == before, "the host's CR4 is {:?}", Cr4::read());
    count("exits", exits);
}

fn take_turns(image: fn() -> Image, paging: Paging, fpu: Fpu) -> u64 {
    let mut host = Host::begin().unwrap_or_else(|why| panic!("{why}"));
    if fpu == Fpu::Eager {
        host.allow_fpu();
    }
    let mut guests = SEEDS.map(|seed| {
        let guest = Vcpu::new_with(&host, &image(), paging, fpu);
        let mut guest = guest.unwrap_or_else(|why| panic!("{why}"));
        guest.deliver(seed);
        guest
    });
    for turn in 0..EXITS {
        let exit = guests[(turn % 2) as usize].enter(&mut host);
        if exit != Exit::Halted {
            case::failure!("turn {turn}, {paging:?}, FPU {fpu:?}: {exit:x?}");
            return turn;
        }
    }
    EXITS
}

fn enable_sse() -> Cr4Flags {
    // SAFETY: makes SSE legal here; the kernel does not use it.
    unsafe { Cr4::update(|flags| *flags |= Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE) };
    Cr4::read()
}

fn write_host() {
    // SAFETY: nobody else uses these registers.
    unsafe {
        asm!("movq xmm15, {}", "ldmxcsr [{}]", in(reg) HOST_XMM, in(reg) &raw const HOST_MXCSR_PLACE);
    }
}

static HOST_MXCSR_PLACE: u32 = HOST_MXCSR;

fn read_host() -> (u64, u32) {
    let (xmm, mut mxcsr) = (0_u64, 0_u32);
    let mut low = xmm;
    // SAFETY: stores to locals.
    unsafe { asm!("movq {}, xmm15", "stmxcsr [{}]", inout(reg) low, in(reg) &raw mut mxcsr) };
    (low, mxcsr)
}
