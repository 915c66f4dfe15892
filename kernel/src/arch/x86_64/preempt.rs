//! The interrupts that take the CPU from a thread: the quantum's, and the trap at the first use of the vector state.
//!
//! Threads run with interrupts on. While one is in the kernel's services, or where no thread runs at all, the CPU's word
//! `PREEMPTIBLE` is 0, and the quantum's interrupt is acknowledged and nothing else: so the
//! scheduler is never entered from within itself.

use core::{
    arch::naked_asm,
    mem, ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{Acquire, Release},
    },
};

use switchlab_core::icr::{Delivery, Destination, Icr};
use switchlab_records::ApicMode;

use super::{apic, idt, idt::vector, percpu, trap};

/// What is called, with interrupts off: that the quantum is over, and that the vector state is used.
#[derive(Clone, Copy, Debug)]
pub struct Handlers {
    /// Behind a tick that found a thread.
    pub preempted: fn(),
    /// At the first use.
    pub state_used: fn(),
}

static PREEMPTED: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());
static STATE_USED: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// Registers both; again and again does no harm. While no thread runs.
pub fn init(handlers: Handlers) {
    PREEMPTED.store(handlers.preempted as *mut (), Release);
    STATE_USED.store(handlers.state_used as *mut (), Release);
    let quantum = match apic::mode() {
        ApicMode::Xapic => quantum_xapic as *const (),
        ApicMode::X2apic => quantum_x2apic as *const (),
    };
    // SAFETY: both are entered by interrupt gates and end in `iretq`; no thread runs, so neither comes meanwhile.
    unsafe {
        idt::set_handler(vector::QUANTUM, quantum.addr());
        idt::set_handler(vector::DEVICE_NOT_AVAILABLE, (device_not_available as *const ()).addr());
    }
}

/// Sends the quantum's interrupt to the running CPU: what its timer does, at a moment of one's own.
#[inline(always)]
pub fn end_quantum_now() {
    const LOW: u32 = Icr::new(Delivery::Fixed(vector::QUANTUM), Destination::Myself).x2apic() as u32;
    apic::send_to_self(LOW);
}

extern "C" fn preempted() {
    call(&PREEMPTED);
}

extern "C" fn state_used() {
    call(&STATE_USED);
}

fn call(handler: &AtomicPtr<()>) {
    let handler = handler.load(Acquire);
    if !handler.is_null() {
        // SAFETY: only `init` writes it, from a `fn()`.
        let handler = unsafe { mem::transmute::<*mut (), fn()>(handler) };
        handler();
    }
}

/// Does this with what a function may destroy.
macro_rules! with_destroyed {
    ($with:ident) => { trap::$with!("rax" "rcx" "rdx" "rsi" "rdi" "r8" "r9" "r10" "r11") };
}

/// Saves what a function may destroy, calls one with the stack aligned, and gives it back. The processor has aligned
/// the stack to 16 and pushed five words; nine more make it a multiple of 16 again. What a function keeps, the one
/// that is called keeps too, on this stack, through whatever switch it makes.
macro_rules! call_saving {
    ($function:literal) => {
        concat!(with_destroyed!(push), "\ncld\n call {", $function, "}\n", with_destroyed!(pop))
    };
}

/// Words of general registers that stand on a thread's stack while it is preempted: what the processor pushes, what is
/// pushed here, and what the function keeps that is called and gives up the CPU.
pub const SAVED_WORDS: usize =
    trap::PUSHED_BY_PROCESSOR + with_destroyed!(how_many) + trap::KEPT_BY_FUNCTIONS.len();

const _: () = assert!(SAVED_WORDS == trap::PUSHED_BY_PROCESSOR + trap::GENERAL_REGISTERS, "none is left out");

/// Acknowledges, and where a thread can be preempted calls [`preempted`] with the word cleared.
#[unsafe(naked)]
extern "C" fn quantum_xapic() {
    naked_asm!(
        "mov dword ptr [{eoi}], 0",
        "cmp qword ptr gs:[{preemptible}], 0",
        "je 2f",
        "mov qword ptr gs:[{preemptible}], 0",
        call_saving!("preempted"),
        "mov qword ptr gs:[{preemptible}], 1",
        "2:",
        "iretq",
        eoi = const (apic::XAPIC_VIRTUAL + apic::XAPIC_EOI) as i64 as i32,
        preemptible = const percpu::PREEMPTIBLE,
        preempted = sym preempted,
    )
}

/// See [`quantum_xapic`].
#[unsafe(naked)]
extern "C" fn quantum_x2apic() {
    naked_asm!(
        "push rax",
        "push rcx",
        "push rdx",
        "xor eax, eax",
        "xor edx, edx",
        "mov ecx, {eoi}",
        "wrmsr",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "cmp qword ptr gs:[{preemptible}], 0",
        "je 2f",
        "mov qword ptr gs:[{preemptible}], 0",
        call_saving!("preempted"),
        "mov qword ptr gs:[{preemptible}], 1",
        "2:",
        "iretq",
        eoi = const apic::X2APIC_EOI_MSR,
        preemptible = const percpu::PREEMPTIBLE,
        preempted = sym preempted,
    )
}

/// A thread's first use of its state since another's was loaded. Where no thread runs it is what it always was: the
/// end.
#[unsafe(naked)]
extern "C" fn device_not_available() {
    naked_asm!(
        "cmp qword ptr gs:[{preemptible}], 0",
        "je {fatal}",
        "mov qword ptr gs:[{preemptible}], 0",
        call_saving!("state_used"),
        "mov qword ptr gs:[{preemptible}], 1",
        "iretq",
        preemptible = const percpu::PREEMPTIBLE,
        fatal = sym fatal,
        state_used = sym state_used,
    )
}

/// Goes on as the vector's stub would.
#[unsafe(naked)]
extern "C" fn fatal() {
    naked_asm!(
        "push 0",
        "push {vector}",
        "jmp {common}",
        vector = const vector::DEVICE_NOT_AVAILABLE as i32,
        common = sym trap::common,
    )
}
