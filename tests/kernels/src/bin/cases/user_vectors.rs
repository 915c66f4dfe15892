//! Two processes, each in an address space of its own, fill all that the processor keeps for them with patterns: general
//! registers, flags, the bases of FS and GS, all vectors with their upper halves, x87's registers, MXCSR and the x87
//! control word. The timer interrupts each 100,000 times, and each time the other runs; they find all as it was.

use crate::user_shared::keep;
use case::{count, cpu};
use switchlab_kernel::{
    bring_up::Lab,
    thread,
    user::{self, Spec},
};

pub fn user_vectors(_: &Lab) {
    let state = thread::detect().expect("a CPU with XSAVE");
    count("upper_halves", state.has_avx().into());
    let before = user::counted_on(&[cpu(0)]);
    keep(Some(state), None, |_, spec| user::spawn(cpu(0), Spec { vectors: true, ..spec }));
    count("loads", user::counted_on(&[cpu(0)]).since(before).loads);
}
