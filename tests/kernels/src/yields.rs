//! Two tasks of one CPU that yield to each other: the run queue and the switch, and no channel.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use switchlab_kernel::{
    measure::{Measured, measure_block, probe::Probe, snapshot},
    mm::StackError,
    sched::{self, Cpu},
};

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
        let measured = time(cpu, done, give_way, warm_up, exchanges, &mut probe);
        done.store(true, Relaxed);
        (measured, probe)
    })?;
    other.join();
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
    sched::run_on(cpu, move || (time(cpu, done, keep_on, warm_up, exchanges, &mut probe), probe))
}

/// Times `exchanges` of a loop that has no numbers, so none is wrong.
fn time<P: Probe>(
    cpu: &'static Cpu,
    done: &AtomicBool,
    exchange: impl Fn(&AtomicBool, u64, &mut P),
    warm_up: u64,
    exchanges: u64,
    probe: &mut P,
) -> Measured {
    let hand_over = |(): &mut (), from, to, probe: &mut P| {
        exchange(done, to - from, probe);
        None
    };
    measure_block(&mut (), |()| snapshot(&[cpu, cpu]), hand_over, warm_up, exchanges, probe)
}

/// The timed block. The other side stops when it is told to.
#[inline(never)]
fn give_way<P: Probe>(_: &AtomicBool, exchanges: u64, probe: &mut P) {
    for _ in 0..exchanges {
        P::before_handoff();
        sched::yield_now();
        probe.exchange();
    }
}

/// The null experiment's timed loop: what both sides do besides yielding.
#[inline(never)]
fn keep_on<P: Probe>(done: &AtomicBool, exchanges: u64, probe: &mut P) {
    for _ in 0..exchanges {
        P::before_handoff();
        if done.load(Relaxed) {
            return;
        }
        P::before_handoff();
        probe.exchange();
    }
}
