//! The switch: everything in the laboratory that hands the processor from one flow of control to
//! another on the same CPU does it through this crate; nothing else does. It builds for the host too,
//! where it is ordinary user-mode code.
//!
//! There are two, which differ in where a suspended flow of control is written down:
//!
//! - [`switch_context`]: in memory, in a [`Context`], where a scheduler finds it.
//! - [`Fiber::resume`] and [`Owner::suspend`]: nowhere; each side holds the other in three registers. For two
//!   that hand over to each other only.
//!
//! # A suspended context
//!
//! What a flow of control needs to go on is on its own stack, but for two words:
//!
//! ```text
//!   Context                   its stack
//!   ┌───────────────┐         │  frames of its callers    │
//!   │ stack_pointer │────┐    ├───────────────────────────┤
//!   ├───────────────┤    └───►│  rbp                      │ ◄ stack_pointer
//!   │ resume_at     │         └───────────────────────────┘
//!   └───────────────┘
//! ```
//!
//! `resume_at` is where the switch goes on by `jmp`. A `ret` there would cost a mispredicted
//! return, since no `call` pushed its address.
//!
//! # What is saved, and by whom
//!
//! Both are inlined, and tell the compiler that they destroy every register, those that a call preserves
//! too (so it is not `clobber_abi`). So the compiler saves, around the switch, what lives there and
//! nothing more: often nothing. Only rbp, which inline asm can not declare, is kept by the switch itself: pushed by the
//! one, left in a register by the other. rbx can not be declared by its name; it is what is left of the class
//! `reg_abcd` where rax, rcx and rdx are taken, so asking for one more of that class takes it.
//!
//! Not saved, because all contexts share one setting that the switch leaves alone: MXCSR, the x87
//! control word, and the system flags of RFLAGS (IF, DF, AC, NT, IOPL). DF is clear at every
//! switch, as the ABI asks (System V ABI for AMD64, 3.2.1).
//!
//! # A message
//!
//! A register, rdx, is handed over with the processor: what the one side puts in, the other finds as
//! the switch returns there. It costs no instruction where it means nothing.
#![no_std]
#![deny(unsafe_code)]

use core::{cell::UnsafeCell, marker::PhantomData, mem::MaybeUninit};

/// What is handed over in a register; may mean nothing.
pub type Message = MaybeUninit<u64>;

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

/// Words of a [`Context`], with rbp, which the switch pushes: what it saves by itself. What else lives the compiler
/// saves around it.
pub const CONTEXT_WORDS: usize = size_of::<Context>() / size_of::<usize>() + 1;
/// The same of a [`Fiber`], or its [`Owner`]; rbp is one of its words.
pub const FIBER_WORDS: usize = size_of::<Fiber>() / size_of::<usize>();

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

/// Writes down where the switch goes on. On the bare machine all code is linked in the uppermost 2 GiB, so
/// the address fits an operand; elsewhere code may be anywhere, and it takes one instruction more.
#[cfg(target_os = "none")]
macro_rules! write_down_label_2 {
    () => {
        "movq $2f, 8(%rdi) /* {rbx} */"
    };
}
/// See above.
#[cfg(not(target_os = "none"))]
macro_rules! write_down_label_2 {
    () => {
        "lea 2f(%rip), {rbx}
         mov {rbx}, 8(%rdi)"
    };
}

/// Lets the place where the switch goes on begin a cache line: processors fetch and decode by lines, or parts of them, and
/// it is jumped to. Up to 63 bytes that never run; what they won stands in kernel/docs/performance.md.
macro_rules! align_label_2 {
    () => {
        ".p2align 6"
    };
}

/// Inline asm, in braces, that suspends what runs: `{rbx}` and all registers that inline asm can name are destroyed, so
/// that the compiler keeps nothing in them across it. The operands behind it name those that carry something, and rdx,
/// rdi, rsi and r10 to r15 where they carry nothing.
///
/// What is said of its instructions is told of where it is used.
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! switching_asm {
    ({ $($line:expr),+ $(,)? } $($operands:tt)+) => {
        ::core::arch::asm!(
            $($line,)+
            rbx = out(reg_abcd) _,
            out("rax") _, out("rcx") _,
            out("r8") _, out("r9") _,
            // Vector, mask, tile and x87 registers: where the target has or uses none, nothing is saved for them.
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            out("xmm16") _, out("xmm17") _, out("xmm18") _, out("xmm19") _,
            out("xmm20") _, out("xmm21") _, out("xmm22") _, out("xmm23") _,
            out("xmm24") _, out("xmm25") _, out("xmm26") _, out("xmm27") _,
            out("xmm28") _, out("xmm29") _, out("xmm30") _, out("xmm31") _,
            out("k0") _, out("k1") _, out("k2") _, out("k3") _, out("k4") _, out("k5") _, out("k6") _, out("k7") _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            out("mm0") _, out("mm1") _, out("mm2") _, out("mm3") _,
            out("mm4") _, out("mm5") _, out("mm6") _, out("mm7") _,
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            $($operands)+
        )
    };
}

/// Suspends the running flow of control into `save`, goes on with `restore` and hands it `message`.
///
/// Returns when somebody restores `save`, with the message of whoever did. Six instructions, one more off
/// the bare machine: one to save rbp, two to write down where this side stands, one to restore, one to
/// jump, and one when this side is resumed.
///
/// Registers: `rdi` = save, `rsi` = restore, `rdx` = message; all that inline asm can name are destroyed.
///
/// # Safety
///
/// - `restore` was made by [`Context::prepare`] or saved by this function, and not restored since:
///   it is suspended, its stack is intact, and no other CPU restores it.
/// - `save` and `restore` differ.
/// - Between the save on one CPU and a restore on another stands a release and an acquire.
#[expect(unsafe_code, reason = "the switch")]
#[inline(always)]
pub unsafe fn switch_context(save: &Context, restore: &Context, message: Message) -> Message {
    let mut message = message;
    // SAFETY: the caller owes a suspended context in `restore`. All registers that can carry the
    // compiler's values across are either destroyed by declaration (so it keeps nothing in them) or
    // pushed (rbp) and popped on the same stack. The asm is not `nostack`, so the compiler
    // keeps nothing below rsp (no red zone) where the push goes.
    unsafe {
        switching_asm!(
            {
                "push %rbp",                // the register that inline asm can not declare
                "mov %rsp, (%rdi)",         // save.stack_pointer
                write_down_label_2!(),      // save.resume_at: where this side goes on
                "mov (%rsi), %rsp",         // restore.stack_pointer: from here on the other stack
                "jmp *8(%rsi)",             // restore.resume_at: usually label 2 of another copy of this
                align_label_2!(),
                "2:",                       // resumed: rsp is what was saved above
                "pop %rbp",
            }
            inout("rdx") message,
            inout("rdi") save => _,
            inout("rsi") restore => _,
            out("r10") _, out("r11") _,
            out("r12") _, out("r13") _, out("r14") _, out("r15") _,
            options(att_syntax),        // Intel's has no word for a label's address as an operand
        );
    }
    message
}

/// A flow of control that its [`Owner`] holds while it is suspended: a coroutine. To go on with it uses it
/// up, so it is neither `Copy` nor `Clone`.
///
/// In memory it is nowhere: it is three registers, r14, r15 and r11, and its owner is three others, r12, r13 and r10.
/// So each side leaves itself where the other finds it, and nothing has to be exchanged.
///
/// It stays with the flow of control that made it:
///
/// ```compile_fail,E0277
/// fn give_away(_: impl Send) {}
/// let given_away: fn(switchlab_switch::Fiber) = |fiber| give_away(fiber);
/// ```
#[derive(Debug)]
#[must_use = "what is suspended never goes on otherwise"]
pub struct Fiber {
    stack_pointer: usize,
    resume_at: usize,
    /// Its rbp.
    base_pointer: usize,
    /// Neither `Send` nor `Sync`.
    stays: PhantomData<*mut ()>,
}

/// Who went on with a [`Fiber`], held by the fiber while it runs. As above, and it stays with the fiber:
///
/// ```compile_fail,E0277
/// fn give_away(_: impl Send) {}
/// let given_away: fn(switchlab_switch::Owner) = |owner| give_away(owner);
/// ```
#[derive(Debug)]
#[must_use = "what is suspended never goes on otherwise"]
pub struct Owner {
    stack_pointer: usize,
    resume_at: usize,
    base_pointer: usize,
    stays: PhantomData<*mut ()>,
}

/// What a fiber runs first: it gets its owner in three words, which [`Owner::from_words`] puts together, and
/// the argument; it never returns.
pub type FiberEntry =
    extern "C" fn(stack_pointer: usize, resume_at: usize, base_pointer: usize, argument: usize) -> !;

/// Suspends the side that runs, which leaves itself in `$own_stack`, `$own_place` and `$own_base`, and goes on with
/// the other, which stands in `$stack`, `$place` and `$base`; goes on here when the other has left itself there again.
///
/// Six instructions, none of which touches memory. Pushed and popped, rbp would come from what the other side's
/// switch has just stored: a store and a load that each switch waits for.
macro_rules! switch_sides {
    (
        $other:ident,
        own: $own_stack:tt $own_place:tt $own_base:tt,
        other: $stack:tt $place:tt $base:tt
    ) => {
        // SAFETY: the caller owes that the other is suspended with its stack intact, and it was given away, so nobody
        // goes on with it twice. All registers that can carry the compiler's values across are destroyed by declaration,
        // but rbp: that is in `$own_base`, which the other side holds and gives back as it holds and gives back the stack
        // pointer. Nothing is written below either stack pointer.
        unsafe {
            switching_asm!(
                {
                    concat!("mov ", $own_base, ", rbp /* {rbx} */"),   // what inline asm can not declare
                    concat!("lea ", $own_place, ", [rip + 2f]"),    // where this side goes on
                    concat!("mov ", $own_stack, ", rsp"),
                    concat!("mov rsp, ", $stack),       // from here on the other stack
                    concat!("jmp ", $place),            // usually label 2 of another copy of this
                    align_label_2!(),
                    "2:",                               // resumed: the other side has left itself
                    concat!("mov rbp, ", $own_base),   // which it held, as it held the two others
                }
                inout($stack) $other.stack_pointer,
                inout($place) $other.resume_at,
                inout($base) $other.base_pointer,
                out($own_stack) _, out($own_place) _, out($own_base) _,
                out("rdx") _, out("rdi") _, out("rsi") _,
            );
        }
    };
}

impl Fiber {
    /// A fiber that, when it is first gone on with, calls `entry` on the stack that ends at `stack_top`,
    /// with its owner and `argument`.
    ///
    /// # Safety
    ///
    /// As [`Context::prepare`].
    #[expect(unsafe_code, reason = "writes the first frame of a new stack")]
    pub unsafe fn prepare(stack_top: *mut u8, entry: FiberEntry, argument: usize) -> Self {
        debug_assert!(stack_top.addr().is_multiple_of(16), "stack top {stack_top:p} is not aligned");
        let frame = stack_top.cast::<usize>().wrapping_sub(2);
        // SAFETY: as in `Context::prepare`.
        unsafe {
            frame.write(argument);
            frame.add(1).write(entry as usize);
        }
        Self {
            stack_pointer: frame.addr(),
            resume_at: start_fiber as *const () as usize,
            base_pointer: 0, // the end of the chain of frame pointers, which `start_fiber` puts there
            stays: PhantomData,
        }
    }

    /// Suspends its owner, who calls this, and goes on with the fiber. Returns when the fiber
    /// [suspends](Owner::suspend) itself, with the fiber.
    ///
    /// # Safety
    ///
    /// Its stack is intact, and its flow of control belongs to this CPU.
    #[expect(unsafe_code, reason = "the switch")]
    #[inline(always)]
    pub unsafe fn resume(mut self) -> Self {
        switch_sides!(self, own: "r12" "r13" "r10", other: "r14" "r15" "r11");
        self
    }
}

impl Owner {
    /// What a [`FiberEntry`] gets, as one again.
    ///
    /// # Safety
    ///
    /// The words are those that a `FiberEntry` got, and are put together once.
    #[expect(unsafe_code, reason = "three words are taken for a flow of control")]
    pub const unsafe fn from_words(stack_pointer: usize, resume_at: usize, base_pointer: usize) -> Self {
        Self { stack_pointer, resume_at, base_pointer, stays: PhantomData }
    }

    /// Suspends the fiber that runs, and goes on with its owner. Returns when somebody
    /// [resumes](Fiber::resume) the fiber, with who that is.
    ///
    /// # Safety
    ///
    /// As [`Fiber::resume`].
    #[expect(unsafe_code, reason = "the switch")]
    #[inline(always)]
    pub unsafe fn suspend(mut self) -> Self {
        switch_sides!(self, own: "r14" "r15" "r11", other: "r12" "r13" "r10");
        self
    }
}

/// First instructions of a new context: takes the argument and the entry from its stack, and calls
/// with the stack as the ABI wants it (aligned to 16 before the `call`).
#[allow(
    unsafe_code,
    reason = "the body is all of it, and never returns; not every compiler lints this attribute"
)]
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

/// As [`start_context`], for a [`FiberEntry`]: r12, r13 and r10 are the owner.
#[allow(
    unsafe_code,
    reason = "the body is all of it, and never returns; not every compiler lints this attribute"
)]
#[unsafe(naked)]
extern "C" fn start_fiber() -> ! {
    core::arch::naked_asm!(
        "mov rdi, r12", // who resumed it: the first three parameters of the ABI
        "mov rsi, r13",
        "mov rdx, r10",
        "pop rcx",      // argument: the fourth
        "pop rax",      // entry
        "xor ebp, ebp", // end of the chain of frame pointers
        "call rax",
        "ud2", // entry never returns
    )
}

const _: () = {
    assert!(core::mem::offset_of!(Context, stack_pointer) == 0, "the asm above");
    assert!(core::mem::offset_of!(Context, resume_at) == 8, "the asm above");
};
