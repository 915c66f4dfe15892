//! The asm between the rings: into ring 3, and the entries from there.

use core::{
    arch::{global_asm, naked_asm},
    mem::offset_of,
    ptr,
    sync::atomic::AtomicPtr,
};

use switchlab_records::ApicMode;
use x86_64::{
    VirtAddr,
    registers::{
        model_specific::{Efer, EferFlags, LStar, SFMask, Star},
        rflags::RFlags,
    },
};

use super::{
    super::{
        apic, gdt,
        idt::{self, Table, vector},
        ipi, percpu, trap,
    },
    USER_STACK,
};

/// What a system call gives back in rax, and in rdx. Or [`LEAVE`] in rax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Answer {
    /// In rax.
    pub status: u64,
    /// In rdx.
    pub value: u64,
}

/// In place of a status: ring 3 does not go on, and [`run`] returns. No status is that.
pub const LEAVE: u64 = u64::MAX;

/// What a system call has saved on the kernel's stack, lowest address first. All other registers are the
/// callee's to keep or the caller's to lose, as in a call of the ABI for C.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct SystemCallFrame {
    /// Not saved: what r9, r8 and rsi hold behind the call. 0, unless the handler writes it.
    pub words: [u64; 3],
    /// What is saved.
    pub saved: Saved,
}

/// What a system call saves of ring 3 by itself, where SYSCALL would lose it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Saved {
    /// From r11, where SYSCALL left it.
    pub rflags: u64,
    /// From rcx.
    pub rip: u64,
    /// Ring 3's.
    pub rsp: u64,
}

/// Words of ring 3 that are saved while a system call waits: by its entry, and by its handler, which is a function.
pub const SAVED_WORDS: usize = size_of::<Saved>() / size_of::<u64>() + trap::KEPT_BY_FUNCTIONS.len();

/// The frame of a system call of who leaves ring 3 to the stack that ends at `kernel_stack`.
#[inline(always)]
pub fn frame_below(kernel_stack: u64) -> *mut SystemCallFrame {
    ptr::with_exposed_provenance_mut(kernel_stack as usize - size_of::<SystemCallFrame>())
}

/// How ring 3 is entered: all other registers are 0.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Start {
    /// Where it begins.
    pub rip: u64,
    /// Top of its stack.
    pub rsp: u64,
    /// In rdi, rsi, rdx and r8.
    pub arguments: [u64; 4],
}

/// What is called when ring 3 is left, of whoever runs there: [`run`] puts it where the kernel's stack begins, so that
/// each can have its own and none has to look whose they are.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Entries {
    /// By SYSCALL.
    pub system_call: super::SystemCallHandler,
    /// By an exception or an interrupt.
    pub trap: super::TrapHandler,
}

pub(super) static BAD_RETURN: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Flags in ring 3 at its start: interrupts on. Bit 1 is always set.
const START_FLAGS: u64 = RFlags::INTERRUPT_FLAG.bits() | 1 << 1;

/// First address, shifted by so much, that is not canonical and not negative: 2^47.
const CANONICAL_BITS: u32 = 47;

/// Goes to ring 3 and returns when a handler says so. Meanwhile ring 3 is left to this stack:
///
/// ```text
///   return address
///   rbx rbp r12 r13 r14 r15         what the ABI for C wants kept
///   (8 bytes)
///   trap                            of the entries
///   system call                     ◄ where ring 3 is left to: aligned to 16
/// ```
///
/// `left_to` is told where that is, before ring 3 runs.
///
/// # Safety
///
/// [`begin`](super::begin) was called on this CPU. `left_to` can be written. What the start names is mapped for ring 3 in the address
/// space that is loaded. Interrupts are off.
#[unsafe(naked)]
pub unsafe extern "C" fn run(start: &Start, left_to: *mut u64, entries: &Entries) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "push [rdx + {trap}]",
        "push [rdx + {system_call}]",
        "mov gs:[{kernel_stack}], rsp",
        "mov [rsi], rsp",
        "push {user_data}",         // what iretq takes: ss, rsp, rflags, cs, rip
        "push [rdi + {rsp}]",
        "push {flags}",
        "push {user_code}",
        "push [rdi + {rip}]",
        "mov r8, [rdi + {arguments} + 24]",
        "mov rdx, [rdi + {arguments} + 16]",
        "mov rsi, [rdi + {arguments} + 8]",
        "mov rdi, [rdi + {arguments}]",
        "xor eax, eax",             // nothing of the kernel's in any register
        "xor ebx, ebx",
        "xor ecx, ecx",
        "xor ebp, ebp",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "swapgs",
        "iretq",
        trap = const offset_of!(Entries, trap),
        system_call = const offset_of!(Entries, system_call),
        kernel_stack = const percpu::KERNEL_STACK,
        user_data = const gdt::USER_DATA.0,
        user_code = const gdt::USER_CODE.0,
        flags = const START_FLAGS,
        rip = const offset_of!(Start, rip),
        rsp = const offset_of!(Start, rsp),
        arguments = const offset_of!(Start, arguments),
    )
}

/// The end of [`run`], from wherever in ring 0 behind it.
#[unsafe(naked)]
extern "C" fn leave() -> ! {
    naked_asm!(
        "mov rsp, gs:[{kernel_stack}]",
        "add rsp, {entries} + 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        entries = const size_of::<Entries>(),
        kernel_stack = const percpu::KERNEL_STACK,
    )
}

// Where SYSCALL goes (Intel SDM vol. 2, SYSCALL): rcx is where ring 3 goes on, r11 its flags, rsp still
// its stack; interrupts are off, by SFMASK.
//
// ```text
//   ring 3 leaves            the handler gets        ring 3 gets back
//   rax  number              rcx                     status
//   rdi  first argument      rdi                     0
//   rsi  second              rsi                     a word
//   rdx  third               rdx                     a word: of the answer
//   r8   fourth              r8                      a word
//   r9   fifth               r9                      a word
//   r10                                              0
//   rcx, r11                 (used by SYSCALL)       rip, rflags
//   rbx rbp r12 to r15, rsp                          as they were
// ```
//
// It is the first in a page, in which the handler stands too (`kernel/src/user/system_call.rs`).
global_asm!(
    ".pushsection .text.ring3_page, \"ax\"",
    ".balign 4096",
    "ring3_system_call:",
    "swapgs",
    "mov gs:[{user_stack}], rsp",
    "mov rsp, gs:[{kernel_stack}]",
    "push gs:[{user_stack}]",   // SystemCallFrame, from its end
    "push rcx",
    "push r11",
    "push 0",
    "push 0",
    "push 0",                   // six words: rsp is aligned to 16
    "mov rcx, rax",             // the number, as the fourth argument
    "call [rsp + {handler}]",   // keeps rbx, rbp and r12 to r15: that is declared by its ABI
    "cmp rax, {leave_status}",
    "je {leave}",
    "pop r9",
    "pop r8",
    "pop rsi",
    "pop r11",
    "pop rcx",
    "mov r10, rcx",             // SYSRET to an address that is not canonical would fault in ring 0,
    "shr r10, {bits}",          // on the program's stack (Intel SDM vol. 2, SYSRET)
    "jnz 2f",                   // else r10 is 0 now
    "xor edi, edi",
    "mov rsp, [rsp]",
    "swapgs",
    "sysretq",
    "2:",
    "mov rdi, rcx",
    "sub rsp, 8",               // one word is left of the frame
    "call [rip + {bad_return}]",
    "jmp {leave}",
    ".popsection",
    user_stack = const USER_STACK,
    kernel_stack = const percpu::KERNEL_STACK,
    handler = const size_of::<SystemCallFrame>() + offset_of!(Entries, system_call),
    leave_status = const LEAVE as i64,
    leave = sym leave,
    bits = const CANONICAL_BITS,
    bad_return = sym BAD_RETURN,
);

unsafe extern "C" {
    static ring3_system_call: u8;
}

const _: () = assert!(size_of::<SystemCallFrame>() == 6 * 8, "the asm above");

/// Where all stubs go on: vector and error code are on the stack, above them what the processor pushed.
#[unsafe(naked)]
extern "C" fn from_any_ring() -> ! {
    naked_asm!(
        "testb $3, 24(%rsp)",                       // the ring that was left, by its code selector
        "jnz {from_ring_3}",
        "cmpq ${page_fault}, (%rsp)",
        "jne {fatal}",
        "cmpq $user_copy_may_fault, 16(%rsp)",      // rip: of the one instruction that may?
        "jne {fatal}",
        "movq $user_copy_goes_on, 16(%rsp)",
        "addq $16, %rsp",
        "iretq",
        page_fault = const vector::PAGE_FAULT,
        from_ring_3 = sym from_ring_3,
        fatal = sym trap::common,
        options(att_syntax),
    )
}

/// Ring 3 was left by an exception or an interrupt, and the stub has run: builds a
/// [`TrapFrame`](trap::TrapFrame) and calls the handler.
///
/// ```text
///   ss  rsp  rflags  cs  rip     pushed by the processor, which aligned rsp to 16 before
///   error code                   by the processor or the stub
///   vector                       by the stub      (7 words so far)
///   rax rbx … r15                here             (15 words: 22 in all, so rsp is aligned to 16)
/// ```
#[unsafe(naked)]
extern "C" fn from_ring_3() -> ! {
    naked_asm!(
        "swapgs",
        trap::with_registers!(push),
        "cld",
        "mov rdi, rsp",
        "call [rsp + {handler}]",
        "test al, al",
        "jnz {leave}",
        trap::with_registers!(pop),
        "add rsp, 16",      // vector and error code
        "swapgs",
        "iretq",
        handler = const size_of::<trap::TrapFrame>() + offset_of!(Entries, trap),
        leave = sym leave,
    )
}

/// The three that have a stack of their own may come between an entry and its SWAPGS, or between a SWAPGS and
/// its way back: so the code selector does not tell whose base GS has. The base does: the kernel's is
/// negative, and ring 3 can have none of those. They end everything, so nothing is put back.
#[unsafe(naked)]
extern "C" fn at_any_time() -> ! {
    naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "mov ecx, {gs_base}",
        "rdmsr",
        "test edx, edx",
        "js 2f",
        "swapgs",
        "2:",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "jmp {fatal}",
        gs_base = const 0xc000_0101_u32,
        fatal = sym trap::common,
    )
}

/// An interrupt that comes in both rings: in ring 0 its handler is `$ring_0`, as without ring 3.
macro_rules! in_both_rings {
    ($name:ident, $ring_0:path, $vector:expr) => {
        #[unsafe(naked)]
        extern "C" fn $name() -> ! {
            naked_asm!(
                "test byte ptr [rsp + 8], 3",
                "jz {ring_0}",
                "push 0",
                "push {vector}",
                "jmp {from_ring_3}",
                ring_0 = sym $ring_0,
                vector = const $vector,
                from_ring_3 = sym from_ring_3,
            )
        }
    };
}

in_both_rings!(wake_up_xapic, ipi::wake_up_xapic, vector::WAKE_UP);
in_both_rings!(wake_up_x2apic, ipi::wake_up_x2apic, vector::WAKE_UP);
in_both_rings!(tick_xapic, ipi::tick_xapic, vector::TICK);
in_both_rings!(tick_x2apic, ipi::tick_x2apic, vector::TICK);

global_asm!(
    ".pushsection .text.ring3_stubs, \"ax\"",
    ".balign {stub_bytes}",
    ".global ring3_stubs",
    "ring3_stubs:",
    ".set vector, 0",
    ".rept 256",
    "    .balign {stub_bytes}",
    // As in `idt`.
    "    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)",
    "        push 0",
    "    .endif",
    "    push vector",
    "    .if vector == 2 || vector == 8 || vector == 18",
    "        jmp {at_any_time}",
    "    .else",
    "        jmp {from_any_ring}",
    "    .endif",
    "    .set vector, vector + 1",
    ".endr",
    ".popsection",
    stub_bytes = const idt::STUB_BYTES,
    at_any_time = sym at_any_time,
    from_any_ring = sym from_any_ring,
);

const _: () = assert!(
    vector::NMI == 2 && vector::DOUBLE_FAULT == 8 && vector::MACHINE_CHECK == 18,
    "the stubs above know them"
);

unsafe extern "C" {
    static ring3_stubs: u8;
}

static TABLE: Table = Table::empty();

/// Fills the table in. Once.
pub(super) fn fill_table() {
    let (wake_up, tick) = match apic::mode() {
        ApicMode::Xapic => (wake_up_xapic as *const (), tick_xapic as *const ()),
        ApicMode::X2apic => (wake_up_x2apic as *const (), tick_x2apic as *const ()),
    };
    let handler = |vector| match vector {
        vector::WAKE_UP => wake_up.addr(),
        vector::TICK => tick.addr(),
        // Returns at once, so it may be in any ring.
        vector::SPURIOUS => (ipi::spurious as *const ()).addr(),
        _ if vector == vector::PIC1 + vector::PIC_SPURIOUS_LINE
            || vector == vector::PIC2 + vector::PIC_SPURIOUS_LINE =>
        {
            (ipi::spurious as *const ()).addr()
        }
        _ => (&raw const ring3_stubs).addr() + usize::from(vector) * idt::STUB_BYTES,
    };
    // SAFETY: called once, before a CPU uses the table; all are made for interrupt gates.
    unsafe { TABLE.fill(handler) };
}

/// Turns SYSCALL on, and makes the running CPU use this table.
pub(super) fn turn_on() {
    Star::write(gdt::USER_CODE, gdt::USER_DATA, gdt::KERNEL_CODE, gdt::KERNEL_DATA)
        .expect("the GDT's order is what SYSCALL and SYSRET want");
    LStar::write(VirtAddr::from_ptr(&raw const ring3_system_call));
    // Of these no handler may find anything of ring 3's.
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK
            | RFlags::IOPL_LOW
            | RFlags::IOPL_HIGH,
    );
    // SAFETY: the MSRs that it takes are set; `init` filled the table.
    unsafe {
        Efer::update(|flags| *flags |= EferFlags::SYSTEM_CALL_EXTENSIONS);
        TABLE.load();
    }
}

/// Makes the running CPU use the other table, and turns SYSCALL off.
pub(super) fn turn_off() {
    idt::load();
    // SAFETY: nothing in ring 0 uses SYSCALL.
    unsafe { Efer::update(|flags| *flags -= EferFlags::SYSTEM_CALL_EXTENSIONS) };
}
