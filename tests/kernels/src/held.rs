//! Every register that one has, filled with patterns and looked at again and again while others run: general registers,
//! the stack pointer, flags, vectors with their upper halves, x87's registers, MXCSR and the x87 control word.

use core::{arch::naked_asm, mem::offset_of, ops::RangeInclusive, sync::atomic::AtomicU64};

/// Vectors, of 256 bits where there are such.
const VECTORS: usize = 16;
/// Registers of x87.
const X87: usize = 8;

/// What somebody holds, and what it works with. `hold` knows the places.
#[derive(Debug)]
#[repr(C, align(32))]
pub struct Patterns {
    /// Lower halves of ymm0 to ymm15, then the upper halves of the same.
    vectors: [[u64; 2]; VECTORS],
    uppers: [[u64; 2]; VECTORS],
    scratch: [u64; 2],
    /// rax, rbx, rcx, rdx, rsi, rdi, rbp, r8 to r15.
    general: [u64; 15],
    /// Integers, as they are loaded and stored.
    x87: [u64; X87],
    flags: u64,
    mxcsr: u64,
    control: u64,
    /// What rsp is between two looks.
    stack: u64,
    stop: u64,
    has_avx: u64,
    looks: u64,
}

impl Patterns {
    /// Those of number 1 or 2: no register, flag or rounding is the same in both.
    pub fn new(number: u64) -> Self {
        let word = |place: u64| (number << 56) | (place << 32) | (0x0123_4567 * (place + number));
        let pair = |place: usize| [word(place as u64), word(place as u64 + 100)];
        Self {
            vectors: core::array::from_fn(pair),
            uppers: core::array::from_fn(|place| pair(place + 200)),
            scratch: [0; 2],
            general: core::array::from_fn(|place| word(place as u64 + 400)),
            x87: core::array::from_fn(|place| word(place as u64 + 500)),
            // CF, PF, SF, DF and ID in the one; AF, ZF and OF in the other. Bit 1 is always set, bit 9 lets interrupts in.
            flags: 0x202 | if number == 1 { 0x20_0485 } else { 0x850 },
            // Rounding down, or up; all exceptions masked.
            mxcsr: 0x1f80 | number << 13,
            control: 0x37f | number << 10,
            stack: 0,
            stop: 0,
            has_avx: 0,
            looks: 0,
        }
    }

    /// The flags among them.
    pub fn flags(&self) -> u64 {
        self.flags
    }
}

/// Where in [`hold`] all registers hold patterns.
pub fn window() -> RangeInclusive<u64> {
    unsafe extern "C" {
        static held_window: u8;
        static held_window_end: u8;
    }
    (&raw const held_window).addr() as u64..=(&raw const held_window_end).addr() as u64
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
        7 => "an x87 register",
        8 => "the stack pointer",
        _ => "something",
    }
}

/// Fills all registers with `patterns`, and looks again and again whether they hold them, until `stop` is not 0; counts
/// each look at all in `looks`. Returns what was lost; 0 for nothing.
#[unsafe(naked)]
pub extern "C" fn hold(patterns: &mut Patterns, stop: &AtomicU64, has_avx: u64, looks: &AtomicU64) -> u64 {
    naked_asm!(
        "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
        "mov [rdi + {stop}], rsi",
        "mov [rdi + {has_avx}], rdx",
        "mov [rdi + {looks}], rcx",
        // The patterns are found by the word on top; by those behind it too, so that a stack pointer that is off is named.
        ".rept 3",
        "push rdi",
        ".endr",
        "fninit",
        "ldmxcsr [rdi + {mxcsr}]",
        "fldcw [rdi + {control}]",
        "test rdx, rdx",
        "jz 2f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "vmovdqa xmm\\i, [rdi + {vectors} + 16 * \\i]",
        "vinsertf128 ymm\\i, ymm\\i, [rdi + {uppers} + 16 * \\i], 1",
        ".endr",
        "jmp 3f",
        "2:",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "movdqa xmm\\i, [rdi + {vectors} + 16 * \\i]",
        ".endr",
        "3:",
        // A round: everything general is loaded, time goes by, and everything is compared.
        "mov rax, [rsp]",
        ".irp i, 0,1,2,3,4,5,6,7",
        "fild qword ptr [rax + {x87} + 8 * \\i]",
        ".endr",
        "mov [rax + {stack}], rsp",
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
        ".global held_window",
        "held_window:",
        ".rept 1600",
        "nop",
        ".endr",
        "pause", // under an emulator that runs one CPU at a time, the turn of who interrupts
        ".global held_window_end",
        "held_window_end:",
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
        "cmp rsp, [rax + {stack}]", "jne 28f",
        "cmp rcx, [rax + {flags}]", "jne 22f",
        "stmxcsr [rax + {scratch}]",
        "mov ecx, [rax + {scratch}]",
        "cmp ecx, [rax + {mxcsr}]", "jne 25f",
        "fnstcw [rax + {scratch}]",
        "mov cx, [rax + {scratch}]",
        "cmp cx, [rax + {control}]", "jne 26f",
        // Through memory: all sixteen are held.
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "movdqa [rax + {scratch}], xmm\\i",
        "mov rcx, [rax + {scratch}]",
        "cmp rcx, [rax + {vectors} + 16 * \\i]", "jne 23f",
        "mov rcx, [rax + {scratch} + 8]",
        "cmp rcx, [rax + {vectors} + 16 * \\i + 8]", "jne 23f",
        ".endr",
        // The last is on top.
        ".irp i, 7,6,5,4,3,2,1,0",
        "fistp qword ptr [rax + {scratch}]",
        "mov rcx, [rax + {scratch}]",
        "cmp rcx, [rax + {x87} + 8 * \\i]", "jne 27f",
        ".endr",
        "cmp qword ptr [rax + {has_avx}], 0",
        "je 4f",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
        "vextractf128 [rax + {scratch}], ymm\\i, 1",
        "mov rcx, [rax + {scratch}]",
        "cmp rcx, [rax + {uppers} + 16 * \\i]", "jne 24f",
        "mov rcx, [rax + {scratch} + 8]",
        "cmp rcx, [rax + {uppers} + 16 * \\i + 8]", "jne 24f",
        ".endr",
        "4:",
        "mov rbx, [rax + {looks}]",
        "inc qword ptr [rbx]",
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
        "26: mov eax, 6", "jmp 30f",
        "27: mov eax, 7", "jmp 30f",
        "28: mov rsp, [rax + {stack}]", "mov eax, 8",
        "30: add rsp, 24",
        "cld",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
        "ret",
        vectors = const offset_of!(Patterns, vectors),
        uppers = const offset_of!(Patterns, uppers),
        scratch = const offset_of!(Patterns, scratch),
        general = const offset_of!(Patterns, general),
        x87 = const offset_of!(Patterns, x87),
        flags = const offset_of!(Patterns, flags),
        mxcsr = const offset_of!(Patterns, mxcsr),
        control = const offset_of!(Patterns, control),
        stack = const offset_of!(Patterns, stack),
        stop = const offset_of!(Patterns, stop),
        has_avx = const offset_of!(Patterns, has_avx),
        looks = const offset_of!(Patterns, looks),
    )
}
