//! What `user_state`, `user_threads` and `container_state` share: a program that fills all that the processor keeps
//! for it with patterns and looks whether it is still there, until the timer has interrupted it often enough; and two
//! that run it at once.

use case::check;
use switchlab_kernel::{
    arch::xsave::State,
    program,
    user::{
        Ended, Handle, Quantum, Spec, Why,
        program::{DATA, DATA_BYTES},
    },
};

/// Interrupts that each has to take.
const TICKS: u64 = 100_000;
/// What the timer counts from one to the next: some rounds of the program, where a tick is an instruction.
const COUNTS: u32 = 20_000;

/// CF, PF, AF, ZF, SF, DF, OF, AC, ID; and IF and bit 1, which are set in ring 3.
const ALL_FLAGS: u64 = 0x24_0ed7;
/// IF and bit 1.
const NO_FLAGS: u64 = 0x202;

program! {
    /// rdi is where its words lie, rsi its seed, rdx the ticks, r8 the flags and what else there is. Exits with 0 and the
    /// rounds, or with what was lost, and what was found: the number of a register from 1 on, in the order below, 17
    /// for the flags, 18 and 19 for the bases of FS and GS, 20 for MXCSR, 21 for the x87 control word, 22 for a vector,
    /// 23 for the upper half of one and 24 for an x87 register.
    static KEEPS =
        // Its words, by FS.
        ".set SEED, 0",
        ".set TICKS, 8",
        ".set FLAGS_OF, 16",
        ".set ROUNDS, 24",
        ".set HAS, 32",                     // bit 0: vectors; bit 1: upper halves
        ".set STACK, 40",
        ".set MXCSR_OF, 48",
        ".set CONTROL, 56",
        ".set ITSELF, 64",
        ".set STATUS, 72",                  // its third word is the ticks
        ".set SCRATCH, 0xf0",
        ".set VECTORS, 0x100",
        ".set UPPERS, 0x200",
        ".set X87, 0x300",
        ".set FOUND, 0x340",
        ".set BY_GS, 0x400",
        "push rdi",
        "mov [rdi + STACK], rsp",
        "mov [rdi + ITSELF], rdi",
        "mov [rdi + SEED], rsi",
        "mov [rdi + TICKS], rdx",
        "mov qword ptr [rdi + ROUNDS], 0",
        "mov eax, r8d",
        "mov [rdi + FLAGS_OF], rax",
        "shr r8, 32",
        "mov [rdi + HAS], r8",
        "mov rax, rsi",
        "not rax",
        "mov [rdi + BY_GS], rax",
        "mov eax, esi",                     // rounding, by the seed: all exceptions are masked
        "and eax, 3",
        "mov ecx, eax",
        "shl ecx, 13",
        "or ecx, 0x1f80",
        "mov [rdi + MXCSR_OF], rcx",
        "shl eax, 10",
        "or eax, 0x37f",
        "mov [rdi + CONTROL], rax",
        "xor ecx, ecx",
        "2:",                               // other numbers in each word of the vectors, and for x87
        "imul rsi, rsi, 0x1234567",
        "add rsi, 0x89abcdf",
        "mov [rdi + rcx * 8 + VECTORS], rsi",
        "inc ecx",
        "cmp ecx, 72",
        "jne 2b",
        "lea rsi, [rdi + BY_GS]",
        "mov eax, SYS_SET_BASES",
        "syscall",
        "test byte ptr fs:[HAS], 1",
        "jz 2f",
        "ldmxcsr fs:[MXCSR_OF]",
        "fldcw fs:[CONTROL]",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "movdqa xmm\\i, fs:[VECTORS + 16 * \\i]",
        ".endr",
        "test byte ptr fs:[HAS], 2",
        "jz 2f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "vinsertf128 ymm\\i, ymm\\i, fs:[UPPERS + 16 * \\i], 1",
        ".endr",
        "2:",                               // a round: fill
        "test byte ptr fs:[HAS], 1",
        "jz 3f",
        ".irp i, 0,1,2,3,4,5,6,7",
        "fild qword ptr fs:[X87 + 8 * \\i]",
        ".endr",
        "3:",
        "mov rsp, fs:[STACK]",
        "push fs:[FLAGS_OF]",
        "popfq",
        "mov rax, fs:[SEED]",
        "lea rbx, [rax + 2]",
        "lea rcx, [rax + 3]",
        "lea rdx, [rax + 4]",
        "lea rsi, [rax + 5]",
        "lea rdi, [rax + 6]",
        "lea rbp, [rax + 7]",
        "lea r8, [rax + 8]",
        "lea r9, [rax + 9]",
        "lea r10, [rax + 10]",
        "lea r11, [rax + 11]",
        "lea r12, [rax + 12]",
        "lea r13, [rax + 13]",
        "lea r14, [rax + 14]",
        "lea r15, [rax + 15]",
        "lea rsp, [rax + 16]",
        "lea rax, [rax + 1]",
        ".fill 2000, 1, 0x90",              // wait, without touching one of them
        "mov fs:[FOUND + 0x00], rax",       // look: what is here changes no flags
        "mov fs:[FOUND + 0x08], rbx",
        "mov fs:[FOUND + 0x10], rcx",
        "mov fs:[FOUND + 0x18], rdx",
        "mov fs:[FOUND + 0x20], rsi",
        "mov fs:[FOUND + 0x28], rdi",
        "mov fs:[FOUND + 0x30], rbp",
        "mov fs:[FOUND + 0x38], r8",
        "mov fs:[FOUND + 0x40], r9",
        "mov fs:[FOUND + 0x48], r10",
        "mov fs:[FOUND + 0x50], r11",
        "mov fs:[FOUND + 0x58], r12",
        "mov fs:[FOUND + 0x60], r13",
        "mov fs:[FOUND + 0x68], r14",
        "mov fs:[FOUND + 0x70], r15",
        "mov fs:[FOUND + 0x78], rsp",
        "mov rsp, fs:[STACK]",
        "pushfq",
        "pop rsi",
        "cld",
        "mov edi, 17",
        "cmp rsi, fs:[FLAGS_OF]",
        "jne 5f",
        "mov edi, 18",                      // the stack is its own
        "mov rsi, fs:[ITSELF]",
        "cmp rsi, [rsp]",
        "jne 5f",
        "mov edi, 19",
        "mov rsi, gs:[0]",
        "not rsi",
        "cmp rsi, fs:[SEED]",
        "jne 5f",
        "test byte ptr fs:[HAS], 1",
        "jz 4f",
        "mov edi, 20",
        "stmxcsr fs:[SCRATCH]",
        "mov esi, fs:[SCRATCH]",
        "cmp esi, fs:[MXCSR_OF]",
        "jne 5f",
        "mov edi, 21",
        "fnstcw fs:[SCRATCH]",
        "movzx esi, word ptr fs:[SCRATCH]",
        "cmp esi, fs:[CONTROL]",
        "jne 5f",
        "mov edi, 22",                      // through memory: all sixteen are held
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "movdqa fs:[SCRATCH], xmm\\i",
        "mov rsi, fs:[SCRATCH]",
        "cmp rsi, fs:[VECTORS + 16 * \\i]",
        "jne 5f",
        "mov rsi, fs:[SCRATCH + 8]",
        "cmp rsi, fs:[VECTORS + 16 * \\i + 8]",
        "jne 5f",
        ".endr",
        "mov edi, 24",                      // the last is on top
        ".irp i, 7,6,5,4,3,2,1,0",
        "fistp qword ptr fs:[SCRATCH]",
        "mov rsi, fs:[SCRATCH]",
        "cmp rsi, fs:[X87 + 8 * \\i]",
        "jne 5f",
        ".endr",
        "test byte ptr fs:[HAS], 2",
        "jz 4f",
        "mov edi, 23",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "vextractf128 fs:[SCRATCH], ymm\\i, 1",
        "mov rsi, fs:[SCRATCH]",
        "cmp rsi, fs:[UPPERS + 16 * \\i]",
        "jne 5f",
        "mov rsi, fs:[SCRATCH + 8]",
        "cmp rsi, fs:[UPPERS + 16 * \\i + 8]",
        "jne 5f",
        ".endr",
        "4:",
        "mov rax, fs:[SEED]",
        "mov edi, 1",
        "3:",
        "mov rsi, fs:[rdi * 8 + FOUND - 8]",
        "lea rcx, [rax + rdi]",
        "cmp rsi, rcx",
        "jne 5f",
        "inc edi",
        "cmp edi, 17",
        "jne 3b",
        "inc qword ptr fs:[ROUNDS]",
        "mov rdi, fs:[ITSELF]",             // enough?
        "add rdi, STATUS",
        "mov eax, SYS_STATUS",
        "syscall",
        "mov rax, fs:[STATUS + 16]",
        "cmp rax, fs:[TICKS]",
        "jb 2b",
        "xor edi, edi",
        "mov rsi, fs:[ROUNDS]",
        "5:",
        "mov eax, SYS_EXIT",
        "syscall",
        "ud2",
}

/// Starts two of them by `start`, which gets the number of each too, and waits until both have seen their interrupts.
/// Returns the fewest of one. They have `vectors`, if any.
pub fn keep(vectors: Option<State>, start: impl Fn(u64, Spec) -> Result<Handle, Why>) -> u64 {
    let has = vectors.map_or(0, |state| 1 | u64::from(state.has_avx()) << 1);
    let start = |number, seed, ticks, flags| {
        let spec = Spec {
            arguments: [DATA + number * DATA_BYTES / 2, seed, ticks, flags | has << 32],
            quantum: Some(Quantum { counts: COUNTS, most: u64::MAX }),
            ..Spec::new(&KEEPS)
        };
        start(number, spec).unwrap_or_else(|why| panic!("number {number}: {why}"))
    };
    let seed = 0x0123_4567_89ab_cdef;
    // The one goes on when the other has ended, and with it the other's wish for ticks.
    let both = [start(0, seed, TICKS, ALL_FLAGS), start(1, !seed, TICKS + TICKS / 100, NO_FLAGS)];
    let mut ticks = u64::MAX;
    for one in both {
        let report = one.join();
        let fits = matches!(report.ended, Ended::Exited([0, rounds]) if rounds > 0);
        check!(fits, "what was lost, and what it was: it {}", report.ended);
        ticks = ticks.min(report.ticks);
    }
    ticks
}
