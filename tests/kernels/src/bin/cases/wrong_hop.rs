//! A ring, a fan and pairs of free tasks in which a wrong number is sent, by whoever times and by whoever does
//! not. Each must fail and name who found it; the first two go on with their next point.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use switchlab_core::params::{Offsets, Params};
use switchlab_kernel::{
    arch::tsc,
    bring_up::Lab,
    experiments::{Experiment, fan::Fan, policy::PolicyContest, ring::Ring},
    measure::probe::Probe,
};

pub fn wrong_hop(lab: &Lab) {
    lab.qualify_clock(Offsets::None, tsc::fenced);
    // By the first CPU, which times, and by the second.
    once(&Ring::<Wrong<58, 1>>::new(), lab);
    once(&Ring::<Wrong<57, 1>>::new(), lab);
    // By the producer, and by the consumer, who sends the same number later.
    once(&Fan::<Wrong<58, 1>>::new(), lab);
    once(&Fan::<Wrong<58, 2>>::new(), lab);
    // By the side that asks, and by the side that answers, who sends the same number later.
    once(&PolicyContest::<Wrong<58, 1>>::new(), lab);
    once(&PolicyContest::<Wrong<58, 2>>::new(), lab);
}

fn once(experiment: &dyn Experiment, lab: &Lab) {
    TIMES.store(0, Relaxed);
    let known = [experiment.name()];
    let parameters = Params::parse("runs=1 exchanges=100 warmup=10", &known).expect("these are parameters");
    experiment.run(&parameters, lab);
}

/// How often the number was due so far.
static TIMES: AtomicU64 = AtomicU64::new(0);

/// Sends 1,000 in place of `NUMBER`, when it is due for the time `TIME`.
#[derive(Default)]
struct Wrong<const NUMBER: u64, const TIME: u64>;

impl<const NUMBER: u64, const TIME: u64> Probe for Wrong<NUMBER, TIME> {
    fn begin(&mut self) {}

    fn exchange(&mut self) {}

    fn sent(number: u64) -> u64 {
        if number == NUMBER && TIMES.fetch_add(1, Relaxed) + 1 == TIME { 1_000 } else { number }
    }
}
