//! How everything is timed: a block of exchanges between two readings of the clock, with what the CPUs counted
//! meanwhile. Below whatever has a loop to measure, of which it knows nothing.

pub mod exchange;
pub mod probe;
pub mod watch;

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

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

/// Where a task leaves a wrong number for whoever reports it.
#[derive(Debug, Default)]
pub struct Noted([AtomicU64; 2]);

impl Noted {
    /// Where nothing was left.
    pub const fn new() -> Self {
        Self([AtomicU64::new(0), AtomicU64::new(0)])
    }

    /// Leaves it, in place of what was left before.
    pub fn note(&self, wrong: Wrong) {
        let Self([expected, found]) = self;
        expected.store(wrong.expected, Relaxed);
        found.store(wrong.found, Relaxed);
    }

    /// What was left, if anything: a number that is wrong is not the one that was due.
    pub fn get(&self) -> Option<Wrong> {
        let [expected, found] = self.0.each_ref().map(|word| word.load(Relaxed));
        (expected != found).then_some(Wrong { expected, found })
    }

    /// The same, and forgets it.
    pub fn take(&self) -> Option<Wrong> {
        let wrong = self.get();
        self.note(Wrong { expected: 0, found: 0 });
        wrong
    }

    /// What the side that asks found; or where that was [`NO_NUMBER`], by which another says that it left a wrong one
    /// here, that.
    pub fn or(&self, found: Option<Wrong>) -> Option<Wrong> {
        let of_another = found.filter(|wrong| wrong.found == NO_NUMBER).and_then(|_| self.get());
        of_another.or(found)
    }
}

/// Sent where no number is: by a side that is ready, that got a wrong number, or that is done. No
/// exchange counts that far.
pub const NO_NUMBER: u64 = u64::MAX;

/// Exchanges before the warm-up, however short that is: what is left over from starting the tasks, such
/// as the IPI that did it, is through by then.
pub const SETTLING: u64 = 16;

/// The clock of a block while it is timed.
#[derive(Debug)]
pub struct Clock {
    began: u64,
}

impl Clock {
    /// The reading before the block.
    pub const fn began(&self) -> u64 {
        self.began
    }

    /// TSC ticks of the block until here: of all that came before.
    #[inline(always)]
    pub fn ticks(&self) -> u64 {
        tsc::end().wrapping_sub(self.began)
    }

    /// Whether the block has taken so many ticks: for who waits for that.
    #[inline(always)]
    pub fn has_run(&self, ticks: u64) -> bool {
        tsc::unfenced().wrapping_sub(self.began) >= ticks
    }
}

/// What [`time`] found.
#[derive(Clone, Copy, Debug)]
pub struct Timed<T> {
    /// What the block returned.
    pub value: T,
    /// TSC ticks of the block.
    pub ticks: u64,
    /// How many of the locks that were declared were taken.
    pub locks_taken: u64,
}

/// Does `block` between two readings of the clock, as every block is timed that is. Under a watch, from before the
/// one reading until behind the other: anything foreign meanwhile is a failure that says `what` it was in, and so is a
/// lock that is not one of `locks`. `probe` is told that it begins.
///
/// A part of the function that calls it: no loop is compiled otherwise for it. By the calls of the watch's begin and end
/// the listing's test finds what stands between.
#[inline(always)]
pub fn time<T, P: Probe>(
    locks: MeasuredLocks,
    what: fmt::Arguments<'_>,
    probe: &mut P,
    block: impl FnOnce(&mut P, &Clock) -> T,
) -> Timed<T> {
    let watch = Watch::begin(locks);
    probe.begin();
    let clock = Clock { began: tsc::start() };
    let value = block(probe, &clock);
    let ticks = probe.ticks(clock.ticks());
    let locks_taken = watch.end(what);
    Timed { value, ticks, locks_taken }
}

/// Does a part of a block that another task times, on its CPU, between two readings of the clock; returns both.
#[inline(always)]
pub fn time_part(part: impl FnOnce()) -> [u64; 2] {
    let began = part_begins();
    part();
    [began, part_ends()]
}

#[inline(never)]
fn part_begins() -> u64 {
    watch::be_watched();
    tsc::start()
}

/// Reads the clock behind a part of a block that another task times.
#[inline(never)]
pub fn part_ends() -> u64 {
    let end = tsc::end();
    watch::be_watched();
    end
}

/// A block of exchanges, as every loop of them is timed: the warm-up, then `exchanges` under [`time`], and what was
/// counted meanwhile. `hand_over` does exchanges `from..to` up to the first wrong number, and `counts` tells what was
/// counted so far; both see `state`.
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
    let wrong = hand_over(state, 0, warm_up, probe);
    let before = counts(state);
    let what = format_args!("the timed block of {exchanges} exchanges or rounds whose record is next");
    let Timed { value: wrong, ticks, locks_taken } = time(locks, what, probe, |probe, _| match wrong {
        None => hand_over(state, warm_up, warm_up + exchanges, probe),
        Some(_) => wrong,
    });
    (Measured { ticks, counts: counts(state).since(before), wrong }, locks_taken)
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
