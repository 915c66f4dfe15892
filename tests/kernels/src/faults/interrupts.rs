//! Wake-ups that go wrong, between the CPU that asks and the one that answers.

use core::{
    arch::{asm, naked_asm},
    hint::spin_loop,
    mem::MaybeUninit,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed},
};

use switchlab_core::ApicId;
use switchlab_kernel::{
    arch::{idt::vector, ipi},
    sched::Cpu,
};
use switchlab_sync::Words;

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
    let gate = gate_of(vector::WAKE_UP);
    TAKEN.store(core::ptr::from_ref(cpu.counters().ipis_taken).cast_mut().cast(), Relaxed);
    GATE.store(gate, Relaxed);
    let forgetful = forgetful as *const () as u64;
    // SAFETY: a gate of the IDT, 16 bytes; all CPUs read it by halves that are written whole.
    unsafe {
        let (low, high) = (gate.read(), gate.add(1).read());
        assert!(high == forgetful >> 32, "all handlers are in the uppermost 2 GiB");
        REAL.store(low, Relaxed);
        // Offset 15:0, selector and attributes, offset 31:16 (Intel SDM vol. 3, 6.14.1).
        gate.write_volatile(
            forgetful & 0xffff | low & 0x0000_ffff_ffff_0000 | (forgetful & 0xffff_0000) << 32,
        );
    }
}

fn gate_of(vector: u8) -> *mut u64 {
    let mut pointer = MaybeUninit::<[u8; 10]>::uninit();
    // SAFETY: writes ten bytes: the limit and the address.
    let pointer = unsafe {
        asm!("sidt [{}]", in(reg) pointer.as_mut_ptr(), options(nostack, preserves_flags));
        pointer.assume_init()
    };
    let [_, _, address @ ..] = pointer;
    let table = u64::from_le_bytes(address);
    core::ptr::with_exposed_provenance_mut((table + 16 * u64::from(vector)) as usize)
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
