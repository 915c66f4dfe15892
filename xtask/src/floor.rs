//! The host's own floor: what a ping-pong of two host threads costs, which wait in a futex (on
//! Linux; elsewhere in what `std::thread::park` is there). With a host thread per virtual CPU, no
//! handoff between CPUs that halt can be cheaper than this. Each thread has a CPU of its own, where the host
//! has two: threads that wake each other are soon moved together, which vCPUs that hand over to several are not.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use anyhow::Context;
#[cfg(target_os = "linux")]
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use switchlab_core::format::{Grouped, Nanoseconds};

/// How long to measure.
const WINDOW: Duration = Duration::from_millis(500);
/// Exchanges between two looks at the clock.
const BATCH: u64 = 200;
/// Name of the hidden subcommand that measures: a process of its own, which can be pinned.
pub const SUBCOMMAND: &str = "host-floor";

/// What the ping-pong cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// Exchanges: one ping and one pong.
    pub exchanges: u64,
    /// Of one switch: one way.
    pub switch_ns: u64,
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchanges, switch_ns } = *self;
        write!(f, "{} a switch between two host threads that wait by futex", Nanoseconds(switch_ns))?;
        write!(f, " ({} exchanges)", Grouped(exchanges))
    }
}

/// Measures in a process of its own, pinned to `host_cpus` where QEMU is.
///
/// # Errors
///
/// The process cannot be started, or does not answer.
pub fn measure(host_cpus: Option<&str>) -> anyhow::Result<Floor> {
    let program = std::env::current_exe().context("finding xtask's own executable")?;
    let mut command = match host_cpus {
        None => Command::new(&program),
        Some(list) => {
            let mut pinned = Command::new("taskset");
            pinned.args(["-c", list]).arg(&program);
            pinned
        }
    };
    let output = command.arg(SUBCOMMAND).output().context("measuring the host's floor")?;
    serde_json::from_slice(&output.stdout).context("reading the host's floor")
}

/// The two threads hand a sequence number to and fro, each parked while it waits.
pub fn ping_pong() -> Floor {
    let sequence = Arc::new(AtomicU64::new(0));
    let (own, other) = two_cpus();
    let pong = {
        let (sequence, ping) = (Arc::clone(&sequence), thread::current());
        thread::spawn(move || {
            stay_on(other);
            answer(&sequence, &ping);
        })
    };
    stay_on(own);
    exchange(&sequence, pong.thread(), 0, BATCH);
    let start = Instant::now();
    let mut exchanges = 0;
    while start.elapsed() < WINDOW {
        exchange(&sequence, pong.thread(), BATCH + exchanges, BATCH);
        exchanges += BATCH;
    }
    let elapsed = start.elapsed();
    // Pairs with the load in `answer`: the last that it sees.
    sequence.store(u64::MAX, Ordering::Release);
    pong.thread().unpark();
    let _ = pong.join();
    let switch_ns = elapsed.as_nanos() / u128::from(exchanges * 2);
    Floor { exchanges, switch_ns: switch_ns.try_into().unwrap_or(u64::MAX) }
}

/// Two CPUs on which this process may run; the first twice, where it is the only one.
#[cfg(target_os = "linux")]
fn two_cpus() -> (Option<usize>, Option<usize>) {
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok();
    let is_allowed = |cpu: &usize| allowed.is_some_and(|allowed| allowed.is_set(*cpu).unwrap_or(false));
    let mut cpus = (0..CpuSet::count()).filter(is_allowed);
    let first = cpus.next();
    (first, cpus.next().or(first))
}

/// Elsewhere threads can not be kept to a CPU.
#[cfg(not(target_os = "linux"))]
fn two_cpus() -> (Option<usize>, Option<usize>) {
    (None, None)
}

/// Keeps the thread that calls to a CPU. Where that is refused it goes where the host lets it.
#[cfg(target_os = "linux")]
fn stay_on(cpu: Option<usize>) {
    let mut only = CpuSet::new();
    if cpu.is_some_and(|cpu| only.set(cpu).is_ok()) {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_: Option<usize>) {}

/// Odd numbers are pings, even ones their pongs. Each store pairs with the other side's load.
fn exchange(sequence: &AtomicU64, pong: &Thread, done: u64, count: u64) {
    for exchange in done..done + count {
        sequence.store(exchange * 2 + 1, Ordering::Release);
        pong.unpark();
        while sequence.load(Ordering::Acquire) != exchange * 2 + 2 {
            thread::park();
        }
    }
}

fn answer(sequence: &AtomicU64, ping: &Thread) {
    loop {
        match sequence.load(Ordering::Acquire) {
            u64::MAX => return,
            number if number % 2 == 1 => {
                sequence.store(number + 1, Ordering::Release);
                ping.unpark();
            }
            _ => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn each_thread_has_a_cpu_of_its_own_where_there_are_two() {
        let allowed = thread::available_parallelism().unwrap().get();
        let (own, other) = two_cpus();
        assert!(own.is_some() && other.is_some());
        assert_eq!(own != other, allowed > 1);
        // A thread of its own, since the harness goes on with this one.
        let found = thread::spawn(move || {
            stay_on(other);
            let set = sched_getaffinity(Pid::from_raw(0)).unwrap();
            (0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(found.join().unwrap(), [other.unwrap()]);
    }

    #[test]
    fn ping_pong_ends_and_counts() {
        let floor = ping_pong();
        assert!(floor.exchanges >= BATCH && floor.exchanges.is_multiple_of(BATCH));
        assert!(floor.switch_ns > 0);
    }
}
