//! What `run` hangs on a guest's serial line: each record, as it comes, goes to the watcher and to
//! the progress.

use std::time::Duration;

use switchlab_records::{Record, parse_frame};

use crate::capture::{Lines, Sink};
use crate::qemu::Config;
use crate::watch::Watcher;
use crate::watchdog::{self, Hang};

/// Who shows how far it is.
pub trait Hears {
    /// A record came, `since_start` after QEMU's start.
    fn record(&mut self, record: &Record<'_>, since_start: Duration);

    /// The guest has ended.
    fn ended(&mut self);
}

/// The two that look, and the line that is not whole yet.
pub struct Observer<'a> {
    lines: Lines,
    progress: &'a mut dyn Hears,
    watcher: &'a mut Watcher,
    cpus_up: Option<Duration>,
    config: &'a Config,
    hang: Option<Hang>,
}

/// What is known at a guest's end, beside what the watcher saw.
pub struct Observed {
    /// When, after QEMU's start, the record came that says which CPUs are up.
    pub cpus_up: Option<Duration>,
    /// What it was doing, where it hung.
    pub hang: Option<Hang>,
}

impl<'a> Observer<'a> {
    /// Has seen nothing yet.
    pub fn new(progress: &'a mut dyn Hears, watcher: &'a mut Watcher, config: &'a Config) -> Self {
        Self { lines: Lines::default(), progress, watcher, cpus_up: None, config, hang: None }
    }

    /// The guest has ended.
    pub fn ended(self) -> Observed {
        self.progress.ended();
        Observed { cpus_up: self.cpus_up, hang: self.hang }
    }
}

impl Sink for Observer<'_> {
    fn started(&mut self, pid: u32) {
        self.watcher.started(pid, self.config.monitor.as_deref());
    }

    fn bytes(&mut self, bytes: &[u8], since_start: Duration) {
        let Self { lines, progress, watcher, cpus_up, .. } = self;
        watcher.spoke();
        lines.take(bytes, |line| {
            if let Some(record) = record_of(line) {
                // First, since it is the one that looks at a clock.
                watcher.record(&record);
                if matches!(record, Record::Cpus(_)) {
                    cpus_up.get_or_insert(since_start);
                }
                progress.record(&record, since_start);
            }
        });
    }

    fn stands_still(&mut self) -> bool {
        self.watcher.stands_still()
    }

    fn hangs(&mut self) {
        let is_stopped = self.watcher.is_stopped();
        // QEMU's monitor serves one at a time.
        self.watcher.leave();
        self.hang = if is_stopped { Some(Hang::of_stopped()) } else { watchdog::of(self.config) };
    }
}

/// The record in a line of the serial log. What is no record, or a broken one, is none here: the log
/// is judged when it is whole.
pub fn record_of(line: &str) -> Option<Record<'_>> {
    let frame = parse_frame(line.trim_end_matches(['\n', '\r']))?.ok()?;
    serde_json::from_str(frame.json).ok()
}
