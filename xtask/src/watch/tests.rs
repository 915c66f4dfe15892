//! Facts about `watch`: a busy shell is the QEMU, and really stopped.

use super::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use switchlab_records::{Block, Counts, Mode, Pass, Subject};

/// A process that never rests, until it is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        Self(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap())
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn block(run: u32) -> Record<'static> {
    let (counts, expected) = (Counts::default(), Counts::default());
    let (mode, subject, pass) = (Mode::CrossCore, Subject::Handoff, Pass::Batch);
    Record::Block(Block {
        run,
        position: 1,
        mode,
        subject,
        pass,
        exchanges: 1,
        ticks: 1,
        counts,
        expected,
        crossings: None,
    })
}

/// The runs that are void for a reason that `is` finds. A busy host may add reasons of its own.
fn void_runs(watch: &Watch, is: impl Fn(&VoidReason) -> bool) -> Vec<u32> {
    watch.voids.iter().filter(|void| void.reasons.iter().any(&is)).map(|void| void.run).collect()
}

/// Until it is so; a test's own deadline.
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never came");
        thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn block_is_void_in_which_the_process_was_stopped() {
    let qemu = Busy::start();
    let mut watcher = Watcher::new(Some(Threads::One));
    watcher.started(qemu.0.id(), None);
    watcher.record(&block(1));
    qemu.send(Signal::SIGSTOP);
    let state = Arc::clone(&watcher.state);
    wait_until(|| !state.seen().stopped.total.is_zero());
    qemu.send(Signal::SIGCONT);
    wait_until(|| watcher.process.as_ref().is_ok_and(|process| process.is_stopped() == Some(false)));
    watcher.record(&block(2));
    watcher.record(&block(3));
    let watch = watcher.finish();
    assert_eq!((&watch.process, watch.blocks, watch.unwatched_blocks), (&Watched::Yes, 3, 0));
    assert_eq!(void_runs(&watch, |reason| matches!(reason, VoidReason::Stopped { .. })), [2]);
}

#[cfg(target_os = "linux")]
#[test]
fn block_is_void_in_which_the_process_was_stopped_for_less_than_a_look() {
    let qemu = Busy::start();
    let process = host::Watched::new(qemu.0.id()).unwrap();
    // Nobody looks on the side.
    let mut watcher = Watcher::new(Some(Threads::One));
    watcher.process = Ok(Arc::new(process));
    watcher.record(&block(1));
    qemu.send(Signal::SIGSTOP);
    wait_until(|| watcher.process.as_ref().is_ok_and(|process| process.is_stopped() == Some(true)));
    qemu.send(Signal::SIGCONT);
    wait_until(|| watcher.process.as_ref().is_ok_and(|process| process.is_stopped() == Some(false)));
    watcher.record(&block(2));
    watcher.record(&block(3));
    let watch = watcher.finish();
    assert_eq!(void_runs(&watch, |reason| matches!(reason, VoidReason::Stopped { .. })), [2]);
}

#[test]
fn block_is_void_in_which_the_monitor_says_that_the_guest_was_paused() {
    let socket = Socket::new().unwrap();
    let listener = UnixListener::bind(socket.path()).unwrap();
    let mut watcher = Watcher::new(Some(Threads::Several));
    watcher.started(std::process::id(), Some(socket.path()));
    let (mut monitor, _) = listener.accept().unwrap();
    let state = Arc::clone(&watcher.state);
    watcher.record(&block(1));
    for event in ["STOP", "RESUME"] {
        writeln!(monitor, r#"{{"event": "{event}"}}"#).unwrap();
        wait_until(|| state.seen().events.last().is_some_and(|last| last.name == event));
    }
    watcher.record(&block(2));
    watcher.record(&block(3));
    let watch = watcher.finish();
    assert_eq!(watch.monitor, Watched::Yes);
    assert_eq!(void_runs(&watch, |reason| matches!(reason, VoidReason::Paused { .. })), [2]);
    let mut command = String::new();
    monitor.read_to_string(&mut command).unwrap();
    assert!(command.contains("qmp_capabilities"));
}

/// A shell that runs a script and is watched, and its monitor, which tells of nothing. It is the test that opened that,
/// so `tells` says that it was the shell.
#[cfg(target_os = "linux")]
struct WatchedShell {
    watcher: Watcher,
    shell: Busy,
    monitor: std::os::unix::net::UnixStream,
    _socket: Socket,
}

#[cfg(target_os = "linux")]
impl WatchedShell {
    fn start(script: &str) -> Self {
        let shell = Busy(Command::new("sh").args(["-c", script]).spawn().unwrap());
        let socket = Socket::new().unwrap();
        let listener = UnixListener::bind(socket.path()).unwrap();
        let mut watcher = Watcher::new(Some(Threads::One));
        watcher.started(shell.0.id(), Some(socket.path()));
        let (monitor, _) = listener.accept().unwrap();
        wait_until(|| watcher.state.seen().monitor_opened);
        Self { watcher, shell, monitor, _socket: socket }
    }

    fn tells(self) -> Self {
        self.watcher.state.seen().monitor_tells = true;
        self
    }

    fn speaks(mut self) -> Self {
        self.watcher.spoke();
        self
    }

    /// Whether it is said within this time to stand still.
    fn stands_still_within(&mut self, time: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < time {
            if self.watcher.stands_still() {
                return true;
            }
            thread::sleep(Duration::from_millis(50));
        }
        false
    }
}

/// More than it takes, where nothing is in the way.
#[cfg(target_os = "linux")]
const LONG: Duration = Duration::from_secs(60);

#[cfg(target_os = "linux")]
#[test]
fn process_that_does_nothing_stands_still_unless_it_is_held() {
    let mut watched = WatchedShell::start("exec sleep 600").tells().speaks();
    assert!(watched.stands_still_within(LONG));
    let state = Arc::clone(&watched.watcher.state);
    writeln!(watched.monitor, r#"{{"event": "STOP"}}"#).unwrap();
    wait_until(|| state.seen().paused.since.is_some());
    assert!(!watched.stands_still_within(2 * STILL), "paused by its monitor");
    writeln!(watched.monitor, r#"{{"event": "RESUME"}}"#).unwrap();
    wait_until(|| state.seen().paused.since.is_none());
    watched.shell.send(Signal::SIGSTOP);
    wait_until(|| state.seen().stopped.since.is_some());
    assert!(!watched.stands_still_within(2 * STILL), "stopped");
    watched.shell.send(Signal::SIGCONT);
    wait_until(|| state.seen().stopped.since.is_none());
    assert!(watched.stands_still_within(LONG), "it goes on, and does nothing");
}

#[cfg(target_os = "linux")]
#[test]
fn process_that_works_or_has_not_spoken_does_not_stand_still() {
    let mut works = WatchedShell::start("while :; do :; done").tells().speaks();
    assert!(!works.stands_still_within(2 * STILL));
    let mut silent = WatchedShell::start("exec sleep 600").tells();
    assert!(!silent.stands_still_within(2 * STILL));
}

/// As where QEMU's executable is a script that starts it: that one does nothing, and the guest works.
#[cfg(target_os = "linux")]
#[test]
fn process_whose_monitor_is_anothers_or_has_closed_does_not_stand_still() {
    let mut script = WatchedShell::start("exec sleep 600").speaks();
    assert!(!script.stands_still_within(2 * STILL), "the monitor is the test's");
    let mut closed = WatchedShell::start("exec sleep 600").tells().speaks();
    closed.monitor.shutdown(std::net::Shutdown::Both).unwrap();
    wait_until(|| !closed.watcher.state.seen().monitor_tells);
    assert!(!closed.stands_still_within(2 * STILL), "nobody would tell of a pause");
}

#[test]
fn nothing_is_void_where_instructions_are_counted() {
    let mut watcher = Watcher::new(None);
    watcher.started(std::process::id(), None);
    watcher.record(&block(1));
    let watch = watcher.finish();
    assert_eq!((watch.blocks, watch.voids.len()), (0, 0));
    assert!(matches!(&watch.process, Watched::Not(why) if why.contains("instructions")));
}

#[test]
fn monitor_that_never_opens_is_said() {
    let socket = Socket::new().unwrap();
    let mut watcher = Watcher::new(Some(Threads::One));
    watcher.started(std::process::id(), Some(socket.path()));
    assert!(matches!(watcher.finish().monitor, Watched::Not(_)));
}

#[test]
fn meter_counts_what_was_and_what_still_is() {
    let (start, mut meter) = (Instant::now(), Meter::default());
    let at = |ms| start + Duration::from_millis(ms);
    meter.set(IsSo::Yes, at(10));
    assert_eq!(meter.total(at(15)), Duration::from_millis(5));
    meter.set(IsSo::Yes, at(20));
    meter.set(IsSo::No, at(30));
    meter.set(IsSo::No, at(40));
    assert_eq!(meter.total(at(50)), Duration::from_millis(20));
}

#[test]
fn only_a_gap_that_is_no_late_look_is_noted() {
    let (start, mut seen) = (Instant::now(), Seen::default());
    for ms in [0, 20, 519, 1_300, 1_320] {
        seen.looked_at(start + Duration::from_millis(ms));
    }
    assert_eq!(seen.unwatched, Duration::from_millis(781));
}

#[test]
fn block_is_void_in_which_nobody_looked() {
    let mut watcher = Watcher::new(Some(Threads::Several));
    watcher.record(&block(1));
    watcher.state.seen().unwatched += Duration::from_millis(700);
    watcher.record(&block(2));
    watcher.record(&block(3));
    let watch = watcher.finish();
    assert_eq!(void_runs(&watch, |reason| matches!(reason, VoidReason::Unwatched { ms: 700 })), [2]);
}

#[test]
fn points_of_one_block_share_what_was_seen_of_it() {
    let point = |position, block: u64| {
        let (counts, expected) = (Counts::default(), Counts::default());
        let (series, at, also) = ("halt".into(), Vec::new(), vec![(BLOCK.into(), block)]);
        Record::Point(Point { run: 1, position, series, at, handoffs: 1, ticks: 1, counts, expected, also })
    };
    let mut watcher = Watcher::new(Some(Threads::Several));
    watcher.record(&point(1, 1));
    watcher.record(&point(2, 1));
    watcher.state.seen().unwatched += Duration::from_millis(700);
    watcher.record(&point(3, 2));
    watcher.record(&point(4, 2));
    watcher.record(&point(5, 3));
    let void: Vec<_> = watcher.finish().void_points.iter().map(|void| void.position).collect();
    assert_eq!(void, [3, 4]);
}

#[test]
fn block_that_took_longer_than_its_interval_shares_the_verdict_of_those_before_it() {
    let clock = Record::Clock(switchlab_records::Clock {
        phase: switchlab_records::ClockPhase::Before,
        tsc_hz: 1_000_000_000,
        pit_hz: 0,
        pit_window_ticks: 0,
        pm_timer_hz: 0,
        pm_timer_window_ticks: 0,
        hpet_hz: 0,
        hpet_window_ticks: 0,
    });
    // An hour, which no test takes.
    let long = |run| match block(run) {
        Record::Block(block) => Record::Block(Block { ticks: 3_600_000_000_000, ..block }),
        _ => unreachable!(),
    };
    let mut watcher = Watcher::new(Some(Threads::Several));
    watcher.record(&clock);
    watcher.record(&clock);
    watcher.state.seen().unwatched += Duration::from_millis(700);
    watcher.record(&long(1));
    watcher.record(&long(2));
    let watch = watcher.finish();
    assert_eq!(void_runs(&watch, |reason| matches!(reason, VoidReason::Unwatched { ms: 700 })), [1, 2]);
}
