//! The experiments with something foreign in each one-way handoff: an allocation, a lock, a text. Must fail,
//! and name what was counted in each block.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use core::{fmt::Write, hint::black_box};

use switchlab_core::params::{Offsets, Params};
use switchlab_kernel::{
    arch::tsc,
    bring_up::Lab,
    experiments::{Experiment, classic::Classic, fan::Fan, policy::PolicyContest, ring::Ring},
    lock::Lock,
    measure::probe::Probe,
    report::Text,
};

case::case!("planted_foreign", planted_foreign);

fn planted_foreign(lab: &Lab) {
    lab.qualify_clock(Offsets::None, tsc::fenced);
    plant::<Allocates>(lab);
    plant::<Locks>(lab);
    plant::<Writes>(lab);
}

fn plant<P: Probe + Default>(lab: &Lab) {
    let experiments: [&dyn Experiment; 4] =
        [&Classic::<P, P>::new(), &Ring::<P>::new(), &Fan::<P>::new(), &PolicyContest::<P>::new()];
    for experiment in experiments {
        let known = [experiment.name()];
        let words = "runs=1 exchanges=12 warmup=4 samples=0 budget=10000";
        let parameters = Params::parse(words, &known).expect("these are parameters");
        experiment.run(&parameters, lab);
    }
}

/// Allocates in each handoff, and gives it back.
#[derive(Default)]
struct Allocates;

impl Probe for Allocates {
    fn begin(&mut self) {}

    fn exchange(&mut self) {}

    fn before_handoff() {
        drop(black_box(Box::new(1_u64)));
    }
}

/// Takes a lock in each handoff.
#[derive(Default)]
struct Locks;

static LOCK: Lock<u64> = Lock::new(0);

impl Probe for Locks {
    fn begin(&mut self) {}

    fn exchange(&mut self) {}

    fn before_handoff() {
        *LOCK.lock() += 1;
    }
}

/// Formats a number in each handoff.
#[derive(Default)]
struct Writes;

impl Probe for Writes {
    fn begin(&mut self) {}

    fn exchange(&mut self) {}

    fn before_handoff() {
        let mut text = Text::<32>::new();
        let _ = write!(text, "{}", black_box(1_u64));
        black_box(text);
    }
}
