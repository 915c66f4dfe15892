//! AMD's secure virtual machine: whether it is there, on and off, and the way into a guest (AMD APM vol. 2,
//! chapter 15). What a guest may do, and what its exits mean, is for [`vm`](crate::vm) to say.

mod run;
mod vmcb;

use switchlab_core::svm::{Features, NoSvm, Svm};
use x86_64::registers::model_specific::{Efer, EferFlags, Msr};

pub use self::{
    run::{Registers, World, run, save_host},
    vmcb::{
        Control, NESTED_PAGING, Save, Segment, V_INTR_MASKING, VMCB_BYTES, Vmcb, inject_interrupt, intercept,
        is_event, tlb, virtual_interrupt,
    },
};

/// VM_CR: bit 4 says that SVM can not be turned on (APM vol. 2, 15.30.1).
const VM_CR: u32 = 0xc001_0114;
const VM_CR_SVM_DISABLED: u64 = 1 << 4;

/// VM_HSAVE_PA: physical address of the page in which VMRUN saves the host (15.30.4).
const VM_HSAVE_PA: u32 = 0xc001_0117;

/// What this CPU has.
///
/// # Errors
///
/// [`NoSvm`] says why there can be no guests.
pub fn detect() -> Result<Svm, NoSvm> {
    let cpuid = raw_cpuid::CpuId::new();
    let svm =
        cpuid.get_extended_processor_and_feature_identifiers().is_some_and(|features| features.has_svm());
    let mut features = Features {
        svm,
        vmx: cpuid.get_feature_info().is_some_and(|features| features.has_vmx()),
        ..Features::default()
    };
    if svm {
        // By hand: raw-cpuid shows the leaf's bits one by one, and the decision wants them as they are.
        let leaf = core::arch::x86_64::__cpuid(0x8000_000a);
        features.asids = leaf.ebx;
        features.extensions = leaf.edx;
        // SAFETY: a CPU with SVM has this MSR.
        features.disabled = unsafe { Msr::new(VM_CR).read() } & VM_CR_SVM_DISABLED != 0;
    }
    features.decide()
}

/// Turns SVM on on this CPU. `save_area` is the physical address of the page that VMRUN saves the host in.
///
/// # Safety
///
/// The CPU has SVM, and the page is nobody else's until [`disable`].
pub unsafe fn enable(save_area: u64) {
    // SAFETY: the caller owes both.
    unsafe {
        Efer::update(|flags| *flags |= EferFlags::SECURE_VIRTUAL_MACHINE_ENABLE);
        Msr::new(VM_HSAVE_PA).write(save_area);
    }
}

/// Turns SVM off on this CPU.
///
/// # Safety
///
/// It was turned on by [`enable`], and no guest runs on it.
pub unsafe fn disable() {
    // SAFETY: the caller owes it.
    unsafe {
        Msr::new(VM_HSAVE_PA).write(0);
        Efer::update(|flags| *flags -= EferFlags::SECURE_VIRTUAL_MACHINE_ENABLE);
    }
}
