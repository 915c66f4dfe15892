//! Watches the guest from outside while it measures (METHOD, point 8): what was timed while QEMU was
//! stopped, paused or starved is void. `run` tells it of QEMU's start and of each record as it comes;
//! at the end it gives what the manifest keeps.
//!
//! A block is held against what was seen between the arrivals of its own record and of the one
//! before it: its warm-up and its timed part. Two threads look meanwhile: one at the process's state,
//! which leaves no trace in any counter, and one listens to QEMU's monitor.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use switchlab_records::Record;

mod found;
mod guest_time;
mod host;
mod judge;
mod monitor;

pub use found::{Event, Void, Watch, Watched, conditions_of_all};
pub use guest_time::GuestTime;
pub use judge::{CpuTime, Interval, Threads, VoidReason, judge_interval};
pub use monitor::Socket;

use guest_time::Arrivals;
use host::Counters;

/// How often the process's state is looked at. A stop that is shorter may go unseen; what it takes
/// from a block is then less than the host's own accounting can tell.
const LOOK: Duration = Duration::from_millis(20);

/// What watches one guest.
pub struct Watcher {
    threads: Option<Threads>,
    state: Arc<State>,
    process: Result<Arc<host::Watched>, String>,
    looking: Vec<JoinHandle<()>>,
    started: Instant,
    last: Arrival,
    /// Of all intervals whose counters are known.
    cpu: CpuTime,
    arrivals: Arrivals,
    blocks: u32,
    unwatched_blocks: u32,
    voids: Vec<Void>,
}

/// What the two threads and the watcher share.
#[derive(Default)]
struct State {
    ended: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    stopped: Meter,
    paused: Meter,
    monitor_opened: bool,
    events: Vec<Event>,
}

impl Seen {
    /// With the lock held, so that no older look is noted behind a newer one.
    fn look(&mut self, process: &host::Watched) {
        let is_stopped = if process.is_stopped() == Some(true) { IsSo::Yes } else { IsSo::No };
        self.stopped.set(is_stopped, Instant::now());
    }
}

/// What was known at a record's arrival.
struct Arrival {
    at: Instant,
    stopped: Duration,
    paused: Duration,
    counters: Option<Counters>,
}

/// How long something was so, in all.
#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    total: Duration,
    since: Option<Instant>,
}

impl Meter {
    fn set(&mut self, is_so: IsSo, now: Instant) {
        self.total = self.total(now);
        self.since = (is_so == IsSo::Yes).then_some(now);
    }

    fn total(&self, now: Instant) -> Duration {
        self.total + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsSo {
    Yes,
    No,
}

impl Watcher {
    /// Watches nothing yet. `threads` is how the host runs the virtual CPUs; `None` where instructions
    /// are counted: nothing that happens to QEMU then changes what it counts, and nothing is void.
    pub fn new(threads: Option<Threads>) -> Self {
        let now = Instant::now();
        Self {
            threads,
            state: Arc::default(),
            process: Err("QEMU did not start".into()),
            looking: Vec::new(),
            started: now,
            last: Arrival { at: now, stopped: Duration::ZERO, paused: Duration::ZERO, counters: None },
            cpu: CpuTime::default(),
            arrivals: Arrivals::default(),
            blocks: 0,
            unwatched_blocks: 0,
            voids: Vec::new(),
        }
    }

    /// QEMU was started, as process `pid`; its monitor opens at `socket`.
    pub fn started(&mut self, pid: u32, socket: Option<&Path>) {
        self.started = Instant::now();
        self.process = host::Watched::new(pid).map(Arc::new);
        if let Ok(process) = &self.process {
            let (process, state) = (Arc::clone(process), Arc::clone(&self.state));
            self.looking.push(thread::spawn(move || look(&process, &state)));
        }
        if let Some(socket) = socket {
            let (socket, state, started) = (socket.to_path_buf(), Arc::clone(&self.state), self.started);
            self.looking.push(thread::spawn(move || listen(&socket, &state, started)));
        }
        self.last = self.arrival();
    }

    /// A record has come.
    pub fn record(&mut self, record: &Record<'_>) {
        let (before, cpu) = self.arrived();
        match record {
            Record::Block(block) => {
                let reasons = self.judge(&before, cpu);
                if !reasons.is_empty() {
                    self.voids.push(Void::new(block, reasons));
                }
            }
            Record::Clock(clock) => self.arrivals.clock(clock, self.last.at),
            _ => {}
        }
    }

    /// A record of another guest's has come that is no timed block.
    pub fn foreign(&mut self) {
        self.arrived();
    }

    /// The record of a timed block of another guest's has come: why it is void, if it is.
    pub fn foreign_block(&mut self) -> Vec<VoidReason> {
        let (before, cpu) = self.arrived();
        self.judge(&before, cpu)
    }

    /// Notes an arrival: the one before it, and processor time since then.
    fn arrived(&mut self) -> (Arrival, Option<CpuTime>) {
        let now = self.arrival();
        let before = std::mem::replace(&mut self.last, now);
        let cpu = self.last.counters.as_ref().zip(before.counters.as_ref());
        let cpu = cpu.map(|(after, before)| after.since(before));
        self.cpu += cpu.unwrap_or_default();
        (before, cpu)
    }

    fn judge(&mut self, before: &Arrival, cpu: Option<CpuTime>) -> Vec<VoidReason> {
        let Some(threads) = self.threads else { return Vec::new() };
        let after = &self.last;
        let interval = Interval {
            length: after.at.saturating_duration_since(before.at),
            stopped: after.stopped.saturating_sub(before.stopped),
            paused: after.paused.saturating_sub(before.paused),
            cpu,
        };
        self.blocks += 1;
        self.unwatched_blocks += u32::from(cpu.is_none());
        judge_interval(&interval, threads)
    }

    fn arrival(&self) -> Arrival {
        // First: this is when the record came.
        let at = Instant::now();
        let process = self.process.as_ref().ok();
        let counters = process.and_then(|process| process.counters());
        let mut seen = self.state.seen();
        if let Some(process) = process {
            // Whether a stop is over, so that none of it is told of the next block.
            seen.look(process);
        }
        Arrival { at, stopped: seen.stopped.total(at), paused: seen.paused.total(at), counters }
    }

    /// QEMU has ended: what was found.
    pub fn finish(mut self) -> Watch {
        self.state.ended.store(true, Ordering::Relaxed);
        for thread in self.looking.drain(..) {
            let _ = thread.join();
        }
        let seen = std::mem::take(&mut *self.state.seen());
        let process = match (self.threads, &self.process) {
            (None, _) => Watched::Not("counted instructions do not depend on the host".into()),
            (Some(_), Ok(_)) => Watched::Yes,
            (Some(_), Err(why)) => Watched::Not(why.clone()),
        };
        let monitor = if seen.monitor_opened {
            Watched::Yes
        } else {
            Watched::Not("QEMU's monitor did not open".into())
        };
        Watch {
            process,
            monitor,
            blocks: self.blocks,
            unwatched_blocks: self.unwatched_blocks,
            host_busy_percent: found::busy_percent(&self.cpu),
            events: seen.events,
            guest_time: self.threads.and_then(|_| self.arrivals.compare()),
            voids: std::mem::take(&mut self.voids),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The threads look at it: none outlives its guest.
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

impl State {
    /// Of a flag alone: nothing is handed over by it.
    fn is_wanted(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // What a thread that panicked has left is as good as it was.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(process: &host::Watched, state: &State) {
    while state.is_wanted() {
        state.seen().look(process);
        thread::sleep(LOOK);
    }
}

fn listen(socket: &Path, state: &State, started: Instant) {
    let on_open = || state.seen().monitor_opened = true;
    let heard = monitor::listen(
        socket,
        || state.is_wanted(),
        on_open,
        |event| {
            let now = Instant::now();
            let mut seen = state.seen();
            match event {
                "STOP" | "SUSPEND" => seen.paused.set(IsSo::Yes, now),
                "RESUME" | "WAKEUP" => seen.paused.set(IsSo::No, now),
                _ => {}
            }
            let at_ms = now.saturating_duration_since(started).as_millis();
            seen.events.push(Event { name: event.to_owned(), at_ms: at_ms.try_into().unwrap_or(u64::MAX) });
        },
    );
    if heard.is_err() {
        state.seen().monitor_opened = false;
    }
}

#[cfg(test)]
mod tests;
