//! How everything is timed: a block of exchanges between two readings of the clock, with what the CPUs counted
//! meanwhile. Below whatever has a loop to measure, of which it knows nothing.

pub mod probe;
pub mod watch;

use core::{fmt, sync::atomic::Ordering::Relaxed};

use switchlab_records::Counts;

use crate::{arch::tsc, sched::Cpu};
use probe::Probe;
use watch::{MeasuredLocks, Watch};

/// What a timed block gave.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// TSC ticks of the block.
    pub ticks: u64,
    /// What happened meanwhile.
    pub counts: Counts,
    /// The first number that was not the one due.
    pub wrong: Option<Wrong>,
}

/// A sequence number that did not come as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The number that was due.
    pub expected: u64,
    /// The number that came.
    pub found: u64,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sequence number: expected {}, found {}", self.expected, self.found)
    }
}

/// Sent where no number is: by a side that is ready, that got a wrong number, or that is done. No
/// exchange counts that far.
pub const NO_NUMBER: u64 = u64::MAX;

/// Exchanges before the warm-up, however short that is: what is left over from starting the tasks, such
/// as the IPI that did it, is through by then.
pub const SETTLING: u64 = 16;

/// A block, as every loop is timed: the warm-up, then `exchanges` between two readings of the clock,
/// and what was counted meanwhile. Under a [`Watch`]: anything foreign is a failure, any lock too. `hand_over`
/// does exchanges `from..to` up to the first wrong number, and `counts` tells what was counted so far; both see
/// `state`.
pub fn measure_block<S, P: Probe>(
    state: &mut S,
    counts: impl Fn(&S) -> Counts,
    hand_over: impl Fn(&mut S, u64, u64, &mut P) -> Option<Wrong>,
    warm_up: u64,
    exchanges: u64,
    probe: &mut P,
) -> Measured {
    measure_block_with(MeasuredLocks::None, state, counts, hand_over, warm_up, exchanges, probe).0
}

/// The same where `locks` are the thing measured; says beside it how many of them were taken.
pub fn measure_block_with<S, P: Probe>(
    locks: MeasuredLocks,
    state: &mut S,
    counts: impl Fn(&S) -> Counts,
    hand_over: impl Fn(&mut S, u64, u64, &mut P) -> Option<Wrong>,
    warm_up: u64,
    exchanges: u64,
    probe: &mut P,
) -> (Measured, u64) {
    let mut wrong = hand_over(state, 0, warm_up, probe);
    let before = counts(state);
    let watch = Watch::begin().declaring(locks);
    probe.begin();
    let start = tsc::start();
    if wrong.is_none() {
        wrong = hand_over(state, warm_up, warm_up + exchanges, probe);
    }
    let end = tsc::end();
    let block = format_args!("the timed block of {exchanges} exchanges or rounds whose record is next");
    let locks_taken = watch.end(block);
    (Measured { ticks: end - start, counts: counts(state).since(before), wrong }, locks_taken)
}

/// What the pair of CPUs has counted so far; each once, where both are one.
pub fn snapshot(pair: &[&'static Cpu; 2]) -> Counts {
    let [first, second] = *pair;
    counted_on(if core::ptr::eq(first, second) { &pair[..1] } else { &pair[..] })
}

/// What these CPUs, each named once, have counted so far.
pub fn counted_on(cpus: &[&'static Cpu]) -> Counts {
    let counted = |cpu: &&'static Cpu| {
        let counters = cpu.counters();
        Counts {
            handoffs: counters.handoffs.load(Relaxed),
            switches: counters.switches.load(Relaxed),
            ipis_sent: counters.ipis_sent.load(Relaxed),
            ipis_taken: counters.ipis_taken.load(Relaxed),
            halts: counters.halts.load(Relaxed),
        }
    };
    cpus.iter().map(counted).sum()
}
