//! What `user_calls` does, with vectors: two processes that call each other at a gate hold all vectors with their upper
//! halves, MXCSR and the x87 control word over each call, and x87's registers between two, beside a third that holds others.
#![no_std]
#![no_main]

mod user_shared;

use core::sync::atomic::Ordering::Relaxed;

use case::{count, cpu, for_ever};
use switchlab_kernel::{
    bring_up::Lab,
    sched::Gate,
    thread,
    user::{self, Spec},
};
use user_shared::keep;

case::case!("user_call_vectors", user_call_vectors);

fn user_call_vectors(_: &Lab) {
    let state = thread::detect().expect("a CPU with XSAVE");
    count("upper_halves", state.has_avx().into());
    let gate = for_ever(Gate::new());
    keep(Some(state), Some(gate), |_, spec| user::spawn(cpu(0), Spec { vectors: true, ..spec }));
    count("letters", cpu(0).counters().handoffs.load(Relaxed));
}
