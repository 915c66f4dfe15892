//! 100,000 handoffs between two CPUs whose timing jitters: none is lost, each is one IPI.

use core::sync::atomic::Ordering::Relaxed;

use case::{check, count, cpu, for_ever, spawn};
use switchlab_kernel::{
    bring_up::Lab,
    sched::{self, Channel},
};

const EXCHANGES: u64 = 50_000;

/// A few hundred steps of waiting, another number each time (xorshift64).
struct Jitter(u64);

impl Jitter {
    fn wait(&mut self) {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // Most often none: what has to be hit is the moment around the halt.
        if self.0 & 3 == 0 {
            (0..self.0 >> 8 & 0x1ff).for_each(|n| {
                core::hint::black_box(n);
            });
        }
    }
}

pub fn jitter(_: &Lab) {
    let (there, back) = (for_ever(Channel::new()), for_ever(Channel::new()));
    let counted = || {
        sched::cpus()[1..3].iter().fold([0; 3], |sum, cpu| {
            let counters = cpu.counters();
            [
                sum[0] + counters.handoffs.load(Relaxed),
                sum[1] + counters.ipis_sent.load(Relaxed),
                sum[2] + counters.ipis_taken.load(Relaxed),
            ]
        })
    };
    let answering = spawn(cpu(2), move || {
        let mut jitter = Jitter(0x9e37_79b9_7f4a_7c15);
        let (there, back) = (there.receiver(), back.sender());
        back.send(0);
        for n in 0..EXCHANGES {
            check!(there.recv() == n, "ping {n} is another");
            jitter.wait();
            back.send(n);
        }
        // Stays until the other side has counted.
        there.recv();
    });
    let asking = spawn(cpu(1), move || {
        let mut jitter = Jitter(0xd1b5_4a32_d192_ed03);
        let (there, back) = (there.sender(), back.receiver());
        back.recv();
        let before = counted();
        for n in 0..EXCHANGES {
            there.send(n);
            jitter.wait();
            check!(back.recv() == n, "pong {n} is another");
        }
        let after = counted();
        for (what, (after, before)) in
            ["handoffs", "ipis_sent", "ipis_taken"].into_iter().zip(after.into_iter().zip(before))
        {
            count(what, after - before);
            check!(after - before == 2 * EXCHANGES, "{what}: {} in {EXCHANGES} exchanges", after - before);
        }
        there.send(0);
    });
    asking.join();
    answering.join();
}
