//! How often an interrupt met the patterns of those who hold some: it is counted where the saved RIP lies within the
//! window in which all registers hold them, for the one whose flags the saved ones are. What comes while somebody fills or
//! compares is not.

use core::{
    arch::naked_asm,
    ops::RangeInclusive,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::gate::Gate;

/// One that holds patterns, by its flags; where there is none they are 0, which flags never are.
#[repr(C)]
struct Holder {
    flags: AtomicU64,
    met: AtomicU64,
}

/// As many as are told apart; the handler below knows the number.
const MOST: usize = 3;

static HOLDERS: [Holder; MOST] =
    [const { Holder { flags: AtomicU64::new(0), met: AtomicU64::new(0) } }; MOST];
static FIRST: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicU64 = AtomicU64::new(0);
/// The handler that was there, and goes on.
static REAL: AtomicU64 = AtomicU64::new(0);

/// Counts from 0 on, in the table of interrupts that the running CPU uses, each interrupt by `vector` that finds a RIP in
/// `window` and these flags. While none comes.
///
/// # Panics
///
/// If there are more flags than can be told apart.
pub fn watch(vector: u8, window: &RangeInclusive<u64>, flags: &[u64]) {
    assert!(flags.len() <= MOST, "{} holders", flags.len());
    for (place, holder) in HOLDERS.iter().enumerate() {
        holder.flags.store(flags.get(place).copied().unwrap_or_default(), Relaxed);
        holder.met.store(0, Relaxed);
    }
    FIRST.store(*window.start(), Relaxed);
    LAST.store(*window.end(), Relaxed);
    let counting = counting as *const () as u64;
    let gate = Gate::of(vector);
    let real = gate.handler();
    if real != counting {
        REAL.store(real, Relaxed);
        // SAFETY: code for a gate, which goes on to what was there.
        unsafe { gate.lead_to(counting) };
    }
}

/// Interrupts that met the patterns of each, at least.
pub fn least() -> u64 {
    let there = HOLDERS.iter().filter(|holder| holder.flags.load(Relaxed) != 0);
    there.map(|holder| holder.met.load(Relaxed)).min().unwrap_or_default()
}

/// Counts, and leaves all but the flags, which `iretq` brings back, to the real handler.
#[unsafe(naked)]
extern "C" fn counting() {
    naked_asm!(
        "push rax",
        "push rcx",
        "mov rax, [rsp + 16]",
        "cmp rax, [rip + {first}]",
        "jb 2f",
        "cmp rax, [rip + {last}]",
        "ja 2f",
        "mov rax, [rsp + 32]",
        "lea rcx, [rip + {holders}]",
        ".irp i, 0, 1, 2",
        "cmp rax, [rcx + 16 * \\i]",
        "jne 3f",
        "inc qword ptr [rcx + 16 * \\i + 8]",
        "3:",
        ".endr",
        "2:",
        "pop rcx",
        "pop rax",
        "jmp [rip + {real}]",
        first = sym FIRST,
        last = sym LAST,
        holders = sym HOLDERS,
        real = sym REAL,
    )
}
