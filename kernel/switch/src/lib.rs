//! The one switch routine. Everything in the laboratory that hands the processor from one flow of
//! control to another on the same CPU does it through [`switch_context`]; nothing else does. It
//! builds for the host too, where it is ordinary user-mode code.
//!
//! # A suspended context
//!
//! What a flow of control needs to go on is on its own stack, but for two words:
//!
//! ```text
//!   Context                   its stack
//!   ┌───────────────┐         │  frames of its callers    │
//!   │ stack_pointer │────┐    ├───────────────────────────┤
//!   ├───────────────┤    │    │  rbp                      │
//!   │ resume_at     │    └───►│  rbx                      │ ◄ stack_pointer
//!   └───────────────┘         └───────────────────────────┘
//! ```
//!
//! `resume_at` is where the switch goes on by `jmp`. A `ret` there would cost a mispredicted
//! return, since no `call` pushed its address.
//!
//! # What is saved, and by whom
//!
//! The routine is inlined, and tells the compiler that it destroys every register that inline asm
//! can name. So the compiler saves, around the switch, what lives there and nothing more: often
//! nothing. Only rbx and rbp, which inline asm can not name, are pushed always.
//!
//! Not saved, because all contexts share one setting that the switch leaves alone: MXCSR, the x87
//! control word, and the system flags of RFLAGS (IF, DF, AC, NT, IOPL). DF is clear at every
//! switch, as the ABI asks (System V ABI for AMD64, 3.2.1).
#![no_std]
#![deny(unsafe_code)]

use core::cell::UnsafeCell;

/// A suspended flow of control; what it means while it runs is undefined.
#[derive(Debug)]
#[repr(C)]
pub struct Context {
    stack_pointer: UnsafeCell<usize>,
    resume_at: UnsafeCell<usize>,
}

#[expect(unsafe_code, reason = "shared between CPUs under the contract of switch_context")]
// SAFETY: the two words are touched by `switch_context` and `prepare` alone, whose callers owe that
// nobody else touches the same context meanwhile; handing it to another CPU needs a
// happens-before, which the run queues and inboxes give.
unsafe impl Sync for Context {}

/// What a new context runs first. It gets the argument of [`Context::prepare`] and never returns.
pub type Entry = extern "C" fn(argument: usize) -> !;

impl Context {
    /// A context to save into; restoring it before a save or a [`prepare`](Self::prepare) is
    /// undefined.
    pub const fn empty() -> Self {
        Self { stack_pointer: UnsafeCell::new(0), resume_at: UnsafeCell::new(0) }
    }

    /// Makes this a context that, when it is first restored, calls `entry(argument)` on the stack
    /// that ends at `stack_top`.
    ///
    /// ```text
    ///   stack_top ─►├──────────────┤ 16-byte aligned
    ///               │  entry       │
    ///               │  argument    │ ◄ stack_pointer; resume_at = start_context
    /// ```
    ///
    /// # Safety
    ///
    /// `stack_top` is 16-byte aligned and ends a writable stack that belongs to this context alone
    /// for as long as it may run, big enough for `entry`. Nobody restores or saves this context
    /// meanwhile.
    #[expect(unsafe_code, reason = "writes the first frame of a new stack")]
    pub unsafe fn prepare(&self, stack_top: *mut u8, entry: Entry, argument: usize) {
        debug_assert!(stack_top.addr().is_multiple_of(16), "stack top {stack_top:p} is not aligned");
        let frame = stack_top.cast::<usize>().wrapping_sub(2);
        // SAFETY: the caller owes a writable stack below `stack_top`, and that nobody else uses it
        // or this context.
        unsafe {
            frame.write(argument);
            frame.add(1).write(entry as usize);
            *self.stack_pointer.get() = frame.addr();
            *self.resume_at.get() = start_context as *const () as usize;
        }
    }
}

/// Suspends the running flow of control into `save` and goes on with `restore`.
///
/// Returns when somebody restores `save`. Nine instructions: four to save, one to name the
/// place, one to restore, one to jump, and two when this side is resumed.
///
/// Registers: `rdi` = save, `rsi` = restore; all that inline asm can name are destroyed.
///
/// # Safety
///
/// - `restore` was made by [`Context::prepare`] or saved by this function, and not restored since:
///   it is suspended, its stack is intact, and no other CPU restores it.
/// - `save` and `restore` differ.
/// - Between the save on one CPU and a restore on another stands a release and an acquire.
#[expect(unsafe_code, reason = "the switch")]
#[inline(always)]
pub unsafe fn switch_context(save: &Context, restore: &Context) {
    // SAFETY: the caller owes a suspended context in `restore`. All registers that can carry the
    // compiler's values across are either destroyed by declaration (so it keeps nothing in them) or
    // pushed (rbx, rbp) and popped on the same stack. The asm is not `nostack`, so the compiler
    // keeps nothing below rsp (no red zone) where the pushes go.
    unsafe {
        core::arch::asm!(
            "push rbp",                 // the two registers that inline asm can not declare
            "push rbx",
            "lea rax, [rip + 2f]",      // where this side goes on
            "mov [rdi], rsp",           // save.stack_pointer
            "mov [rdi + 8], rax",       // save.resume_at
            "mov rsp, [rsi]",           // restore.stack_pointer: from here on the other stack
            "jmp [rsi + 8]",            // restore.resume_at: usually label 2 of another copy of this
            "2:",                       // resumed: rsp is what was saved above
            "pop rbx",
            "pop rbp",
            inout("rdi") save => _,
            inout("rsi") restore => _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            clobber_abi("C"),           // rax rcx rdx r8-r11, flags; vector and x87 registers on the host
        );
    }
}

/// First instructions of a new context: takes the argument and the entry from its stack, and calls
/// with the stack as the ABI wants it (aligned to 16 before the `call`).
#[unsafe(naked)]
extern "C" fn start_context() -> ! {
    core::arch::naked_asm!(
        "pop rdi",      // argument: first parameter of the ABI
        "pop rax",      // entry; rsp is the stack's top again, so aligned to 16
        "xor ebp, ebp", // end of the chain of frame pointers
        "call rax",
        "ud2", // entry never returns
    )
}

const _: () = {
    assert!(core::mem::offset_of!(Context, stack_pointer) == 0, "the asm above");
    assert!(core::mem::offset_of!(Context, resume_at) == 8, "the asm above");
};
