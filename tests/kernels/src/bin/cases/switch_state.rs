//! Registers and flags survive switches; MXCSR and the x87 control word are left alone.

use core::{
    arch::{asm, naked_asm},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use case::{check, count, for_ever};
use switchlab_kernel::{
    bring_up::Lab,
    sched::{
        self, Cpu,
        fiber::{Body, Fiber, Owner},
    },
};
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};

const SWITCHES: u64 = 10_000;
const OWNER_MXCSR: u32 = 0x1f80 | 0x6000; // round towards zero
const OWNER_CONTROL_WORD: u16 = 0x027f; // double precision
const FIBER_MXCSR: u32 = 0x1f80 | 0x2000; // round down
/// The flags that belong to the system or the ABI: TF, IF, DF, IOPL, NT, AC, ID.
const SYSTEM_FLAGS: u64 = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18 | 1 << 21;
const ID: u64 = 1 << 21;
const INTERRUPT: u64 = 1 << 9;

#[derive(Default)]
struct Shared {
    fiber_lost: AtomicU64,
    fiber_saw_mxcsr: AtomicU64,
    fiber_saw_flags: AtomicU64,
    set_mxcsr: AtomicU64,
}

pub fn switch_state(_: &Lab) {
    enable_sse();
    let shared = for_ever(Shared::default());
    let mut fiber = Fiber::new(FiberSide(shared)).expect("a stack");

    let mut lost = 0;
    for _ in 0..SWITCHES {
        // SAFETY: `resume` takes the fiber back from its address.
        lost |= unsafe { keep_registers(resume, (&raw mut fiber).addr(), 0x0123_4567_89ab_cdef) };
    }
    check!(lost == 0, "the owner lost callee-saved registers: mask {lost:#b} (rbx rbp r12 r13 r14 r15)");
    let fiber_lost = shared.fiber_lost.load(Relaxed);
    check!(fiber_lost == 0, "the fiber lost callee-saved registers: mask {fiber_lost:#b}");

    for (task, lost) in tasks().into_iter().enumerate() {
        check!(lost == 0, "task {task} lost callee-saved registers: mask {lost:#b}");
    }

    for flags in [0, ID, INTERRUPT, ID | INTERRUPT] {
        let before = set_flags(flags);
        fiber.resume();
        let after = read_flags() & SYSTEM_FLAGS;
        set_flags(0);
        check!(after == before, "flags {before:#x} became {after:#x} across a switch");
        let seen = shared.fiber_saw_flags.load(Relaxed);
        check!(seen == before, "flags {before:#x} were {seen:#x} on the other side");
    }

    write_mxcsr(OWNER_MXCSR);
    write_control_word(OWNER_CONTROL_WORD);
    fiber.resume();
    check!(read_mxcsr() == OWNER_MXCSR, "MXCSR became {:#x}", read_mxcsr());
    check!(
        read_control_word() == OWNER_CONTROL_WORD,
        "the x87 control word became {:#x}",
        read_control_word()
    );
    let seen = shared.fiber_saw_mxcsr.load(Relaxed);
    check!(seen == u64::from(OWNER_MXCSR), "the fiber saw MXCSR {seen:#x}: a switch changed it");
    // One setting for all: what the fiber sets, the owner finds.
    shared.set_mxcsr.store(1, Relaxed);
    fiber.resume();
    check!(read_mxcsr() == FIBER_MXCSR, "MXCSR {:#x}: a switch restored it", read_mxcsr());
    count("switches", 2 * SWITCHES);
    count("yields", 2 * SWITCHES);
}

/// The same of two tasks that yield to each other, by the scheduler's switch: what each lost.
fn tasks() -> [u64; 2] {
    let lost: &'static [AtomicU64; 2] = for_ever([const { AtomicU64::new(0) }; 2]);
    let spawn = |task: usize| {
        sched::spawn_on(Cpu::current().cpu(), move || {
            check!(is_aligned(), "task {task} stands on a stack that is not aligned");
            for round in 0..SWITCHES {
                // SAFETY: `yield_now` takes any argument.
                let found = unsafe { keep_registers(yield_now, 0, round << 8 | task as u64) };
                lost[task].fetch_or(found, Relaxed);
            }
        })
    };
    let tasks = [0, 1].map(|task| spawn(task).expect("a stack"));
    tasks.into_iter().for_each(sched::JoinHandle::join);
    lost.each_ref().map(|lost| lost.load(Relaxed))
}

/// Whether a function is called with the stack aligned to 16, its return address below (System V ABI for AMD64, 3.2.2).
fn is_aligned() -> bool {
    #[unsafe(naked)]
    extern "C" fn at_entry() -> u64 {
        naked_asm!("mov rax, rsp", "ret")
    }
    at_entry() % 16 == 8
}

extern "C" fn yield_now(_: usize) {
    sched::yield_now();
}

struct FiberSide(&'static Shared);

impl Body for FiberSide {
    fn run(self, owner: Owner) -> ! {
        fiber_side(self.0, owner)
    }
}

fn fiber_side(shared: &Shared, mut owner: Owner) -> ! {
    let mut round: u64 = 0;
    check!(is_aligned(), "a fiber stands on a stack that is not aligned");
    loop {
        round += 1;
        shared.fiber_saw_mxcsr.store(u64::from(read_mxcsr()), Relaxed);
        shared.fiber_saw_flags.store(read_flags() & SYSTEM_FLAGS, Relaxed);
        if shared.set_mxcsr.load(Relaxed) != 0 {
            write_mxcsr(FIBER_MXCSR);
        }
        // SAFETY: `suspend` takes the owner back from its address.
        let lost = unsafe { keep_registers(suspend, (&raw mut owner).addr(), !round) };
        shared.fiber_lost.fetch_or(lost, Relaxed);
    }
}

extern "C" fn resume(fiber: usize) {
    // SAFETY: `switch_state` passes its fiber's address and does not touch it meanwhile.
    unsafe { &mut *(fiber as *mut Fiber) }.resume();
}

extern "C" fn suspend(owner: usize) {
    // SAFETY: `fiber_side` passes its owner's address and does not touch it meanwhile.
    unsafe { &mut *(owner as *mut Owner) }.suspend();
}

/// Fills the callee-saved registers with patterns made of `seed`, calls `work(argument)`, and returns
/// a mask of those that came back changed.
///
/// # Safety
///
/// `work` accepts `argument`.
#[unsafe(naked)]
unsafe extern "C" fn keep_registers(work: extern "C" fn(usize), argument: usize, seed: u64) -> u64 {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rdx", // the seed; the stack is aligned to 16 now
        "mov rax, rdi",
        "mov rdi, rsi",
        "lea rbx, [rdx + 1]",
        "lea rbp, [rdx + 2]",
        "lea r12, [rdx + 3]",
        "lea r13, [rdx + 4]",
        "lea r14, [rdx + 5]",
        "lea r15, [rdx + 6]",
        "call rax",
        "pop rdx",
        "xor eax, eax",
        "lea rcx, [rdx + 1]",
        "cmp rbx, rcx",
        "je 2f",
        "or eax, 1",
        "2:",
        "lea rcx, [rdx + 2]",
        "cmp rbp, rcx",
        "je 2f",
        "or eax, 2",
        "2:",
        "lea rcx, [rdx + 3]",
        "cmp r12, rcx",
        "je 2f",
        "or eax, 4",
        "2:",
        "lea rcx, [rdx + 4]",
        "cmp r13, rcx",
        "je 2f",
        "or eax, 8",
        "2:",
        "lea rcx, [rdx + 5]",
        "cmp r14, rcx",
        "je 2f",
        "or eax, 16",
        "2:",
        "lea rcx, [rdx + 6]",
        "cmp r15, rcx",
        "je 2f",
        "or eax, 32",
        "2:",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
    )
}

fn enable_sse() {
    // SAFETY: makes LDMXCSR and FLDCW legal; nothing else here uses those registers.
    unsafe {
        Cr4::update(|flags| *flags |= Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE);
        Cr0::update(|flags| *flags -= Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
        asm!("fninit");
    }
}

fn read_mxcsr() -> u32 {
    let mut value = 0_u32;
    // SAFETY: stores to a local.
    unsafe { asm!("stmxcsr [{}]", in(reg) &raw mut value) };
    value
}

fn write_mxcsr(value: u32) {
    // SAFETY: a legal value.
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const value) };
}

fn read_control_word() -> u16 {
    let mut value = 0_u16;
    // SAFETY: stores to a local.
    unsafe { asm!("fnstcw [{}]", in(reg) &raw mut value) };
    value
}

fn write_control_word(value: u16) {
    // SAFETY: a legal value.
    unsafe { asm!("fldcw [{}]", in(reg) &raw const value) };
}

fn read_flags() -> u64 {
    let flags;
    // SAFETY: reads the flags.
    unsafe { asm!("pushfq", "pop {}", out(reg) flags) };
    flags
}

/// Sets the system flags to `flags` (ID and IF may be in it) and returns what they are then.
fn set_flags(flags: u64) -> u64 {
    let new = read_flags() & !SYSTEM_FLAGS | flags;
    // SAFETY: interrupts that come meanwhile only count.
    unsafe { asm!("push {}", "popfq", in(reg) new) };
    read_flags() & SYSTEM_FLAGS
}
