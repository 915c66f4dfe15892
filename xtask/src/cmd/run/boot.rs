//! One guest of `run`, from its folder to what is kept there. Whether it is all of a run or one boot of
//! many, and what is shown of it, its callers decide.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cannot_write;
use crate::capture::{Captured, Limits, Serial, Sink};
use crate::exit::{self, Outcome};
use crate::failure::Failure;
use crate::interrupt::INTERRUPTED;
use crate::judged::{self, Found, SideLog};
use crate::manifest::{Ending, Manifest, StatusOf};
use crate::observer::{Hears, Observed, Observer};
use crate::qemu::{Config, Timing};
use crate::watch::{Socket, Threads, Watcher};
use crate::watchdog::Hang;
use crate::{folder, guest, qemu};
use anyhow::Context;

/// A guest whose folder is made.
pub(super) struct Boot {
    pub(super) config: Config,
    pub(super) manifest: Manifest,
    pub(super) folder: PathBuf,
    deadline: Duration,
    /// What a boot before it counted.
    pub(super) counted: Option<SideLog>,
    /// What it was doing, where it hung.
    pub(super) hang: Option<Hang>,
    /// Removed with this.
    _socket: Option<Socket>,
}

/// What has no results leaves nothing to show.
pub(super) type Judged<'a> = Result<Found<'a>, Outcome>;

impl Boot {
    /// A guest as `config` has it, whose facts `manifest` knows already.
    pub(super) fn new(mut config: Config, manifest: &Manifest, folder: PathBuf, deadline: Duration) -> Self {
        let socket = config.monitor.is_none().then(Socket::new).flatten();
        config.monitor = socket.as_ref().map(|socket| socket.path().to_path_buf());
        let manifest = manifest.of_boot(&config);
        Self { config, manifest, folder, deadline, counted: None, hang: None, _socket: socket }
    }

    /// A guest with a kernel that is not ours: who boots one watches it themselves. Only at its deadline, where there is
    /// one, is it asked what it does.
    pub(super) fn foreign(
        mut config: Config,
        manifest: &Manifest,
        folder: PathBuf,
        deadline: Duration,
    ) -> Self {
        let socket = (deadline != Duration::MAX).then(Socket::new).flatten();
        config.monitor = socket.as_ref().map(|socket| socket.path().to_path_buf());
        let manifest = manifest.of_boot(&config);
        Self { config, manifest, folder, deadline, counted: None, hang: None, _socket: socket }
    }

    /// The command line as a shell would take it.
    pub(super) fn command(&self) -> String {
        qemu::shell_line(&self.config.argv())
    }

    /// Boots our kernel, watches it, and hands its results to `show`, once all of it is kept.
    ///
    /// # Errors
    ///
    /// The folder cannot be written before the start. What `show` says.
    pub(super) fn measure<T>(
        &mut self,
        hears: &mut dyn Hears,
        show: impl FnOnce(&Self, Judged<'_>, anyhow::Result<()>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut watcher = Watcher::new(Threads::of(&self.config));
        let mut observer = Observer::new(hears, &mut watcher, &self.config);
        let (outcome, captured) = self.boot(&mut observer)?;
        let Observed { cpus_up, hang } = observer.ended();
        self.hang = hang;
        let watch = watcher.finish();
        let outcome = exit::name_who(outcome, &watch.events);
        self.manifest.watch = Some(watch);
        let text = String::from_utf8_lossy(&captured.log);
        let mut judged = judged::found(outcome, &text, self.manifest.watch.as_ref());
        if let (Ok(found), Some(counted)) = (&mut judged, &self.counted)
            && let Err(why) = found.count(counted)
        {
            judged = Err(why);
        }
        let outcome = judged.as_ref().err().unwrap_or(&Outcome::Pass);
        self.note_end(outcome, &captured, cpus_up);
        // First to the folder: whatever happens to what is shown, what was captured is kept.
        let kept = self.keep(judged.as_ref().ok(), &captured);
        if let Err(outcome) = &judged {
            self.report(outcome, &text);
        }
        show(self, judged, kept)
    }

    /// Boots it, and judges its end.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub(super) fn boot(&self, sink: &mut dyn Sink) -> anyhow::Result<(Outcome, Captured)> {
        // Before the start, so that a folder that is full is known while nothing has been spent.
        let written = self.manifest.write(&self.folder).and_then(|()| Ok(folder::create_log(&self.folder)?));
        let out = self.folder.parent().unwrap_or(&self.folder);
        let mut file = written.map_err(|error| cannot_write(out, &error))?;
        let argv = self.config.argv();
        let limits = Limits { deadline: self.deadline, interrupted: &INTERRUPTED };
        let log = self.log();
        let serial = match self.config.timing {
            Timing::Host => Serial::Piped(&mut file),
            Timing::Instructions => Serial::Followed(&log),
        };
        Ok(guest::run(&argv, limits, serial, sink))
    }

    pub(super) fn note_end(&mut self, outcome: &Outcome, captured: &Captured, cpus_up: Option<Duration>) {
        let status = (StatusOf::Xtask, outcome.status().code());
        self.note(outcome.to_string(), status, captured, cpus_up);
    }

    /// Of a kernel that is not ours: QEMU's status, as it is.
    pub(super) fn note_qemus_end(&mut self, status: i32, captured: &Captured) -> u8 {
        let code = u8::try_from(status).unwrap_or(u8::MAX);
        self.note(format!("QEMU ended with status {status}"), (StatusOf::Qemu, code), captured, None);
        code
    }

    fn note(
        &mut self,
        outcome: String,
        (status_of, status): (StatusOf, u8),
        captured: &Captured,
        cpus_up: Option<Duration>,
    ) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (elapsed_ms, cpus_up_ms) = (ms(captured.elapsed), cpus_up.map(ms));
        self.manifest.ending = Some(Ending { outcome, status, status_of, elapsed_ms, cpus_up_ms });
    }

    /// Says how it went wrong.
    pub(super) fn report(&self, outcome: &Outcome, log: &str) {
        let log_path = self.log();
        if *outcome == Outcome::Interrupted {
            eprintln!("interrupted: QEMU was ended; log: {}", log_path.display());
            return;
        }
        let command = self.command();
        let kernel = Some(self.config.kernel.as_path());
        let failure = Failure { outcome, log, log_path: &log_path, command: Some(&command), kernel };
        eprint!("error: {}", failure.message());
        if *outcome == Outcome::TimedOut {
            eprintln!("deadline: {} s; --timeout SECONDS sets another", self.deadline.as_secs());
        }
        if let Some(hang) = &self.hang {
            eprintln!(
                "{}all that QEMU said of it: {}",
                hang.summary,
                self.folder.join(folder::HANG).display()
            );
        }
    }

    /// Writes down what the guest leaves beside its log.
    ///
    /// # Errors
    ///
    /// The first file that could not be written; the others are written all the same.
    pub(super) fn keep(&self, results: Option<&Found<'_>>, captured: &Captured) -> anyhow::Result<()> {
        let log = match &captured.log_error {
            None => Ok(()),
            Some(error) => Err(anyhow::anyhow!(
                "{}: {error}; the log there is cut. Room for it is expected; --out DIR sets another folder",
                self.log().display()
            )),
        };
        let stderr = match captured.stderr.as_str() {
            "" => Ok(()),
            text => fs::write(self.folder.join(folder::STDERR), text).context("writing QEMU's stderr"),
        };
        let hang = self.hang.as_ref().map_or(Ok(()), |hang| {
            fs::write(self.folder.join(folder::HANG), &hang.details).context("writing what each CPU did")
        });
        let manifest = self.manifest.write(&self.folder);
        let results = results.map_or(Ok(()), |results| results.write(&self.folder));
        log.and(stderr).and(hang).and(manifest).and(results)
    }

    fn log(&self) -> PathBuf {
        Path::new(&self.folder).join(folder::LOG)
    }
}
