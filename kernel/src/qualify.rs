//! What the clock is worth on this machine, found before anything is measured with it: what reading the
//! TSC costs and in which steps it goes, and how far the CPUs' counters are apart.
//!
//! Called by [`bring_up`](crate::bring_up); the test kernels call the parts, with readings into which an
//! offset is planted. So what reads the clock is a parameter: a counter cannot be set under emulation.

use alloc::{boxed::Box, vec};

use switchlab_core::{
    CpuId,
    offset::{Round, Rounds},
    params::Offsets,
    readings::{Pair, Readings},
};
use switchlab_records::{Offset, Tsc};

use crate::{
    arch::{machine, tsc},
    lock::Lock,
    measure::{SETTLING, probe::Batch, time, watch::MeasuredLocks},
    mm::StackError,
    sched::{self, Channel, Cpu},
};

/// Pairs of readings.
const PAIRS: usize = 1_000;
/// Round trips between two CPUs.
const ROUNDS: u32 = 8;

/// What the TSC is like, by this CPU's readings and by CPUID.
pub fn tsc() -> Tsc {
    let mut pairs = vec![Pair::default(); PAIRS];
    take_readings(&mut pairs, tsc::start, tsc::end);
    let found = Readings::judge(&mut pairs);
    let claims = machine::tsc_claims();
    Tsc {
        step_ticks: found.step_ticks,
        pairs: PAIRS as u32,
        read_min_ticks: found.min_ticks,
        read_p50_ticks: found.p50_ticks,
        read_p99_ticks: found.p99_ticks,
        steps_back: found.steps_back,
        cpuid_15h_hz: claims.leaf_15h_hz,
        cpuid_16h_hz: claims.leaf_16h_hz,
        hypervisor_hz: claims.hypervisor_hz,
    }
}

/// Fills `pairs` with readings before and after nothing. Twice: what the first time brings in, such as
/// code and memory, is discarded with it.
pub fn take_readings(pairs: &mut [Pair], mut start: impl FnMut() -> u64, mut end: impl FnMut() -> u64) {
    time(MeasuredLocks::None, format_args!("the pairs of readings"), &mut Batch, |_, _| {
        for _ in 0..2 {
            for (n, pair) in pairs.iter_mut().enumerate() {
                *pair = [start(), end()];
                tsc::stagger(n);
            }
        }
    });
}

/// What reads a CPU's counter: [`tsc::fenced`], or what a test plants.
pub type Read = fn() -> u64;

/// Measures the offsets between the CPUs of `which`, one after the other, and hands each to `report`.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the two tasks of a measurement.
pub fn offsets(which: Offsets, read: Read, mut report: impl FnMut(Offset)) -> Result<(), StackError> {
    let cpus = sched::cpus();
    let askers = match which {
        Offsets::All => cpus,
        Offsets::Bsp => &cpus[..1],
        Offsets::None => &[],
    };
    for (place, &against) in askers.iter().enumerate() {
        for &cpu in &cpus[place + 1..] {
            let rounds = exchange_readings(against, cpu, ROUNDS, read, read)?;
            report(record(against, cpu, &rounds));
        }
    }
    Ok(())
}

/// Measures the offsets `before` once more, and hands those to `moved` that are others, before and now: further apart than
/// both can be wrong. So a counter was stepped meanwhile, or goes at a rate of its own, and times by it are none.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the two tasks of a measurement.
pub fn find_moved(
    before: &[Offset],
    read: Read,
    mut moved: impl FnMut(&Offset, &Offset),
) -> Result<(), StackError> {
    for before in before {
        let [against, cpu] = [before.against, before.cpu].map(|number| sched::cpu(CpuId::new(number)));
        let now = record(against, cpu, &exchange_readings(against, cpu, ROUNDS, read, read)?);
        let apart = before.offset_ticks.abs_diff(now.offset_ticks);
        if apart > before.bound_ticks.saturating_add(now.bound_ticks) {
            moved(before, &now);
        }
    }
    Ok(())
}

fn record(against: &Cpu, cpu: &Cpu, rounds: &Rounds) -> Offset {
    let (offset_ticks, bound_ticks) =
        rounds.offset.map_or((0, u64::MAX), |offset| (offset.ticks, offset.bound_ticks));
    Offset {
        cpu: cpu.id().get(),
        against: against.id().get(),
        rounds: rounds.count,
        offset_ticks,
        bound_ticks,
        steps_back: rounds.steps_back,
        largest_step_back_ticks: rounds.largest_step_back_ticks,
        own_steps_back: rounds.own_steps_back,
    }
}

/// What both tasks work on. Lives for ever, as channels do.
struct Table {
    /// The question: no more than the turn.
    there: Channel,
    /// The answer: the answering CPU's reading.
    back: Channel,
    result: Lock<Option<Rounds>>,
}

/// Lets a task on `against` and one on `cpu` read their clocks in strict alternation.
///
/// The turn goes by channel: one reads, sends, and halts until the other has read and sent. So the
/// readings stand in one order, as under a lock, and no CPU spins.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the tasks.
pub fn exchange_readings(
    against: &'static Cpu,
    cpu: &'static Cpu,
    rounds: u32,
    read_against: impl FnMut() -> u64 + Send + 'static,
    read_cpu: impl FnMut() -> u64 + Send + 'static,
) -> Result<Rounds, StackError> {
    let table: &'static Table =
        Box::leak(Box::new(Table { there: Channel::new(), back: Channel::new(), result: Lock::new(None) }));
    let answering = sched::spawn_on(cpu, move || answer(table, rounds, read_cpu))?;
    let asking = sched::spawn_on(against, move || {
        let found = ask(table, rounds, read_against);
        *table.result.lock() = Some(found);
    })?;
    asking.join();
    answering.join();
    let found = table.result.lock().take();
    Ok(found.expect("the asking task leaves its result"))
}

fn ask(table: &'static Table, rounds: u32, mut read: impl FnMut() -> u64) -> Rounds {
    // The answering task waits: from now on each message has its wake-up.
    let (there, back) = (table.there.sender(), table.back.receiver());
    back.recv();
    // What is left over from starting the tasks is through by then.
    for _ in 0..SETTLING {
        there.send(0);
        back.recv();
    }
    let mut found = Rounds::default();
    time(MeasuredLocks::None, format_args!("the readings of two CPUs"), &mut Batch, |_, _| {
        for _ in 0..rounds {
            let asked = read();
            there.send(0);
            let answered = back.recv();
            let returned = read();
            found.add(Round { asked, answered, returned });
        }
    });
    // Only now may the other task go on to its exit, which takes locks.
    there.send(0);
    found
}

fn answer(table: &'static Table, rounds: u32, mut read: impl FnMut() -> u64) {
    let (there, back) = (table.there.receiver(), table.back.sender());
    back.send(0);
    for _ in 0..SETTLING {
        there.recv();
        back.send(0);
    }
    for _ in 0..rounds {
        there.recv();
        back.send(read());
    }
    there.recv();
}
