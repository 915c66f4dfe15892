//! Every register that one has, filled with patterns and looked at again and again while others run: general registers,
//! flags, vectors with their upper halves, MXCSR and the x87 control word.

use core::{arch::naked_asm, sync::atomic::AtomicU64};

/// What somebody holds, and what it works with. `hold` knows the places.
#[derive(Debug)]
#[repr(C, align(32))]
pub struct Patterns {
    /// Lower halves of xmm0 to xmm14, then the upper halves of the same as ymm.
    vectors: [[u64; 2]; 15],
    uppers: [[u64; 2]; 15],
    /// rax, rbx, rcx, rdx, rsi, rdi, rbp, r8 to r15.
    general: [u64; 15],
    flags: u64,
    mxcsr: u64,
    control: u64,
    stop: u64,
    has_avx: u64,
    /// How often all registers were looked at.
    pub rounds: u64,
    scratch: u64,
}

const GENERAL: usize = 2 * 15 * 16;
const FLAGS: usize = GENERAL + 15 * 8;
const MXCSR: usize = FLAGS + 8;
const CONTROL: usize = MXCSR + 8;
const STOP_AT: usize = CONTROL + 8;
const HAS_AVX: usize = STOP_AT + 8;
const ROUNDS_AT: usize = HAS_AVX + 8;
const SCRATCH: usize = ROUNDS_AT + 8;

impl Patterns {
    /// Those of number 1 or 2: no register, flag or rounding is the same in both.
    pub fn new(number: u64) -> Self {
        let word = |place: u64| (number << 56) | (place << 32) | (0x0123_4567 * (place + number));
        let pair = |place: usize| [word(place as u64), word(place as u64 + 100)];
        let mut patterns = Self {
            vectors: [[0; 2]; 15],
            uppers: [[0; 2]; 15],
            general: [0; 15],
            // Carry and sign in the one, overflow and zero in the other; bit 1 is always set, bit 9 lets interrupts in.
            flags: 0x202 | if number == 1 { 0x081 } else { 0x840 },
            // Rounding down, or up; all exceptions masked.
            mxcsr: 0x1f80 | number << 13,
            control: 0x37f | number << 10,
            stop: 0,
            has_avx: 0,
            rounds: 0,
            scratch: 0,
        };
        for place in 0..15 {
            patterns.vectors[place] = pair(place);
            patterns.uppers[place] = pair(place + 200);
            patterns.general[place] = word(place as u64 + 400);
        }
        patterns
    }
}

/// What [`hold`] returned, in words.
pub fn what(found: u64) -> &'static str {
    match found {
        1 => "a general register",
        2 => "a flag",
        3 => "a vector",
        4 => "the upper half of a vector",
        5 => "MXCSR",
        6 => "the x87 control word",
        _ => "something",
    }
}

/// Fills all registers with `patterns`, and looks again and again whether they hold them, until `stop` is not 0.
/// Returns what was lost; 0 for nothing.
#[unsafe(naked)]
pub extern "C" fn hold(patterns: &mut Patterns, stop: &AtomicU64, has_avx: u64) -> u64 {
    naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "mov [rdi + {stop}], rsi",
        "mov [rdi + {has_avx}], rdx",
        // What an interrupt may push below is not looked at: the patterns are found through one word on the stack.
        "push rdi",
        "ldmxcsr [rdi + {mxcsr}]",
        "fldcw [rdi + {control}]",
        "test rdx, rdx",
        "jz 2f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "vmovdqa xmm\\i, [rdi + 16 * \\i]",
        "vinsertf128 ymm\\i, ymm\\i, [rdi + 240 + 16 * \\i], 1",
        ".endr",
        "jmp 3f",
        "2:",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "movdqa xmm\\i, [rdi + 16 * \\i]",
        ".endr",
        "3:",
        // A round: everything general is loaded, time goes by, and everything is compared.
        "mov rax, [rsp]",
        "push qword ptr [rax + {flags}]",
        "mov rbx, [rax + {general} + 8]",
        "mov rcx, [rax + {general} + 16]",
        "mov rdx, [rax + {general} + 24]",
        "mov rsi, [rax + {general} + 32]",
        "mov rdi, [rax + {general} + 40]",
        "mov rbp, [rax + {general} + 48]",
        "mov r8, [rax + {general} + 56]",
        "mov r9, [rax + {general} + 64]",
        "mov r10, [rax + {general} + 72]",
        "mov r11, [rax + {general} + 80]",
        "mov r12, [rax + {general} + 88]",
        "mov r13, [rax + {general} + 96]",
        "mov r14, [rax + {general} + 104]",
        "mov r15, [rax + {general} + 112]",
        "mov rax, [rax + {general}]",
        "popfq",
        ".rept 400",
        "nop",
        ".endr",
        "pause", // under an emulator that runs one CPU at a time, the turn of who interrupts
        "pushfq",
        "push rax",
        "mov rax, [rsp + 16]",
        "cmp rbx, [rax + {general} + 8]", "jne 11f",
        "cmp rcx, [rax + {general} + 16]", "jne 11f",
        "cmp rdx, [rax + {general} + 24]", "jne 11f",
        "cmp rsi, [rax + {general} + 32]", "jne 11f",
        "cmp rdi, [rax + {general} + 40]", "jne 11f",
        "cmp rbp, [rax + {general} + 48]", "jne 11f",
        "cmp r8, [rax + {general} + 56]", "jne 11f",
        "cmp r9, [rax + {general} + 64]", "jne 11f",
        "cmp r10, [rax + {general} + 72]", "jne 11f",
        "cmp r11, [rax + {general} + 80]", "jne 11f",
        "cmp r12, [rax + {general} + 88]", "jne 11f",
        "cmp r13, [rax + {general} + 96]", "jne 11f",
        "cmp r14, [rax + {general} + 104]", "jne 11f",
        "cmp r15, [rax + {general} + 112]", "jne 11f",
        "pop rbx",
        "cmp rbx, [rax + {general}]", "jne 12f",
        "pop rcx",
        "cmp rcx, [rax + {flags}]", "jne 22f",
        "stmxcsr [rax + {scratch}]",
        "mov ecx, [rax + {scratch}]",
        "cmp ecx, [rax + {mxcsr}]", "jne 25f",
        "fnstcw [rax + {scratch}]",
        "mov cx, [rax + {scratch}]",
        "cmp cx, [rax + {control}]", "jne 26f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "movdqa xmm15, xmm\\i",
        "pxor xmm15, [rax + 16 * \\i]",
        "ptest xmm15, xmm15",
        "jnz 23f",
        ".endr",
        "cmp qword ptr [rax + {has_avx}], 0",
        "je 4f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14",
        "vextractf128 xmm15, ymm\\i, 1",
        "vpxor xmm15, xmm15, [rax + 240 + 16 * \\i]",
        "vptest xmm15, xmm15",
        "jnz 24f",
        ".endr",
        "4:",
        "inc qword ptr [rax + {rounds}]",
        "mov rbx, [rax + {stop}]",
        "cmp qword ptr [rbx], 0",
        "je 3b",
        "xor eax, eax",
        "jmp 30f",
        "11: add rsp, 8",
        "12: add rsp, 8", "mov eax, 1", "jmp 30f",
        "22: mov eax, 2", "jmp 30f",
        "23: mov eax, 3", "jmp 30f",
        "24: mov eax, 4", "jmp 30f",
        "25: mov eax, 5", "jmp 30f",
        "26: mov eax, 6",
        "30: add rsp, 8",
        "cld",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        general = const GENERAL,
        flags = const FLAGS,
        mxcsr = const MXCSR,
        control = const CONTROL,
        stop = const STOP_AT,
        has_avx = const HAS_AVX,
        rounds = const ROUNDS_AT,
        scratch = const SCRATCH,
    )
}
