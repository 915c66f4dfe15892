//! Two processes fill all their registers, flags and bases with patterns and call each other at a gate: between the calls
//! the timer interrupts each 100,000 times, and a third, with patterns of its own, runs. They find all that they had, and
//! behind each call what it keeps, and in the other registers what it gives and nothing else.

use core::sync::atomic::Ordering::Relaxed;

use crate::user_shared::keep;
use case::{count, cpu, for_ever};
use switchlab_kernel::{bring_up::Lab, sched::Gate, user};

pub fn user_calls(_: &Lab) {
    let gate = for_ever(Gate::new());
    keep(None, Some(gate), |_, spec| user::spawn(cpu(0), spec));
    count("letters", cpu(0).counters().handoffs.load(Relaxed));
}
