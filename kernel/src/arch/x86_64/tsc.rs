//! Reading the time stamp counter (Intel SDM vol. 3, 18.17).
//!
//! `lfence; rdtsc` before what is timed: all before it has completed, nothing after it has begun.
//! `rdtscp; lfence` after it: RDTSCP waits for what is timed, LFENCE holds back what follows. Not
//! CPUID: under virtualisation it traps. Both clear the upper halves of RAX and RDX (vol. 2, RDTSC), so
//! the halves are taken as 64-bit registers and need no extension.

use core::{
    arch::asm,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Whether RDTSCP is there; set once by [`detect`].
static HAS_RDTSCP: AtomicBool = AtomicBool::new(false);

/// Finds out whether RDTSCP is there. Once, before the first [`end`].
pub fn detect() -> bool {
    let found = raw_cpuid::CpuId::new()
        .get_extended_processor_and_feature_identifiers()
        .is_some_and(|f| f.has_rdtscp());
    HAS_RDTSCP.store(found, Relaxed);
    found
}

/// The counter in TSC ticks, to be read before what is timed.
#[inline(always)]
pub fn start() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: reads a counter. The memory clobber keeps memory accesses on their side.
    unsafe { asm!("lfence", "rdtsc", out("rax") low, out("rdx") high, options(nostack, preserves_flags)) };
    high << 32 | low
}

/// The counter in TSC ticks, to be read after what is timed.
#[inline(always)]
pub fn end() -> u64 {
    if !HAS_RDTSCP.load(Relaxed) {
        return fenced();
    }
    let (low, high): (u64, u64);
    // SAFETY: as in `start`; ECX takes TSC_AUX.
    unsafe {
        asm!("rdtscp", "lfence", out("rax") low, out("rdx") high, out("rcx") _, options(nostack, preserves_flags));
    }
    high << 32 | low
}

/// The counter in TSC ticks, read between what comes before and what comes after: it ends the one and
/// starts the other.
///
/// `lfence; rdtsc; lfence`. RDTSCP would save the first fence and cost the question whether it is there.
#[inline(always)]
pub fn fenced() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: as in `start`.
    unsafe {
        asm!("lfence", "rdtsc", "lfence", out("rax") low, out("rdx") high, options(nostack, preserves_flags));
    }
    high << 32 | low
}

/// The counter in TSC ticks, read at about this place: for what waits by it.
#[inline(always)]
pub fn unfenced() -> u64 {
    let (low, high): (u64, u64);
    // SAFETY: as in `start`.
    unsafe { asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack, preserves_flags)) };
    high << 32 | low
}

/// Takes one instruction more where `n` is odd: so that readings of a counter that counts instructions do
/// not keep one distance, which would pass for its step.
#[inline(always)]
pub fn stagger(n: usize) {
    // SAFETY: changes nothing but flags.
    unsafe { asm!("test {0}, 1", "jz 2f", "nop", "2:", in(reg) n, options(nomem, nostack)) };
}
