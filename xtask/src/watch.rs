//! Watches the guest from outside while it measures (METHOD, point 8): what was timed while QEMU was
//! stopped, paused or starved is void. `run` tells it of QEMU's start and of each record as it comes;
//! at the end it gives what the manifest keeps.
//!
//! A block is held against what was seen between the arrivals of its own record and of the one
//! before it: its warm-up and its timed part. What came late is judged with what it came with
//! (`groups`), so verdicts stand when the guest has ended. Two threads look meanwhile: one at the process's state,
//! which leaves no trace in any counter, and one listens to QEMU's monitor.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use switchlab_core::stats::{TscHz, ticks_to_ns};
use switchlab_records::{Block, Point, Record};

mod found;
mod groups;
mod guest_time;
mod host;
mod judge;
mod monitor;
mod still;

pub use found::{
    BUSY_PERCENT, Event, HostTime, Outside, PointTime, Void, VoidPoint, Watch, Watched, conditions_of_all,
};
pub use guest_time::GuestTime;
pub use judge::{CpuTime, Interval, Threads, VoidReason, judge_interval};
pub use monitor::{POWER_DOWN, Socket};
pub use still::STILL;

use groups::{Arrived, Told, host_times, judge_all};
use guest_time::Arrivals;
use host::Counters;
use still::{Look, Still};

/// How often it is looked whether the process is stopped. A stop that is shorter is known of too, but not how long it
/// was: then it counts as long as since the look before.
const LOOK: Duration = Duration::from_millis(20);

/// A gap between two looks that is no late look any more: this tool was stopped, or got no CPU.
const GAP: Duration = Duration::from_millis(500);

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
    clocks: Arrivals,
    /// Of the guest's TSC, as its last clock record has it.
    tsc_hz: Option<TscHz>,
    arrivals: Vec<Arrived>,
    /// What our own kernel's records of what was timed say, in order.
    blocks: Vec<Timed>,
    /// Of a guest that has spoken.
    still: Option<Still>,
}

/// What was timed, to name it where it is void.
enum Timed {
    /// A block of the classic job.
    Block(Block),
    /// A point of an experiment with many.
    Point { run: u32, position: u32, series: String, block: Option<u64> },
}

/// The count by which a point says that others with the same number, in its run, are of the same block.
pub const BLOCK: &str = "block";

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
    unwatched: Duration,
    /// The last look at the process.
    looked: Option<Instant>,
    monitor_opened: bool,
    /// It is listened to, and that of the process which is watched, not of one that this started.
    monitor_tells: bool,
    /// Why the monitor was heard no longer.
    monitor_lost: Option<String>,
    events: Vec<Event>,
}

impl Seen {
    /// With the lock held, so that no older look is noted behind a newer one.
    fn look(&mut self, process: &host::Watched) {
        let is_stopped = if process.is_stopped() == Some(true) { IsSo::Yes } else { IsSo::No };
        let was_stopped = process.was_stopped();
        let now = Instant::now();
        if was_stopped && is_stopped == IsSo::No && self.stopped.since.is_none() {
            self.stopped.total += self.looked.map_or(LOOK, |looked| now.saturating_duration_since(looked));
        }
        self.stopped.set(is_stopped, now);
        self.looked_at(now);
    }

    fn looked_at(&mut self, now: Instant) {
        let since = self.looked.map_or(Duration::ZERO, |looked| now.saturating_duration_since(looked));
        if since >= GAP {
            self.unwatched += since;
        }
        self.looked = Some(now);
    }
}

/// What was known at a record's arrival.
struct Arrival {
    at: Instant,
    stopped: Duration,
    paused: Duration,
    unwatched: Duration,
    counters: Option<Counters>,
}

impl Arrival {
    /// Nothing has come.
    const fn none(at: Instant) -> Self {
        Self {
            at,
            stopped: Duration::ZERO,
            paused: Duration::ZERO,
            unwatched: Duration::ZERO,
            counters: None,
        }
    }
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
            last: Arrival::none(now),
            cpu: CpuTime::default(),
            clocks: Arrivals::default(),
            tsc_hz: None,
            arrivals: Vec::new(),
            blocks: Vec::new(),
            still: None,
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
            self.looking.push(thread::spawn(move || listen(&socket, &state, started, pid)));
        }
        self.last = self.arrival();
    }

    /// Whether QEMU's process is stopped.
    pub fn is_stopped(&self) -> bool {
        self.process.as_ref().is_ok_and(|process| process.is_stopped() == Some(true))
    }

    /// The guest has spoken.
    pub fn spoke(&mut self) {
        self.still = Some(Still::spoke(Instant::now()));
    }

    /// Whether the guest, which has spoken, has done nothing at all for [`STILL`], though nobody holds it: a hang. Asked as
    /// often as one likes.
    pub fn stands_still(&mut self) -> bool {
        let now = Instant::now();
        let Some(still) = self.still.as_mut().filter(|still| still.is_due(now)) else { return false };
        let Ok(process) = &self.process else { return false };
        let Some(ran) = process.cpu_time() else { return false };
        let wants_to_run = process.wants_to_run();
        let seen = self.state.seen();
        let is_held = [&seen.paused, &seen.stopped].iter().any(|meter| meter.since.is_some());
        still.look(now, Look { ran, wants_to_run, is_held: is_held || !seen.monitor_tells })
    }

    /// A record has come.
    pub fn record(&mut self, record: &Record<'_>) {
        match record {
            Record::Block(block) => {
                self.timed(block.ticks, Told::Block, Timed::Block(*block));
            }
            Record::Point(Point { run, position, series, ticks, also, .. }) => {
                let (run, position, series) = (*run, *position, series.to_string());
                let block = also.iter().find(|(name, _)| name == BLOCK).map(|(_, number)| *number);
                let told = if self.is_last_block(run, block) { Told::SameBlock } else { Told::Block };
                self.timed(*ticks, told, Timed::Point { run, position, series, block });
            }
            Record::Clock(clock) => {
                self.arrived(Told::Other);
                self.tsc_hz = TscHz::new(clock.tsc_hz);
                self.clocks.clock(clock, self.last.at);
            }
            _ => self.arrived(Told::Other),
        }
    }

    /// Whether the point before is of this block too.
    fn is_last_block(&self, run: u32, block: Option<u64>) -> bool {
        let last = self.blocks.last();
        block.is_some()
            && matches!(last, Some(Timed::Point { run: of, block: last, .. }) if (*of, *last) == (run, block))
    }

    fn timed(&mut self, ticks: u64, told: fn(Option<Duration>) -> Told, what: Timed) {
        let took = self.tsc_hz.map(|hz| Duration::from_nanos(ticks_to_ns(ticks, hz)));
        self.arrived(told(took));
        self.blocks.push(what);
    }

    /// A record of another guest's has come that is no timed block.
    pub fn foreign(&mut self) {
        self.arrived(Told::Other);
    }

    /// The record of a timed block of another guest's has come, which took so long.
    pub fn foreign_block(&mut self, took: Duration) {
        self.arrived(Told::Block(Some(took)));
    }

    /// Why each block that has come is void, in order; empty where it is not.
    pub fn verdicts(&self) -> Vec<Vec<VoidReason>> {
        match self.threads {
            Some(threads) => judge_all(&self.arrivals, threads),
            None => self.told_blocks().map(|_| Vec::new()).collect(),
        }
    }

    fn told_blocks(&self) -> impl Iterator<Item = &Arrived> {
        self.arrivals.iter().filter(|arrived| arrived.told != Told::Other)
    }

    /// Notes an arrival, and what was seen since the one before it.
    fn arrived(&mut self, told: Told) {
        let now = self.arrival();
        let before = std::mem::replace(&mut self.last, now);
        let after = &self.last;
        let cpu = after.counters.as_ref().zip(before.counters.as_ref());
        let cpu = cpu.map(|(after, before)| after.since(before));
        self.cpu += cpu.unwrap_or_default();
        let interval = Interval {
            length: after.at.saturating_duration_since(before.at),
            stopped: after.stopped.saturating_sub(before.stopped),
            paused: after.paused.saturating_sub(before.paused),
            unwatched: after.unwatched.saturating_sub(before.unwatched),
            cpu,
        };
        self.arrivals.push(Arrived { interval, told });
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
        let (stopped, paused) = (seen.stopped.total(at), seen.paused.total(at));
        Arrival { at, stopped, paused, unwatched: seen.unwatched, counters }
    }

    /// Looks and listens no more: what happens to QEMU from now on is not the guest's.
    pub fn leave(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        for thread in self.looking.drain(..) {
            let _ = thread.join();
        }
    }

    /// QEMU has ended: what was found.
    pub fn finish(mut self) -> Watch {
        self.leave();
        let seen = std::mem::take(&mut *self.state.seen());
        let process = match (self.threads, &self.process) {
            (None, _) => Watched::Not("counted instructions do not depend on the host".into()),
            (Some(_), Ok(_)) => Watched::Yes,
            (Some(_), Err(why)) => Watched::Not(why.clone()),
        };
        let monitor = match (seen.monitor_opened, seen.monitor_lost) {
            (true, None) => Watched::Yes,
            (true, Some(why)) => Watched::Not(format!("QEMU's monitor was heard no longer: {why}")),
            (false, _) => Watched::Not("QEMU's monitor did not open".into()),
        };
        let outside = self.threads.map_or_else(Outside::default, |_| {
            let now = Instant::now();
            let within = |time: fn(&Interval) -> Duration| -> Duration {
                self.told_blocks().map(|arrived| time(&arrived.interval)).sum()
            };
            let ms =
                |all: Duration, within| all.saturating_sub(within).as_millis().try_into().unwrap_or(u64::MAX);
            Outside {
                stopped_ms: ms(seen.stopped.total(now), within(|interval| interval.stopped)),
                paused_ms: ms(seen.paused.total(now), within(|interval| interval.paused)),
            }
        });
        let judged = self.threads.map_or(0, |_| self.told_blocks().count());
        let unwatched = self
            .threads
            .map_or(0, |_| self.told_blocks().filter(|arrived| arrived.interval.cpu.is_none()).count());
        let count = |blocks: usize| u32::try_from(blocks).unwrap_or(u32::MAX);
        let verdicts = self.blocks.iter().zip(self.verdicts());
        let (mut voids, mut void_points) = (Vec::new(), Vec::new());
        for (timed, reasons) in verdicts.filter(|(_, reasons)| !reasons.is_empty()) {
            match timed {
                Timed::Block(block) => voids.push(Void::new(block, reasons)),
                Timed::Point { run, position, series, .. } => {
                    let (run, position, series) = (*run, *position, series.clone());
                    void_points.push(VoidPoint { run, position, series, reasons });
                }
            }
        }
        let times = self.threads.map_or_else(Vec::new, |_| host_times(&self.arrivals));
        let time_of = |(timed, time): (&Timed, Option<HostTime>)| match (timed, time) {
            (Timed::Point { run, position, .. }, Some(time)) => {
                Some(PointTime { run: *run, position: *position, time })
            }
            _ => None,
        };
        let point_times = self.blocks.iter().zip(times).filter_map(time_of).collect();
        Watch {
            process,
            monitor,
            blocks: count(judged),
            unwatched_blocks: count(unwatched),
            host_busy_percent: found::busy_percent(&self.cpu),
            outside,
            events: seen.events,
            guest_time: self.threads.and_then(|_| self.clocks.compare()),
            voids,
            void_points,
            point_times,
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

fn listen(socket: &Path, state: &State, started: Instant, pid: u32) {
    let on_open = |process| {
        let mut seen = state.seen();
        seen.monitor_opened = true;
        seen.monitor_tells = process == Some(pid);
    };
    let heard = monitor::listen(
        socket,
        || state.is_wanted(),
        on_open,
        |event, why| {
            let now = Instant::now();
            let mut seen = state.seen();
            match event {
                "STOP" | "SUSPEND" => seen.paused.set(IsSo::Yes, now),
                "RESUME" | "WAKEUP" => seen.paused.set(IsSo::No, now),
                _ => {}
            }
            let at_ms = now.saturating_duration_since(started).as_millis();
            let at_ms = at_ms.try_into().unwrap_or(u64::MAX);
            seen.events.push(Event { name: event.to_owned(), at_ms, why: why.map(str::to_owned) });
        },
    );
    let mut seen = state.seen();
    seen.monitor_tells = false;
    seen.monitor_lost = heard.err().map(|error| error.to_string());
}

#[cfg(test)]
mod tests;
