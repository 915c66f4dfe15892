//! A boot beside those that measure, with a log and a manifest of its own in the same folder.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use super::Prepared;
use crate::capture::{Limits, Serial, Sink};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::guest;
use crate::interrupt::INTERRUPTED;
use crate::manifest::{Ending, Manifest, StatusOf};
use crate::qemu::{self, Config, Timing};
use crate::watch::Socket;
use crate::watchdog::{self, Hang};

/// A boot beside others.
pub(super) struct Side {
    config: Config,
    manifest: Manifest,
    manifest_path: PathBuf,
    /// Where its serial line goes.
    pub(super) log: PathBuf,
    deadline: Duration,
    /// Removed with this.
    _socket: Option<Socket>,
}

/// What came of it.
pub(super) struct Came {
    /// How it ended.
    pub(super) outcome: Outcome,
    /// Its serial line.
    pub(super) text: String,
    /// What each CPU did, where it hung.
    hang: Option<Hang>,
    elapsed: Duration,
}

/// Hears nothing but that the guest hangs.
struct AsksWhereItHangs<'a> {
    config: &'a Config,
    hang: Option<Hang>,
}

impl Sink for AsksWhereItHangs<'_> {
    fn bytes(&mut self, _: &[u8], _: Duration) {}

    fn hangs(&mut self) {
        self.hang = watchdog::of(self.config);
    }
}

impl Side {
    /// Of `config`, with `log` and `manifest` as the names of its files.
    ///
    /// # Errors
    ///
    /// The kernel cannot be read.
    pub(super) fn new(
        run: &Prepared<'_>,
        mut config: Config,
        [log, manifest]: [&str; 2],
        deadline: Duration,
    ) -> anyhow::Result<Self> {
        let socket = Socket::new();
        config.monitor = socket.as_ref().map(|socket| socket.path().to_path_buf());
        Ok(Self {
            _socket: socket,
            manifest: run.manifest.of_other_boot(&config)?,
            config,
            manifest_path: run.folder.join(manifest),
            log: run.folder.join(log),
            deadline,
        })
    }

    /// The command line as a shell would take it.
    pub(super) fn command(&self) -> String {
        qemu::shell_line(&self.config.argv())
    }

    /// Boots it.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub(super) fn boot(&self) -> anyhow::Result<Came> {
        self.manifest.write_to(&self.manifest_path)?;
        let mut file = File::create_new(&self.log)?;
        let serial = match self.config.timing {
            Timing::Host => Serial::Piped(&mut file),
            Timing::Instructions => Serial::Followed(&self.log),
        };
        let limits = Limits { deadline: self.deadline, interrupted: &INTERRUPTED };
        let mut asks = AsksWhereItHangs { config: &self.config, hang: None };
        let (outcome, captured) = guest::run(&self.config.argv(), limits, serial, &mut asks);
        let text = String::from_utf8_lossy(&captured.log).into_owned();
        Ok(Came { outcome, text, hang: asks.hang, elapsed: captured.elapsed })
    }

    /// Writes down how it ended: `end`, as its log was judged.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub(super) fn note(&mut self, came: &Came, end: &Outcome) -> anyhow::Result<()> {
        self.manifest.ending = Some(Ending {
            outcome: end.to_string(),
            status: end.status().code(),
            status_of: StatusOf::Xtask,
            elapsed_ms: u64::try_from(came.elapsed.as_millis()).unwrap_or(u64::MAX),
            cpus_up_ms: None,
        });
        self.manifest.write_to(&self.manifest_path)
    }

    /// How it went wrong, in words that name what there is not for it.
    pub(super) fn report(&self, nothing_of: &str, outcome: &Outcome, came: &Came) {
        let command = self.command();
        let (command, kernel) = (Some(&*command), Some(&*self.config.kernel));
        let failure = Failure { outcome, log: &came.text, log_path: &self.log, command, kernel };
        eprint!("error: no {nothing_of}: {}", failure.message());
        if let Some(hang) = &came.hang {
            eprint!("{}", hang.summary);
        }
    }
}
