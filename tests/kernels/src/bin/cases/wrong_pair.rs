//! Two pairs at once, of which one is sent a wrong number. It must be found, and nobody must wait for ever.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use case::{count, failure};
use switchlab_kernel::{
    bring_up::Lab,
    experiments::scale::pairs::{Pairs, Size},
    measure::probe::Probe,
    sched,
};

pub fn wrong_pair(_: &Lab) {
    let measured = sched::run_on(case::cpu(0), || {
        let pairs = Pairs::<Wrong>::start(sched::cpus()).expect("there are stacks");
        let size = Size { pairs: 2, warm_up: 10, exchanges: 100, budget_ticks: u64::MAX };
        let together = pairs.measure(size);
        pairs.stop();
        together
    });
    let measured = measured.expect("there is a stack");
    match measured.wrong {
        Some((pair, wrong)) => failure!("pair {}: {wrong}", pair + 1),
        None => failure!("nothing was found wrong"),
    }
    count("point-ended", measured.exchanges.len() as u64);
}

static WAS_SENT: AtomicBool = AtomicBool::new(false);

/// Sends 1,000 in place of 57, once: by whichever pair is there first.
#[derive(Default)]
struct Wrong;

impl Probe for Wrong {
    fn begin(&mut self) {}

    fn exchange(&mut self) {}

    fn sent(number: u64) -> u64 {
        if number == 57 && !WAS_SENT.swap(true, Relaxed) { 1_000 } else { number }
    }
}
