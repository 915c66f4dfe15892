//! Two tasks of one CPU that yield to each other: the run queue and the switch, and no channel.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use switchlab_kernel::{
    arch::tsc,
    experiments::{exchange::Measured, probe::Probe},
    failure,
    mm::StackError,
    sched::{self, Cpu},
};
use switchlab_records::Counts;

use crate::for_ever;

/// Measures `exchanges` between two tasks on `cpu`, while `probe` looks on.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the tasks.
pub fn measure<P: Probe>(
    cpu: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<(Measured, P), StackError> {
    let done = for_ever(AtomicBool::new(false));
    let other = sched::spawn_on(cpu, || {
        while !done.load(Relaxed) {
            P::before_handoff();
            sched::yield_now();
        }
    })?;
    let measured = sched::run_on(cpu, move || {
        give_way(done, warm_up, &mut probe);
        let before = counts(cpu);
        probe.begin();
        let start = tsc::start();
        give_way(done, exchanges, &mut probe);
        let end = tsc::end();
        let counts = Counts { switches: counts(cpu).switches - before.switches, ..Counts::default() };
        done.store(true, Relaxed);
        (Measured { ticks: end - start, counts, wrong: None }, probe)
    })?;
    other.join();
    if measured.0.counts.switches != 2 * exchanges {
        failure!("{} switches in {exchanges} exchanges of two yields", measured.0.counts.switches);
    }
    Ok(measured)
}

/// The null experiment: the same loops, and nobody yields.
///
/// # Errors
///
/// [`StackError`] where there is no stack for its task.
pub fn measure_null<P: Probe>(
    cpu: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<(Measured, P), StackError> {
    let done = for_ever(AtomicBool::new(false));
    sched::run_on(cpu, move || {
        keep_on(done, warm_up, &mut probe);
        probe.begin();
        let start = tsc::start();
        keep_on(done, exchanges, &mut probe);
        let end = tsc::end();
        (Measured { ticks: end - start, counts: Counts::default(), wrong: None }, probe)
    })
}

/// The timed block: both sides stop as soon as they are told to, which this one never is.
#[inline(never)]
fn give_way<P: Probe>(done: &AtomicBool, exchanges: u64, probe: &mut P) {
    for _ in 0..exchanges {
        if done.load(Relaxed) {
            return;
        }
        P::before_handoff();
        sched::yield_now();
        probe.exchange();
    }
}

/// The null experiment's timed loop: what both sides do besides yielding.
#[inline(never)]
fn keep_on<P: Probe>(done: &AtomicBool, exchanges: u64, probe: &mut P) {
    for _ in 0..exchanges {
        for _side in 0..2 {
            if done.load(Relaxed) {
                return;
            }
            P::before_handoff();
        }
        probe.exchange();
    }
}

fn counts(cpu: &Cpu) -> Counts {
    Counts { switches: cpu.counters().switches.load(Relaxed), ..Counts::default() }
}
