//! Instructions that a case plants, to see them come out again.

use core::arch::asm;

use switchlab_kernel::measure::probe::Probe;

/// Takes `N` instructions before each one-way handoff.
#[derive(Debug, Default)]
pub struct Planted<const N: usize>;

impl<const N: usize> Probe for Planted<N> {
    #[inline(always)]
    fn begin(&mut self) {}

    #[inline(always)]
    fn exchange(&mut self) {}

    /// The compiler is told that this touches nothing: no register, flag or memory. So it makes the
    /// same code around it whatever `N` is, and the same as where there is no asm at all.
    #[inline(always)]
    fn before_handoff() {
        // SAFETY: NOPs change nothing.
        unsafe {
            asm!(".rept {n}", "nop", ".endr", n = const N, options(nomem, nostack, preserves_flags));
        }
    }
}
