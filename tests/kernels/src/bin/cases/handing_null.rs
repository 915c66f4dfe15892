//! The laboratory's experiment with a handoff in each null loop of the batch pass. Must fail, and name
//! the counts.

use case::{cpu, for_ever, spawn};
use switchlab_core::params::{Offsets, Params};
use switchlab_kernel::{
    arch::tsc,
    bring_up::Lab,
    experiments::{Experiment, classic::Classic},
    measure::probe::{Batch, Probe},
    sched::Channel,
};

pub fn handing_null(lab: &Lab) {
    let experiment = Classic::<Batch, HandsOver>::new();
    let known = [experiment.name()];
    let parameters = Params::parse("runs=1 exchanges=1000 samples=0", &known).expect("these are parameters");
    lab.qualify_clock(Offsets::Bsp, tsc::fenced);
    experiment.run(&parameters, lab);
}

/// The exchange of the timed block that hands over.
const THIS_ONE: u64 = 500;

/// Hands a message to another task of CPU 0: once in the warm-up, and once in the timed block.
#[derive(Default)]
struct HandsOver {
    exchanges: u64,
}

impl Probe for HandsOver {
    fn begin(&mut self) {
        self.exchanges = 0;
    }

    fn exchange(&mut self) {
        self.exchanges += 1;
        if self.exchanges == THIS_ONE {
            let channel = for_ever(Channel::new());
            let other = spawn(cpu(0), || {
                channel.receiver().recv();
            });
            channel.sender().send(0);
            other.join();
        }
    }
}
