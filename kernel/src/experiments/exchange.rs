//! Two tasks that hand a number to and fro over two channels. The same bodies on one CPU and on two.

use alloc::boxed::Box;
use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use spin::Mutex;
use switchlab_records::Counts;

use crate::{
    arch::tsc,
    mm::StackError,
    sched::{self, Channel, Cpu},
};

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
const NO_NUMBER: u64 = u64::MAX;

/// Exchanges before the warm-up, however short that is: what is left over from starting the tasks, such
/// as the IPI that did it, is through by then.
const SETTLING: u64 = 16;

/// What both tasks work on. Lives for ever, as channels do.
struct Table {
    /// From the first task to the second.
    there: Channel,
    /// And back.
    back: Channel,
    cpus: [&'static Cpu; 2],
    warm_up: u64,
    exchanges: u64,
    /// What the second task found instead of what was due.
    wrong: [AtomicU64; 2],
    result: Mutex<Option<Measured>>,
}

/// Measures `exchanges` between a task on `first` and one on `second`, which may be one CPU.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the tasks.
pub fn measure(
    first: &'static Cpu,
    second: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
) -> Result<Measured, StackError> {
    let table: &'static Table = Box::leak(Box::new(Table {
        there: Channel::new(),
        back: Channel::new(),
        cpus: [first, second],
        warm_up,
        exchanges,
        wrong: [AtomicU64::new(0), AtomicU64::new(0)],
        result: Mutex::new(None),
    }));
    let answering = sched::spawn_on(second, move || answer(table))?;
    let asking = sched::spawn_on(first, move || {
        let measured = ask(table);
        *table.result.lock() = Some(measured);
    })?;
    asking.join();
    answering.join();
    let measured = table.result.lock().take();
    Ok(measured.expect("the asking task leaves its result"))
}

/// The first task: asks, and measures.
///
/// The counters are read while the second task waits in `recv`: what it counted for its last answer,
/// it counted before it sent the answer's wake-up. So they stand still, but for its halt.
fn ask(table: &'static Table) -> Measured {
    // The answering task waits: from now on each message has its wake-up.
    table.back.recv();
    let warm_up = table.warm_up + SETTLING;
    let mut wrong = hand_over(&table.there, &table.back, 0, warm_up);
    let before = snapshot(table);
    let start = tsc::start();
    if wrong.is_none() {
        wrong = hand_over(&table.there, &table.back, warm_up, warm_up + table.exchanges);
    }
    let end = tsc::end();
    let counts = difference(&snapshot(table), &before);
    if wrong.is_none_or(|wrong| wrong.found != NO_NUMBER) {
        // Only now may the second task go on to its exit, which counts too.
        table.there.send(NO_NUMBER);
    } else {
        let [expected, found] = table.wrong.each_ref().map(|value| value.load(Relaxed));
        wrong = Some(Wrong { expected, found });
    }
    Measured { ticks: end - start, counts, wrong }
}

/// The timed block: exchanges `from..to`, up to the first wrong number. Exchange n goes out as 2n and
/// comes back as 2n + 1.
#[inline(never)]
pub fn hand_over(there: &'static Channel, back: &'static Channel, from: u64, to: u64) -> Option<Wrong> {
    for n in from..to {
        there.send(2 * n);
        let found = back.recv();
        if found != 2 * n + 1 {
            return Some(Wrong { expected: 2 * n + 1, found });
        }
    }
    None
}

/// The second task: checks each number and answers with the next, until told to stop.
fn answer(table: &'static Table) {
    table.there.bind_receiver();
    table.back.send(NO_NUMBER);
    let mut expected = 0;
    loop {
        let found = table.there.recv();
        if found != expected {
            if found != NO_NUMBER {
                table.wrong[0].store(expected, Relaxed);
                table.wrong[1].store(found, Relaxed);
                table.back.send(NO_NUMBER);
            }
            return;
        }
        table.back.send(expected + 1);
        expected += 2;
    }
}

/// What the CPUs of the table have counted so far.
fn snapshot(table: &Table) -> Counts {
    let [first, second] = table.cpus;
    let cpus = if core::ptr::eq(first, second) { &table.cpus[..1] } else { &table.cpus[..] };
    cpus.iter().fold(Counts::default(), |sum, cpu| {
        let counters = cpu.counters();
        Counts {
            handoffs: sum.handoffs + counters.handoffs.load(Relaxed),
            switches: sum.switches + counters.switches.load(Relaxed),
            ipis_sent: sum.ipis_sent + counters.ipis_sent.load(Relaxed),
            ipis_taken: sum.ipis_taken + counters.ipis_taken.load(Relaxed),
            halts: sum.halts + counters.halts.load(Relaxed),
        }
    })
}

fn difference(after: &Counts, before: &Counts) -> Counts {
    Counts {
        handoffs: after.handoffs - before.handoffs,
        switches: after.switches - before.switches,
        ipis_sent: after.ipis_sent - before.ipis_sent,
        ipis_taken: after.ipis_taken - before.ipis_taken,
        halts: after.halts - before.halts,
    }
}
