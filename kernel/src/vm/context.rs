//! What a switch from one guest to another saves of the one and restores of the other, counted from the structures.

use super::{Fpu, Paging};
use crate::arch::{
    fpu::FpuState,
    svm::{Registers, Save},
};

/// Bytes and registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Bytes.
    pub bytes: usize,
    /// Registers, each of whatever width.
    pub registers: usize,
}

impl Context {
    const NONE: Self = Self { bytes: 0, registers: 0 };

    const fn and(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, registers: self.registers + other.registers }
    }
}

/// A field's size, by a function that takes its reference.
const fn of_field<S, F>(_: fn(&S) -> &F) -> Context {
    Context { bytes: size_of::<F>(), registers: 1 }
}

macro_rules! fields {
    ($type:ty: $($field:ident)*) => {
        Context::NONE $(.and(of_field(|fields: &$type| &fields.$field)))*
    };
}

/// What VMRUN loads and #VMEXIT saves (AMD APM vol. 2, 15.5.1 and 15.6).
const BY_VMRUN: Context =
    fields!(Save: es cs ss ds gdtr idtr cpl efer cr4 cr3 cr0 dr7 dr6 rflags rip rsp rax cr2);
/// With nested paging also this one (15.25.4).
const BY_VMRUN_NESTED: Context = fields!(Save: pat);
/// What VMLOAD loads and VMSAVE saves (15.5.2).
const BY_VMLOAD: Context = fields!(Save:
    fs gs tr ldtr kernel_gs_base star lstar cstar sfmask sysenter_cs sysenter_esp sysenter_eip);
/// What is moved one by one.
const BY_HAND: Context =
    Context { bytes: size_of::<Registers>(), registers: size_of::<Registers>() / size_of::<u64>() };

/// What FXSAVE saves and FXRSTOR restores.
const BY_FXSAVE: Context = Context { bytes: size_of::<FpuState>(), registers: FpuState::REGISTERS };

/// Of a guest like this.
pub const fn of(paging: Paging, fpu: Fpu) -> Context {
    let context = BY_VMRUN.and(BY_VMLOAD).and(BY_HAND);
    let context = match paging {
        Paging::Nested => context.and(BY_VMRUN_NESTED),
        Paging::Shadow => context,
    };
    match fpu {
        Fpu::Absent => context,
        Fpu::Eager => context.and(BY_FXSAVE),
    }
}
