//! The registers of x87, MMX and SSE, as FXSAVE saves them, and XSAVE in the first 512 bytes of its area. Neither VMRUN
//! nor VMLOAD touches them (AMD APM vol. 2, 11.4.4).

use core::{arch::asm, mem::offset_of};

use x86_64::registers::control::{Cr4, Cr4Flags};

/// How many XMM registers there are in 64-bit mode.
const XMM: usize = 16;
/// How many x87 registers, which are the MMX registers too.
const X87: usize = 8;

/// What FXSAVE saves in 64-bit mode (APM vol. 2, figure 11-9), and the legacy region of an XSAVE area (Intel SDM vol. 1,
/// 13.4.1).
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct FpuState {
    control: u16,
    status: u16,
    tag: u8,
    reserved_1: u8,
    opcode: u16,
    instruction: u64,
    data: u64,
    mxcsr: u32,
    mxcsr_mask: u32,
    x87: [[u64; 2]; X87],
    xmm: [[u64; 2]; XMM],
    reserved_2: [u64; 12],
}

const _: () = assert!(
    offset_of!(FpuState, mxcsr) == 24
        && offset_of!(FpuState, x87) == 32
        && offset_of!(FpuState, xmm) == 160
        && size_of::<FpuState>() == 512
);

/// How many registers stand in these fields: one in each, and in the arrays as many as they have elements. What is in no
/// list is named behind them, so that a field that is added has to be in one.
macro_rules! registers {
    ($($single:ident)* | $($array:ident)* | $($none:ident)*) => {{
        const fn count(state: &FpuState) -> usize {
            let FpuState { $($single,)* $($array,)* $($none: _,)* } = state;
            $(let _ = $single;)*
            [$(stringify!($single)),*].len() $(+ $array.len())*
        }
        count(&FpuState::initial())
    }};
}

impl FpuState {
    /// Registers in it. MXCSR's mask is none: it says which of that one's bits there are.
    pub const REGISTERS: usize = registers!(
        control status tag opcode instruction data mxcsr | x87 xmm | mxcsr_mask reserved_1 reserved_2
    );

    /// What FINIT leaves, with all exceptions masked, and no register with anything in it (APM vol. 2, table 14-1).
    pub const fn initial() -> Self {
        const CONTROL: u16 = 0x37f;
        const MXCSR: u32 = 0x1f80;
        Self {
            control: CONTROL,
            status: 0,
            // In this form a bit for each register that is not empty.
            tag: 0,
            reserved_1: 0,
            opcode: 0,
            instruction: 0,
            data: 0,
            mxcsr: MXCSR,
            mxcsr_mask: 0,
            x87: [[0; 2]; X87],
            xmm: [[0; 2]; XMM],
            reserved_2: [0; 12],
        }
    }

    /// Saves the running CPU's.
    ///
    /// # Safety
    ///
    /// [`turn_on`] has been called on this CPU.
    pub unsafe fn save(&mut self) {
        // SAFETY: as large and aligned as it has to be; the caller owes that XMM registers are saved too.
        unsafe { asm!("fxsave64 [{}]", in(reg) &raw mut *self, options(nostack, preserves_flags)) };
    }

    /// Restores the running CPU's.
    ///
    /// # Safety
    ///
    /// As for [`save`](Self::save). Nobody needs what is in the registers: the kernel has nothing there.
    pub unsafe fn restore(&self) {
        // SAFETY: as above; what is loaded was saved, or is what a reset leaves.
        unsafe {
            asm!("fxrstor64 [{}]", in(reg) &raw const *self, options(nostack, preserves_flags, readonly))
        };
    }
}

/// Makes FXSAVE save the XMM registers on the running CPU, and says what [`turn_back`] wants.
pub fn turn_on() -> Cr4Flags {
    let before = Cr4::read();
    // SAFETY: allows what the kernel does not do itself.
    unsafe { Cr4::update(|flags| *flags |= Cr4Flags::OSFXSR) };
    before
}

/// Takes [`turn_on`] back.
pub fn turn_back(before: Cr4Flags) {
    // SAFETY: as it was.
    unsafe { Cr4::update(|flags| flags.set(Cr4Flags::OSFXSR, before.contains(Cr4Flags::OSFXSR))) };
}
