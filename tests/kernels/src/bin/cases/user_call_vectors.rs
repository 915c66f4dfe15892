//! What `user_calls` does, with vectors: two processes that call each other at a gate hold all vectors with their upper
//! halves, MXCSR and the x87 control word over each call, and x87's registers between two, beside a third that holds others.

use core::sync::atomic::Ordering::Relaxed;

use crate::user_shared::keep;
use case::{count, cpu, for_ever};
use switchlab_kernel::{
    bring_up::Lab,
    sched::Gate,
    thread,
    user::{self, Spec},
};

pub fn user_call_vectors(_: &Lab) {
    let state = thread::detect().expect("a CPU with XSAVE");
    count("upper_halves", state.has_avx().into());
    let gate = for_ever(Gate::new());
    keep(Some(state), Some(gate), |_, spec| user::spawn(cpu(0), Spec { vectors: true, ..spec }));
    count("letters", cpu(0).counters().handoffs.load(Relaxed));
}
