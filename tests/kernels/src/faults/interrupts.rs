//! Wake-ups that go wrong, between the CPU that asks and the one that answers.

use core::{
    arch::naked_asm,
    hint::spin_loop,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed},
};

use switchlab_core::ApicId;
use switchlab_kernel::{
    arch::{idt::vector, ipi},
    sched::Cpu,
};
use switchlab_sync::Words;

use crate::gate::Gate;

/// An APIC id that no machine of these tests has, and that all modes can send to.
const NOBODY: ApicId = ApicId::new(254);

/// Interrupts `cpu` for no reason, and waits until it has taken that: so it does not merge with what comes next.
pub fn send_spurious(cpu: &'static Cpu) {
    let taken = cpu.counters().ipis_taken;
    let before = taken.load(Relaxed);
    ipi::send_wake_up(cpu.words());
    while taken.load(Relaxed) == before {
        spin_loop();
    }
}

/// Lets what `cpu`, which runs this, has taken last come once more; it is pending until `cpu` takes any.
pub fn send_again(cpu: &'static Cpu) {
    ipi::send_wake_up(cpu.words());
}

/// Lets the next wake-up of `cpu` go to nobody.
pub fn lose_next(cpu: &'static Cpu) {
    // SAFETY: no address: what an IPI is sent by. `cpu` halts, and who sends to it is who runs this.
    unsafe { cpu.words().set(Words::TARGET, ipi::target(NOBODY)) };
}

/// Wakes the task that waits on `cpu` twice.
pub fn wake_twice(cpu: &'static Cpu) {
    let task = cpu.current_or_none().expect("a task waits there");
    task.wake();
    task.wake();
}

/// The counter of the CPU that takes the next wake-up.
static TAKEN: AtomicPtr<u64> = AtomicPtr::new(core::ptr::null_mut());
/// The gate of the wake-up, and the part of it that names the real handler within 64 KiB.
static GATE: AtomicPtr<u64> = AtomicPtr::new(core::ptr::null_mut());
static REAL: AtomicU64 = AtomicU64::new(0);

/// Lets the next wake-up, which is for `cpu`, be counted and not acknowledged.
pub fn leave_next_eoi_out(cpu: &'static Cpu) {
    let gate = Gate::of(vector::WAKE_UP);
    TAKEN.store(core::ptr::from_ref(cpu.counters().ipis_taken).cast_mut().cast(), Relaxed);
    GATE.store(gate.first_word(), Relaxed);
    REAL.store(gate.words()[0], Relaxed);
    // SAFETY: code for a gate.
    unsafe { gate.lead_to(forgetful as *const () as u64) };
}

/// The wake-up's handler, without its acknowledgement; puts the real one back.
#[unsafe(naked)]
extern "C" fn forgetful() {
    naked_asm!(
        "push rax",
        "push rcx",
        "mov rax, [rip + {taken}]",
        "inc qword ptr [rax]",
        "mov rax, [rip + {gate}]",
        "mov rcx, [rip + {real}]",
        "mov [rax], rcx",
        "pop rcx",
        "pop rax",
        "iretq",
        taken = sym TAKEN,
        gate = sym GATE,
        real = sym REAL,
    )
}
