//! The floating-point and vector state of a flow of control, by XSAVE and XRSTOR (Intel SDM vol. 1, 13; vol. 3, 13).
//!
//! The kernel itself has none: it is built without such instructions. So nothing below threads saves any of it.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::{alloc::Layout, arch::asm, ptr::NonNull};

use super::fpu::FpuState;
use x86_64::registers::{
    control::{Cr0, Cr0Flags, Cr4, Cr4Flags},
    xcontrol::{XCr0, XCr0Flags},
};

/// XSAVE's areas are aligned so (SDM vol. 1, 13.4).
const ALIGNMENT: usize = 64;

/// What is said where the CPU has no XSAVE.
pub const ABSENT: &str = "this CPU has no XSAVE (CPUID 1, ECX bit 26)";

/// What state there is on all CPUs: x87 and SSE, and AVX where the CPU has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    features: XCr0Flags,
    bytes: usize,
}

impl State {
    /// Looks what the running CPU has, and lets it use that: all CPUs alike. `None` where it has no XSAVE.
    pub fn enable() -> Option<Self> {
        let cpuid = raw_cpuid::CpuId::new();
        let info = cpuid.get_feature_info()?;
        if !info.has_xsave() {
            return None;
        }
        let mut features = XCr0Flags::X87 | XCr0Flags::SSE;
        if info.has_avx() {
            features |= XCr0Flags::AVX;
        }
        // SAFETY: nothing in the kernel depends on these bits being clear; what is enabled the CPU has.
        unsafe {
            Cr0::update(|cr0| {
                cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
                cr0.insert(Cr0Flags::MONITOR_COPROCESSOR | Cr0Flags::NUMERIC_ERROR);
            });
            Cr4::update(|cr4| cr4.insert(Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE | Cr4Flags::OSXSAVE));
            XCr0::write(features);
        }
        // Of what is enabled now (SDM vol. 2, CPUID leaf 0Dh, EBX).
        let bytes = raw_cpuid::CpuId::new().get_extended_state_info()?.xsave_area_size_enabled_features();
        Some(Self { features, bytes: bytes as usize })
    }

    /// The same for programs of ring 3: CR0.EM, and what goes with it, stays as it is: it says which may use the state.
    pub fn enable_for_ring_3() -> Option<Self> {
        let may_use = !Cr0::read().contains(Cr0Flags::EMULATE_COPROCESSOR);
        let state = Self::enable();
        super::ring3::set_vectors(may_use);
        state
    }

    /// Bytes that an area takes.
    pub const fn bytes(self) -> usize {
        self.bytes
    }

    /// Whether vectors of 256 bits are part of it.
    pub const fn has_avx(self) -> bool {
        self.features.contains(XCr0Flags::AVX)
    }

    /// Registers in it: those that FXSAVE saves. What AVX adds are the upper halves of the same vectors, and a vector is
    /// one register whatever its width; the header says which components there are, and is none.
    pub const fn registers(self) -> usize {
        FpuState::REGISTERS
    }
}

/// Where one flow of control's state is saved. As of a CPU at reset at first.
#[derive(Debug)]
pub struct Area {
    place: NonNull<u8>,
    state: State,
}

// SAFETY: the memory is this value's own.
unsafe impl Send for Area {}

impl Area {
    /// A new one; `None` where there is no memory for it.
    pub fn new(state: State) -> Option<Self> {
        let layout = Self::layout(state)?;
        // SAFETY: an area has a size.
        let place = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // SAFETY: with these 512 bytes every area begins, aligned to more (SDM vol. 1, 13.4.1).
        unsafe { place.cast().write(FpuState::initial()) };
        Some(Self { place, state })
    }

    fn layout(state: State) -> Option<Layout> {
        Layout::from_size_align(state.bytes.max(ALIGNMENT), ALIGNMENT).ok()
    }

    /// Saves the running CPU's state here.
    #[inline(always)]
    pub fn save(&mut self) {
        let features = self.state.features.bits();
        // SAFETY: the area is of the size and alignment that the enabled features ask for. Vector registers are read.
        unsafe {
            asm!(
                "xsave64 [{}]", in(reg) self.place.as_ptr(),
                in("eax") features as u32, in("edx") (features >> 32) as u32,
                options(nostack, preserves_flags)
            );
        }
    }

    /// Loads it from here.
    #[inline(always)]
    pub fn restore(&self) {
        let features = self.state.features.bits();
        // SAFETY: what is here was saved by `save`, or is the zeroed area of `new`, which stands for the state at
        // reset. The compiler keeps nothing in these registers: the kernel is built without them.
        unsafe {
            asm!(
                "xrstor64 [{}]", in(reg) self.place.as_ptr(),
                in("eax") features as u32, in("edx") (features >> 32) as u32,
                options(nostack, preserves_flags)
            );
        }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.state) {
            // SAFETY: allocated in `new` with this layout.
            unsafe { dealloc(self.place.as_ptr(), layout) };
        }
    }
}

/// Lets the next use of the state fault with vector 7 (SDM vol. 3, 2.5, CR0.TS).
#[inline(always)]
pub fn trap_next_use() {
    // SAFETY: who uses the state then comes to the handler of vector 7.
    unsafe { Cr0::update(|cr0| cr0.insert(Cr0Flags::TASK_SWITCHED)) };
}

/// Lets the state be used.
#[inline(always)]
pub fn allow_use() {
    // SAFETY: clears CR0.TS, which is what traps.
    unsafe { asm!("clts", options(nomem, nostack, preserves_flags)) };
}

/// Uses the state: adds to a vector register. For who measures what its first use costs.
#[inline(always)]
pub fn touch() {
    // SAFETY: no flow of control of the kernel keeps anything in a vector register but a thread, whose state is saved.
    unsafe { asm!("paddq xmm0, xmm0", options(nomem, nostack, preserves_flags)) };
}
