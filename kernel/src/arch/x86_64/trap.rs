//! What an exception finds on the stack, and where it goes: an exception is the end, so the common
//! code saves everything and calls the handler that was registered, which does not return.

use core::{
    mem::{self, offset_of},
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Release},
    },
};

use x86_64::registers::control::Cr2;

use super::interrupts;

/// The registers at an exception, as the stub and the processor left them (lowest address first).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[expect(missing_docs, reason = "registers")]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    /// Pushed by the stub.
    pub vector: u64,
    /// Pushed by the processor, or 0 by the stub.
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

/// Name of a vector (Intel SDM vol. 3, table 6-1; AMD APM vol. 2, table 8-1).
pub fn name_of(vector: u64) -> &'static str {
    match vector {
        0 => "divide error",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        4 => "overflow",
        5 => "bound range exceeded",
        6 => "invalid opcode",
        7 => "device not available",
        8 => "double fault",
        10 => "invalid TSS",
        11 => "segment not present",
        12 => "stack-segment fault",
        13 => "general protection fault",
        14 => "page fault",
        16 => "x87 floating-point error",
        17 => "alignment check",
        18 => "machine check",
        19 => "SIMD floating-point exception",
        20 => "virtualization exception",
        21 => "control protection exception",
        28 => "hypervisor injection exception",
        29 => "VMM communication exception",
        30 => "security exception",
        9 | 15 | 22..=27 | 31 => "reserved exception",
        _ => "unexpected interrupt",
    }
}

impl TrapFrame {
    /// Name of its vector.
    pub fn name(&self) -> &'static str {
        name_of(self.vector)
    }

    /// CR2: for a page fault, the address that was accessed.
    pub fn cr2(&self) -> u64 {
        Cr2::read_raw()
    }
}

/// What ends everything. Gets what the processor left; never returns.
pub type FatalHandler = fn(&TrapFrame) -> !;

static FATAL_HANDLER: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Registers what is called for every exception and every vector without a handler, but in ring 3.
pub fn set_fatal_handler(handler: FatalHandler) {
    FATAL_HANDLER.store(handler as *mut (), Release);
}

/// Calls it.
pub extern "C" fn dispatch(frame: &TrapFrame) -> ! {
    let handler = FATAL_HANDLER.load(Acquire);
    if handler.is_null() {
        interrupts::halt_for_ever();
    }
    // SAFETY: only `set_fatal_handler` writes it, from a FatalHandler.
    let handler = unsafe { mem::transmute::<*mut (), FatalHandler>(handler) };
    handler(frame)
}

/// Text that pushes these registers, the first one first.
macro_rules! push {
    ($($register:literal)*) => { concat!($("push ", $register, "\n"),*) };
}
/// Text that pops what [`push`] has pushed: the last one first.
macro_rules! pop {
    () => { "" };
    ($first:literal $($others:literal)*) => {
        concat!($crate::arch::x86_64::trap::pop!($($others)*), "pop ", $first, "\n")
    };
}
/// How many these are.
macro_rules! how_many {
    ($($register:literal)*) => { [$($register),*].len() };
}
/// Does this with the registers of a [`TrapFrame`], from its end.
macro_rules! with_registers {
    ($with:ident) => {
        $crate::arch::x86_64::trap::$with!(
            "rax" "rbx" "rcx" "rdx" "rsi" "rdi" "rbp" "r8" "r9" "r10" "r11" "r12" "r13" "r14" "r15"
        )
    };
}
pub(super) use {how_many, pop, push, with_registers};

/// Words that the processor pushes at an interrupt (Intel SDM vol. 3, 6.14.2), without an error code.
pub const PUSHED_BY_PROCESSOR: usize =
    (size_of::<TrapFrame>() - offset_of!(TrapFrame, rip)) / size_of::<u64>();
/// General registers, but rsp, which is among those words.
pub const GENERAL_REGISTERS: usize = offset_of!(TrapFrame, vector) / size_of::<u64>();
/// Those of them that a function keeps, by the ABI for C (System V ABI for AMD64, 3.2.1). The switch keeps none, so who
/// hands over the CPU has saved them.
pub const KEPT_BY_FUNCTIONS: [&str; 6] = ["rbx", "rbp", "r12", "r13", "r14", "r15"];

const _: () = assert!(with_registers!(how_many) == GENERAL_REGISTERS, "the frame is what is pushed");

/// Where the stubs go on: builds the [`TrapFrame`] and calls `dispatch`.
///
/// ```text
///   ss  rsp  rflags  cs  rip     pushed by the processor, which aligned rsp to 16 before
///   error code                   by the processor or the stub
///   vector                       by the stub      (7 words so far)
///   rax rbx … r15                here            (15 words: 22 in all, so rsp is aligned to 16)
/// ```
#[unsafe(naked)]
pub(super) extern "C" fn common() -> ! {
    core::arch::naked_asm!(
        with_registers!(push),
        "cld",            // the ABI wants DF clear, whatever was interrupted
        "mov rdi, rsp",   // the frame
        "call {dispatch}",
        "ud2",
        dispatch = sym dispatch,
    )
}
