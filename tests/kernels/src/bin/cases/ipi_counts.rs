//! 1,000 exchanges across CPUs, for the host to count the IPIs from outside.

use core::sync::atomic::Ordering::Relaxed;

use case::{check, count, cpu, for_ever, spawn};
use switchlab_kernel::{
    bring_up::Lab,
    sched::{self, Channel, Counters},
};

const EXCHANGES: u64 = 1_000;

pub fn ipi_counts(_: &Lab) {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let answering = spawn(cpu(1), move || {
        let (there, back) = (there.receiver(), back.sender());
        (0..EXCHANGES).for_each(|n| {
            check!(there.recv() == n, "ping {n} is another");
            back.send(n);
        })
    });
    let (there, back) = (there.sender(), back.receiver());
    for n in 0..EXCHANGES {
        there.send(n);
        check!(back.recv() == n, "pong {n} is another");
    }
    answering.join();
    // All that were ever sent, so that the host finds the same number.
    let total = |counter: fn(&Counters) -> u64| -> u64 {
        sched::cpus().iter().map(|cpu| counter(&cpu.counters())).sum()
    };
    count("ipis_sent", total(|counters| counters.ipis_sent.load(Relaxed)));
    count("ipis_taken", total(|counters| counters.ipis_taken.load(Relaxed)));
}
