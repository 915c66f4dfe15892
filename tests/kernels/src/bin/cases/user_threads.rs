//! Two threads of one address space in ring 3 fill all that the processor keeps for them with patterns: general
//! registers, flags, the bases of FS and GS, all vectors with their upper halves, x87's registers, MXCSR and the x87
//! control word. The timer interrupts each 100,000 times, and each time the other runs; they find all as it was.

use crate::user_shared::keep;
use case::{count, cpu};
use switchlab_kernel::{
    bring_up::Lab,
    thread,
    user::{self, Space, Spec},
};

pub fn user_threads(_: &Lab) {
    let state = thread::detect().expect("a CPU with XSAVE");
    count("upper_halves", state.has_avx().into());
    let space = Space::new(None).expect("an address space");
    let before = user::counted_on(&[cpu(0)]);
    keep(Some(state), None, |thread, spec| {
        user::spawn_in(cpu(0), Spec { vectors: true, thread, ..spec }, space.clone())
    });
    count("loads", user::counted_on(&[cpu(0)]).since(before).loads);
}
