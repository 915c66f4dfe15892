//! The laboratory's experiment with one instruction more in each one-way handoff: for the host to
//! compare with one that has none.
#![no_std]
#![no_main]

use case::Planted;
use switchlab_core::params::{Offsets, Params};
use switchlab_kernel::{
    arch::tsc,
    bring_up::Lab,
    experiments::{Experiment, classic::Classic},
};

case::case!("planted_classic", planted_classic);

/// What the host asks of the other one too.
const PARAMETERS: &str = "runs=1 exchanges=1000 samples=0 unit=instructions";

fn planted_classic(lab: &Lab) {
    let experiment = Classic::<Planted<1>>::new();
    let known = [experiment.name()];
    let parameters = Params::parse(PARAMETERS, &known).expect("these are parameters");
    lab.qualify_clock(Offsets::Bsp, tsc::fenced);
    experiment.run(&parameters, lab);
}
