//! Spinning, then halting, on host threads that jitter: no wake-up is lost, and none is left behind.

mod common;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::{Host, run_all, spawn, start_cpus};
use proptest::prelude::*;
use switchlab_sync::{Cpu, Slot, Words, slot::NOTHING};

/// One side's end of two slots, with a patience and a pause before each put that change from turn to turn.
struct Side {
    to: &'static Slot,
    from: &'static Slot,
    other: &'static Cpu<Host>,
    last: u64,
    random: u64,
    slept: &'static AtomicU64,
}

impl Side {
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 8) % below
    }

    fn put(&mut self, number: u64) {
        let size = self.random(8);
        for _ in 0..self.random(1 << size) {
            std::hint::spin_loop();
        }
        self.to.put_and_wake::<Host>(number, self.other.words());
    }

    fn receive(&mut self) -> u64 {
        // Of all sizes: what has to be hit is a put at the moment at which patience ends.
        let size = self.random(16);
        let mut patience = self.random(1 << size);
        let number = loop {
            let found = self.from.look();
            if found != self.last {
                break found;
            }
            if patience == 0 {
                let slept = self.from.sleep::<Host>(self.last);
                if slept.is_some() {
                    self.slept.store(self.slept.load(Relaxed) + 1, Relaxed);
                    let [taken, seen] =
                        [Words::IPIS_TAKEN, Words::IPIS_SEEN].map(|word| this_cpu().words().get(word));
                    assert_eq!(taken, seen, "a wait behind this would take its IPI for one of its own");
                }
                break slept.unwrap_or_else(|| self.from.look());
            }
            patience -= 1;
            std::hint::spin_loop();
        };
        self.last = number;
        number
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn every_sleep_ends_by_one_ipi_and_nobody_else_gets_one(seeds in any::<[u64; 2]>()) {
        const EXCHANGES: u64 = 6_000;
        let cpus = start_cpus(2);
        let (there, back): (&'static Slot, &'static Slot) = (Box::leak(Box::default()), Box::leak(Box::default()));
        let slept: [&'static AtomicU64; 2] = [Box::leak(Box::default()), Box::leak(Box::default())];
        let side = |me: usize, to, from| Side {
            to,
            from,
            other: cpus[1 - me],
            last: NOTHING,
            random: seeds[me] | 1,
            slept: slept[me],
        };
        let counts: &'static [[AtomicU64; 2]; 2] = Box::leak(Box::default());
        let note = move |me: usize, cpu: &Cpu<Host>, from: [u64; 2]| {
            let counters = cpu.counters();
            counts[me][0].store(counters.ipis_sent.load(Relaxed) - from[0], Relaxed);
            counts[me][1].store(counters.ipis_taken.load(Relaxed) - from[1], Relaxed);
        };
        let begin = |cpu: &Cpu<Host>| [cpu.counters().ipis_sent.load(Relaxed), cpu.counters().ipis_taken.load(Relaxed)];
        let (mut asks, mut answers) = (side(0, there, back), side(1, back, there));
        let tasks = [
            spawn(0, cpus[0], move || {
                let before = begin(this_cpu());
                for n in 0..EXCHANGES {
                    asks.put(n);
                    assert_eq!(asks.receive(), n);
                }
                note(0, this_cpu(), before);
            }),
            spawn(1, cpus[1], move || {
                let before = begin(this_cpu());
                for n in 0..EXCHANGES {
                    assert_eq!(answers.receive(), n);
                    answers.put(n);
                }
                note(1, this_cpu(), before);
            }),
        ];
        run_all(&tasks);
        let [asked, answered] = counts.each_ref().map(|counts| counts.each_ref().map(|count| count.load(Relaxed)));
        let slept = slept.map(|count| count.load(Relaxed));
        prop_assert!(slept[0] + slept[1] > 0, "somebody slept");
        // Sent by one, taken by the other, for each sleep of the other.
        prop_assert_eq!((answered[0], asked[1]), (slept[0], slept[0]));
        prop_assert_eq!((asked[0], answered[1]), (slept[1], slept[1]));
    }
}

fn this_cpu() -> &'static Cpu<Host> {
    Cpu::<Host>::current().cpu()
}
