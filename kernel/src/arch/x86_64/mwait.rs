//! MONITOR and MWAIT: a CPU names a cache line and stops until somebody writes to it (Intel SDM vol. 3, 9.10.4).
//!
//! An emulator may let MWAIT return at once, which the definition allows: it may end for any reason. Then it
//! is no more than a PAUSE, and only a measurement tells.

use core::{
    arch::asm,
    sync::atomic::{AtomicU64, Ordering::Acquire},
};

/// Stands for both instructions being there.
#[derive(Clone, Copy, Debug)]
pub struct Mwait(());

/// What is said where they are not.
pub const ABSENT: &str = "this CPU has no MONITOR and MWAIT (CPUID 1, ECX bit 3); under TCG --cpu max has them, under KVM --cpu host with QEMU's -overcommit cpu-pm=on";

impl Mwait {
    /// Looks whether the running CPU has them (CPUID 1, ECX bit 3).
    pub fn detect() -> Option<Self> {
        let has =
            raw_cpuid::CpuId::new().get_feature_info().is_some_and(|features| features.has_monitor_mwait());
        has.then_some(Self(()))
    }

    /// Waits once until the line of `word` is written to, or anything else ends the wait; not at all where
    /// the word is another than `last` already. Interrupts stay off, so none ends it.
    #[inline(always)]
    pub fn wait_once(self, word: &AtomicU64, last: u64) {
        // SAFETY: the CPU has the instruction and the kernel runs at privilege level 0; a hint and an extension
        // of 0 are always allowed. It reads the word.
        unsafe {
            asm!(
                "monitor",
                in("rax") word.as_ptr(), in("rcx") 0_u64, in("rdx") 0_u64,
                options(nostack, preserves_flags)
            );
        }
        // What was written before the line was armed would end no wait. Acquire: pairs with the put.
        if word.load(Acquire) == last {
            // SAFETY: as above; ECX = 0, so interrupts, being off, do not end it.
            unsafe { asm!("mwait", in("rax") 0_u64, in("rcx") 0_u64, options(nostack, preserves_flags)) };
        }
    }
}
