//! Plants instructions before each one-way handoff, and counts: for the host to see that they all come
//! out again, and nothing else.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;
use core::arch::asm;

use case::{
    count,
    shapes::{EXCHANGES, Shape, ticks},
};
use switchlab_kernel::{
    bring_up::Lab,
    experiments::probe::{Batch, Probe},
};
use switchlab_records::Subject;

case::case!("planted_delay", planted_delay);

/// Takes `N` instructions before each one-way handoff.
struct Planted<const N: usize>;

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

fn planted_delay(_: &Lab) {
    count("exchanges", EXCHANGES);
    for shape in Shape::ALL {
        let report = |planted, ticks| count(&format!("{}_{planted}", shape.name()), ticks);
        report("bare", ticks(shape, Subject::Handoff, || Batch));
        report("0", ticks(shape, Subject::Handoff, || Planted::<0>));
        report("1", ticks(shape, Subject::Handoff, || Planted::<1>));
        report("10", ticks(shape, Subject::Handoff, || Planted::<10>));
        report("100", ticks(shape, Subject::Handoff, || Planted::<100>));
    }
}
