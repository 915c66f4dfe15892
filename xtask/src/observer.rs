//! What `run` hangs on a guest's serial line: each record, as it comes, goes to the watcher and to
//! the progress.

use std::path::PathBuf;
use std::time::Duration;

use switchlab_records::{Record, parse_frame};

use crate::capture::{Lines, Sink};
use crate::progress::Progress;
use crate::watch::Watcher;

/// The two that look, and the line that is not whole yet.
pub struct Observer<'a> {
    lines: Lines,
    progress: &'a mut Progress,
    watcher: &'a mut Watcher,
    /// Where QEMU's monitor opens.
    monitor: Option<PathBuf>,
}

impl<'a> Observer<'a> {
    /// Has seen nothing yet.
    pub fn new(progress: &'a mut Progress, watcher: &'a mut Watcher, monitor: Option<PathBuf>) -> Self {
        Self { lines: Lines::default(), progress, watcher, monitor }
    }
}

impl Sink for Observer<'_> {
    fn started(&mut self, pid: u32) {
        self.watcher.started(pid, self.monitor.as_deref());
    }

    fn bytes(&mut self, bytes: &[u8], since_start: Duration) {
        let Self { lines, progress, watcher, .. } = self;
        lines.take(bytes, |line| {
            if let Some(record) = record_of(line) {
                // First, since it is the one that looks at a clock.
                watcher.record(&record);
                progress.record(&record, since_start);
            }
        });
    }
}

/// The record in a line of the serial log. What is no record, or a broken one, is none here: the log
/// is judged when it is whole.
pub fn record_of(line: &str) -> Option<Record<'_>> {
    let frame = parse_frame(line.trim_end_matches(['\n', '\r']))?.ok()?;
    serde_json::from_str(frame.json).ok()
}
