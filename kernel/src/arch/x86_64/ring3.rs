//! Ring 3: how a CPU goes there, and every way in which it comes back.
//!
//! ```text
//!   run ──► iretq ──► ring 3 ──┬─ syscall ──────────────► system_call ─┬─► sysretq ──► ring 3
//!                              ├─ exception, tick, IPI ─► trap ────────┼─► iretq ────► ring 3
//!   run returns ◄──────────────┴───────────────────────────────────────┘ where the handler says so
//! ```
//!
//! What stands above (processes) says by [`init`] what becomes of a bad way back, and to each [`run`] what is called
//! when ring 3 is left by who runs there. It calls [`begin`] on a CPU before the first [`run`] there, [`end`] behind
//! the last. Between these the CPU uses
//! an IDT of its own, SYSCALL, and what protects ring 0 from ring 3 by the CPU's own means; before and behind
//! them it is as it was. So a CPU without ring 3 pays nothing for it.
//!
//! GS: in ring 0 its base is the [`PerCpu`], in ring 3 it is the program's. Each entry
//! from ring 3 exchanges them by SWAPGS, and each way back does.

mod copy;
mod entries;
mod protection;

use core::{
    arch::asm,
    mem::offset_of,
    ptr,
    sync::atomic::{
        AtomicU64,
        Ordering::{Relaxed, Release},
    },
};

use x86_64::{
    VirtAddr,
    instructions::segmentation::{DS, ES, FS, Segment},
    registers::model_specific::{FsBase, GsBase, KernelGsBase},
    structures::gdt::SegmentSelector,
};

pub use copy::{Unreadable, copy_from_user, copy_to_user};
pub use entries::{Answer, Entries, LEAVE, SAVED_WORDS, Start, SystemCallFrame, frame_below, run};
pub use protection::{Protection, in_force, protection};

use super::{
    apic,
    idt::vector,
    percpu::{self, PerCpu},
    trap::TrapFrame,
};

/// What a system call does: gets its arguments and its number, in the order of the ABI for C, whose fourth is
/// the number. On the stack whose top is the word that [`set_current`] set.
pub type SystemCallHandler = extern "C" fn(u64, u64, u64, number: u64, u64, u64) -> Answer;

/// What happens where ring 3 was left otherwise. Returns whether [`run`] returns, rather than ring 3 goes on
/// with what is in the frame.
pub type TrapHandler = extern "C" fn(&mut TrapFrame) -> bool;

/// What happens where ring 3 would go on at an address that is not canonical, which SYSRET must not meet.
/// Behind it [`run`] returns.
pub type BadReturnHandler = extern "C" fn(address: u64);

/// One CPU's words of ring 3. Touched by that CPU alone; others may look.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Words {
    /// The stack pointer of ring 3, for two instructions.
    user_stack: AtomicU64,
    /// Whose state of ring 3 is in the CPU's registers: an address that [`set_current`] got; 0 for nobody.
    current: AtomicU64,
    /// How many have begun here and not ended.
    living: AtomicU64,
    /// How many of them want the timer to tick.
    ticking: AtomicU64,
    /// Loads of CR3 for ring 3's sake.
    loads: AtomicU64,
    /// System calls.
    calls: AtomicU64,
    /// The root of the address space that was loaded for ring 3, as its word of CR3; 0 for the kernel's own.
    space: AtomicU64,
    /// 1 where ring 3 may use vector state now.
    vectors: AtomicU64,
    /// The base of FS.
    fs_base: AtomicU64,
    /// The base of GS in ring 3.
    gs_base: AtomicU64,
    /// CR0 and CR4 as they were.
    control: [AtomicU64; 2],
}

impl Words {
    pub(super) const fn new() -> Self {
        Self {
            user_stack: AtomicU64::new(0),
            current: AtomicU64::new(0),
            living: AtomicU64::new(0),
            ticking: AtomicU64::new(0),
            loads: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            space: AtomicU64::new(0),
            vectors: AtomicU64::new(0),
            fs_base: AtomicU64::new(0),
            gs_base: AtomicU64::new(0),
            control: [const { AtomicU64::new(0) }; 2],
        }
    }
}

const USER_STACK: usize = percpu::RING3 + offset_of!(Words, user_stack);
const CURRENT: usize = percpu::RING3 + offset_of!(Words, current);
const SPACE: usize = percpu::RING3 + offset_of!(Words, space);
const VECTORS: usize = percpu::RING3 + offset_of!(Words, vectors);
const LOADS: usize = percpu::RING3 + offset_of!(Words, loads);
const CALLS: usize = percpu::RING3 + offset_of!(Words, calls);

/// Registers what is called where ring 3 would go on at a bad address. Once, before the first [`begin`].
pub fn init(bad_return: BadReturnHandler) {
    // Release: pairs with nothing but the start of tasks on other CPUs, which orders it all the same.
    entries::BAD_RETURN.store(bad_return as *mut (), Release);
    entries::fill_table();
}

/// Makes the running CPU one that runs ring 3, until as many have [`end`]ed here as began.
///
/// # Panics
///
/// If threads of ring 0 run here: vector state is either theirs or ring 3's.
pub fn begin() {
    assert!(percpu::threads() == 0, "a CPU runs threads of ring 0 or ring 3, not both at a time");
    let words = &percpu::this_cpu().ring3;
    let living = words.living.load(Relaxed);
    if living == 0 {
        let [cr0, cr4] = protection::turn_on();
        words.control[0].store(cr0, Relaxed);
        words.control[1].store(cr4, Relaxed);
        words.vectors.store(0, Relaxed);
        entries::turn_on();
    }
    words.living.store(living + 1, Relaxed);
}

/// Whether ring 3 runs on the running CPU.
pub fn has_begun() -> bool {
    percpu::this_cpu().ring3.living.load(Relaxed) != 0
}

/// One has ended here; behind the last the CPU is as it was.
pub fn end() {
    let words = &percpu::this_cpu().ring3;
    let living = words.living.load(Relaxed) - 1;
    if living == 0 {
        entries::turn_off();
        protection::turn_off(words.control.each_ref().map(|word| word.load(Relaxed)));
    }
    words.living.store(living, Relaxed);
}

/// Lets this CPU's timer tick each time that it has counted so far, until as many called [`stop_ticks`] as this.
/// Where several want it, it is as the last one says.
pub fn start_ticks(counts: u32) {
    let ticking = &percpu::this_cpu().ring3.ticking;
    ticking.store(ticking.load(Relaxed) + 1, Relaxed);
    apic::start_timer(vector::TICK, counts);
}

/// As [`start_ticks`], for one whom any tick serves: where others want it, it stays as they said.
pub fn keep_ticking() {
    let ticking = &percpu::this_cpu().ring3.ticking;
    if ticking.load(Relaxed) == 0 {
        apic::start_ticks();
    }
    ticking.store(ticking.load(Relaxed) + 1, Relaxed);
}

/// One does not want it any more.
pub fn stop_ticks() {
    let ticking = &percpu::this_cpu().ring3.ticking;
    let left = ticking.load(Relaxed) - 1;
    ticking.store(left, Relaxed);
    if left == 0 {
        apic::stop_ticks();
    }
}

/// Whether the state of ring 3 in the running CPU's registers is that of `who`. A comparison and a branch.
#[inline(always)]
pub fn is_current<T>(who: *const T) -> bool {
    // SAFETY: as `percpu::word_is`.
    unsafe {
        asm!(
            "cmp gs:[{}], {}",
            "jne {}",
            const CURRENT,
            in(reg) who,
            label { return false },
            options(readonly, nostack)
        );
    }
    true
}

/// Whose state of ring 3 is in the running CPU's registers; null for nobody.
#[inline(always)]
pub fn current<T>() -> *const T {
    let who;
    // SAFETY: reads a word of this CPU; not pure, since a switch comes back to another.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) who, const CURRENT, options(readonly, nostack, preserves_flags));
    }
    who
}

/// Says that it is that of `who`, which leaves ring 3 to the stack that ends at `kernel_stack`.
///
/// # Safety
///
/// The stack is that of the running task, and as [`run`] left it.
#[inline(always)]
pub unsafe fn set_current<T>(who: *const T, kernel_stack: u64) {
    // SAFETY: words of this CPU that nobody else writes; the processor reads the second in ring 3 only.
    unsafe {
        asm!(
            "mov gs:[{current}], {who}",
            "mov gs:[{stack}], {kernel_stack}",
            current = const CURRENT,
            stack = const percpu::KERNEL_STACK,
            who = in(reg) who,
            kernel_stack = in(reg) kernel_stack,
            options(nostack, preserves_flags)
        );
    }
}

/// Goes on in the address space that the word `cr3` stands for, and counts it. Its threads know it by `space`, a number
/// that is not 0.
///
/// # Safety
///
/// The word is a valid one of CR3; the space has the kernel's half, and lives until another is loaded here.
#[inline(always)]
pub unsafe fn load_address_space(cr3: u64, space: u64) {
    // SAFETY: the caller owes the space. The kernel's half is the same in all, so that code and stack stay.
    unsafe {
        asm!(
            "inc qword ptr gs:[{loads}]",
            "mov gs:[{at}], {space}",
            "mov cr3, {cr3}",
            loads = const LOADS,
            at = const SPACE,
            space = in(reg) space,
            cr3 = in(reg) cr3,
            options(nostack)
        );
    }
}

/// Whether the address space that is known by `space` is loaded here. A comparison and a branch.
#[inline(always)]
pub fn is_loaded(space: u64) -> bool {
    // SAFETY: as in `is_current`.
    unsafe {
        asm!(
            "cmp gs:[{}], {}",
            "jne {}",
            const SPACE,
            in(reg) space,
            label { return false },
            options(readonly, nostack)
        );
    }
    true
}

/// Lets ring 3 use vector state, or makes its use an exception (`protection`), where it is not so
/// already: a comparison and a branch then.
#[inline(always)]
pub fn allow_vectors(allowed: bool) {
    // SAFETY: as in `is_current`.
    unsafe {
        asm!(
            "cmp qword ptr gs:[{}], {}",
            "jne {}",
            const VECTORS,
            in(reg) u64::from(allowed),
            label { allow_vectors_anew(allowed) },
            options(readonly, nostack)
        );
    }
}

/// Sets the bit, whatever it was.
pub(super) fn set_vectors(allowed: bool) {
    allow_vectors_anew(allowed);
}

#[cold]
#[inline(never)]
fn allow_vectors_anew(allowed: bool) {
    percpu::this_cpu().ring3.vectors.store(u64::from(allowed), Relaxed);
    protection::allow_vectors(allowed);
}

/// Loads CR3 with what it holds, which empties the TLB, and counts it as [`load_address_space`] does.
#[inline(always)]
pub fn reload_address_space() {
    // SAFETY: the address space stays what it is.
    unsafe {
        asm!("inc qword ptr gs:[{}]", "mov {1}, cr3", "mov cr3, {1}", const LOADS, out(reg) _, options(nostack));
    }
}

/// Counts a system call. One instruction.
#[inline(always)]
pub fn count_call() {
    // SAFETY: as `percpu::count`.
    unsafe { asm!("inc qword ptr gs:[{}]", const CALLS, options(nostack)) };
}

/// How often a CPU has loaded CR3 for ring 3, so far. Any CPU may ask.
pub fn loads_of(cpu: &PerCpu) -> u64 {
    cpu.ring3.loads.load(Relaxed)
}

/// How many system calls a CPU has taken so far. Any CPU may ask.
pub fn calls_of(cpu: &PerCpu) -> u64 {
    cpu.ring3.calls.load(Relaxed)
}

/// The bases of FS and GS that ring 3 has, and null selectors in the segment registers, whatever ran before.
///
/// A base costs a WRMSR, so it is written only where the CPU does not have it. A program can load a selector,
/// which sets a base without the kernel's knowing: then both are written. So they are behind [`raise_question`].
#[inline(always)]
pub fn load_bases(fs: u64, gs: u64) -> Bases {
    let words = &percpu::this_cpu().ring3;
    let selectors: u64;
    // SAFETY: reads selectors.
    unsafe {
        asm!(
            "mov {0:e}, ds", "mov {1:e}, es", "or {0:e}, {1:e}",
            "mov {1:e}, fs", "or {0:e}, {1:e}", "mov {1:e}, gs", "or {0:e}, {1:e}",
            out(reg) selectors, out(reg) _,
            options(nomem, nostack)
        );
    }
    let loaded = (words.fs_base.load(Relaxed), words.gs_base.load(Relaxed));
    if selectors != 0 || loaded != (fs, gs) {
        load_bases_anew(fs, gs);
        return Bases::Written;
    }
    Bases::AsTheyWere
}

/// What [`load_bases`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bases {
    /// Nothing.
    AsTheyWere,
    /// It wrote them: they were others, or a question was raised.
    Written,
}

/// Makes who goes on next in ring 3 on this CPU load its state, find bases that nobody has, and so write them: which
/// it is told, and asks then what else there is. For questions that are not worth one of their own each time.
///
/// Called in the midst of calls and traps too: see [`forget_current`] for what they owe behind it.
pub fn raise_question() {
    forget_current();
    percpu::this_cpu().ring3.fs_base.store(NO_BASE, Relaxed);
}

/// No base: not canonical.
const NO_BASE: u64 = 1 << 63;

#[cold]
#[inline(never)]
fn load_bases_anew(fs: u64, gs: u64) {
    let percpu = percpu::this_cpu();
    // SAFETY: null selectors in registers that 64-bit code needs none in; the base of GS, which loading it
    // may clear, is set again at once, with interrupts off.
    unsafe {
        DS::set_reg(SegmentSelector::NULL);
        ES::set_reg(SegmentSelector::NULL);
        FS::set_reg(SegmentSelector::NULL);
        asm!("mov gs, {0:e}", in(reg) 0, options(nostack, preserves_flags));
    }
    GsBase::write(VirtAddr::from_ptr(percpu));
    FsBase::write(VirtAddr::new_truncate(fs));
    // What SWAPGS exchanges: in ring 0 the one that ring 3 has.
    KernelGsBase::write(VirtAddr::new_truncate(gs));
    percpu.ring3.fs_base.store(fs, Relaxed);
    percpu.ring3.gs_base.store(gs, Relaxed);
}

/// Takes back what a program may have allowed by its flags: with SMAP, that ring 0 touches its pages. An
/// interrupt leaves that flag as it was, unlike SYSCALL.
#[inline(always)]
pub fn forbid_access() {
    if protection::SMAP_IS_ON.load(Relaxed) {
        // SAFETY: CLAC exists where SMAP is on, and clears a flag that the kernel wants clear.
        unsafe { asm!("clac", options(nostack)) };
    }
}

/// Nobody's state is in the registers any more. Who goes on in ring 3, here or in the midst of a call, has to ask
/// [`is_current`] before it does, and load its own.
pub fn forget_current() {
    // SAFETY: the processor reads the stack at the next entry from ring 3. Before that ring 3 is entered by `run`, which
    // sets it; or gone back to from a call or a trap, which the processes' `go_on` is behind wherever this may have been
    // called: it finds that nobody is current, and sets the stack.
    unsafe { set_current(ptr::null::<()>(), 0) };
}
