//! What a CPU can do to keep ring 3 from ring 0: turned on where it has it, for as long as it runs ring 3.
//!
//! | bit | without it | source |
//! |---|---|---|
//! | EFER.NXE | data can be executed; the loader has set it, on all CPUs | Intel SDM vol. 3, 5.13 |
//! | CR4.SMEP | ring 0 can be led to execute a program's page | 4.6.1 |
//! | CR4.SMAP | ring 0 can be led to read or write one unasked | 4.6.1 |
//! | CR4.UMIP | a program learns by SGDT, SIDT, SLDT, STR, SMSW where the tables are | 2.5 |
//! | CR0.EM | a program uses vector state, where nobody keeps that apart | 2.5 |
//! | CR4.OSXSAVE off | it reads and writes all of it by XSAVE and XRSTOR, which do not ask for EM | 2.5, 13.2 |
//! | CR0.TS, MP | by WAIT, which does not either, it meets another's pending x87 error | 2.5 |

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use x86_64::registers::{
    control::{Cr0, Cr0Flags, Cr4, Cr4Flags},
    model_specific::{Efer, EferFlags},
};

/// What of it a CPU has, or has turned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Pages that can not be executed.
    pub nx: bool,
    /// Supervisor-mode execution prevention.
    pub smep: bool,
    /// Supervisor-mode access prevention.
    pub smap: bool,
    /// User-mode instruction prevention.
    pub umip: bool,
    /// Process-context identifiers. Not a protection; the TLB keeps address spaces apart by them.
    pub pcid: bool,
}

/// Whether SMAP is on: then STAC and CLAC exist.
pub(super) static SMAP_IS_ON: AtomicBool = AtomicBool::new(false);

/// What the running CPU has, by CPUID and EFER.
pub fn protection() -> Protection {
    let cpuid = raw_cpuid::CpuId::new();
    let extended = cpuid.get_extended_feature_info();
    let extended = extended.as_ref();
    Protection {
        nx: Efer::read().contains(EferFlags::NO_EXECUTE_ENABLE),
        smep: extended.is_some_and(|features| features.has_smep()),
        smap: extended.is_some_and(|features| features.has_smap()),
        umip: extended.is_some_and(|features| features.has_umip()),
        pcid: cpuid.get_feature_info().is_some_and(|features| features.has_pcid()),
    }
}

/// What of it is on on the running CPU, by its control registers: while it runs ring 3, what it has.
pub fn in_force() -> Protection {
    let cr4 = Cr4::read();
    Protection {
        nx: Efer::read().contains(EferFlags::NO_EXECUTE_ENABLE),
        smep: cr4.contains(Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION),
        smap: cr4.contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
        umip: cr4.contains(Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
        pcid: cr4.contains(Cr4Flags::PCID),
    }
}

/// Turns on what the running CPU has; returns CR0 and CR4 as they were.
///
/// # Panics
///
/// If pages can be executed that must not: the loader turns that off, and ring 3 is nothing without.
pub(super) fn turn_on() -> [u64; 2] {
    let has = protection();
    assert!(has.nx, "EFER.NXE is off: a program's data could be executed");
    let before = [Cr0::read_raw(), Cr4::read_raw()];
    let wanted = [
        (has.smep, Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION),
        (has.smap, Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION),
        (has.umip, Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION),
        (has.pcid, Cr4Flags::PCID),
    ];
    let flags = wanted.into_iter().filter(|(has, _)| *has).fold(Cr4::read(), |flags, (_, flag)| flags | flag);
    // SAFETY: bits that the CPU has. The kernel executes and touches no page of ring 3 but in `copy`, uses none
    // of the instructions that UMIP and EM are about, and CR3's low bits are 0, as PCID wants.
    unsafe {
        Cr4::write(flags);
    }
    allow_vectors(false);
    SMAP_IS_ON.store(has.smap, Relaxed);
    before
}

/// Lets ring 3 use vector state, or not.
pub(super) fn allow_vectors(allowed: bool) {
    // SAFETY: the kernel is built without such instructions, but for those that save the state, which run while it is
    // allowed. That is only where a CPU has XSAVE (`State::enable_for_ring_3`).
    unsafe {
        Cr0::update(|flags| {
            flags.set(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED, !allowed);
            flags.insert(Cr0Flags::MONITOR_COPROCESSOR);
        });
        Cr4::update(|flags| flags.set(Cr4Flags::OSXSAVE, allowed));
    }
}

/// Makes the running CPU's CR0 and CR4 what they were. The kernel's address space is loaded.
pub(super) fn turn_off([cr0, cr4]: [u64; 2]) {
    // SAFETY: the values were there before.
    unsafe {
        Cr4::write_raw(cr4);
        Cr0::write_raw(cr0);
    }
}
