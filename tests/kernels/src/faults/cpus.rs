//! Faults of CPUs as a whole, once they are up.

use core::time::Duration;

use switchlab_kernel::{arch::apic, bring_up::refuse, report, sched};
use switchlab_records::ApicMode;
use x86_64::registers::model_specific::Msr;

use super::{Fault, Plan};
use crate::late;

/// The local vector table's entry of LINT1, in the page of the local APIC, and its bit that masks it (Intel SDM vol. 3,
/// 11.5.1).
const LINT1: u32 = 0x360;
const MASKED: u32 = 1 << 16;

/// Does what the plan has for CPUs that are up.
pub fn strike(plan: Plan) {
    match plan.fault {
        Fault::Nmi => let_one_take_nmis(plan.at as usize % sched::cpus().len()),
        // Behind the call of another, and before that one is given up.
        Fault::ApLate => {
            let missing = late::come_for_another(Duration::from_millis(100 + plan.at % 1_400));
            // Where the late one has taken something, that failed, and is all that is said.
            if let Some(missing) = missing.filter(|_| !report::has_failures()) {
                refuse(format_args!("{missing}; CPU {} came, too late, and took nothing", late::LATE))
            }
            report::finish()
        }
        _ => {}
    }
}

/// Masks the pin on all other CPUs.
fn let_one_take_nmis(taker: usize) {
    for other in sched::cpus().iter().filter(|cpu| cpu.id().index() != taker) {
        sched::run_on(other, mask).unwrap_or_else(|error| panic!("{error}"));
    }
}

fn mask() {
    match apic::mode() {
        ApicMode::Xapic => {
            let entry = (apic::XAPIC_VIRTUAL + u64::from(LINT1)) as usize;
            // SAFETY: a register in the local APIC's page, which is mapped in this mode.
            unsafe { core::ptr::with_exposed_provenance_mut::<u32>(entry).write_volatile(MASKED) };
        }
        // SAFETY: the same register.
        ApicMode::X2apic => unsafe { Msr::new(0x800 + (LINT1 >> 4)).write(MASKED.into()) },
    }
}
