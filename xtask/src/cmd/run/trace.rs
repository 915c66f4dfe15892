//! The trace of a run: one more boot, of the marked kernel, behind those that measure. It shows why the
//! measured handoffs cost what they cost, and is no measurement itself.

use std::fs::File;
use std::path::PathBuf;

use switchlab_core::params::TRACE;

use super::{Args, Prepared};
use crate::build::{MARKED, Talk, build_marked};
use crate::capture::{Ignore, Limits, Serial};
use crate::cmd::steps::Found;
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::interrupt::INTERRUPTED;
use crate::manifest::{self, Ending, StatusOf};
use crate::qemu::{self, Config, Timing};
use crate::status::Status;
use crate::steps::Whole;
use crate::{folder, guest};

/// Exchanges that are traced where instructions are counted and nothing else is asked for: all of them are
/// alike, and a hundred show it.
const WITH_INSTRUCTIONS: u64 = 100;

/// How much to trace.
#[derive(clap::Args)]
pub(super) struct TraceArgs {
    /// Trace the first N exchanges of each mode, 0 to 5000, in a boot of their own behind those that
    /// measure: the steps that a handoff is made of, and trace.json for Perfetto [default: 0; with
    /// --deterministic 100, once for all boots]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(TRACE), conflicts_with = "kernel")]
    trace: Option<u64>,
}

impl TraceArgs {
    /// Whether a trace was asked for.
    pub(super) fn is_asked_for(&self) -> bool {
        self.trace.is_some_and(|exchanges| exchanges > 0)
    }
}

/// The marked kernel, and how many exchanges it is to trace.
pub(super) struct Trace {
    kernel: PathBuf,
    exchanges: u64,
}

impl Trace {
    /// Builds the marked kernel, where there is something to trace.
    ///
    /// # Errors
    ///
    /// As the build of the other.
    pub(super) fn prepare(args: &Args, talk: Talk) -> anyhow::Result<Option<Self>> {
        let is_classic = args.guest.kernel.is_none() && args.experiment.about().is_none();
        let default = match args.guest.timing() {
            Timing::Instructions if is_classic => WITH_INSTRUCTIONS,
            Timing::Instructions | Timing::Host => 0,
        };
        let exchanges = args.trace.trace.unwrap_or(default);
        if exchanges == 0 {
            return Ok(None);
        }
        let artefacts = build_marked(args.install.into(), talk)?;
        Ok(Some(Self { kernel: artefacts.path(MARKED)?.to_path_buf(), exchanges }))
    }
}

impl Prepared<'_> {
    /// Traces, where that was asked for, and shows the steps behind what was measured.
    ///
    /// # Errors
    ///
    /// The folder or stdout cannot be written.
    pub(super) fn trace(&self, wholes: &[Whole]) -> anyhow::Result<Status> {
        let Some(trace) = &self.trace else { return Ok(Status::Pass) };
        let config = Config {
            kernel: trace.kernel.clone(),
            command_line: format!("{} trace={}", self.config.command_line, trace.exchanges),
            ..self.config.clone()
        };
        let argv = config.argv();
        let command = qemu::shell_line(&argv);
        self.say(&format!(
            "trace: {} exchanges of each mode, by the marked kernel\n$ {command}",
            trace.exchanges
        ));
        let mut manifest = self.manifest.of_other_kernel(&config)?;
        let manifest_path = self.folder.join(manifest::OF_TRACE);
        manifest.write_to(&manifest_path)?;
        let log_path = self.folder.join(folder::TRACE_LOG);
        let mut file = File::create_new(&log_path)?;
        let serial = match config.timing {
            Timing::Host => Serial::Piped(&mut file),
            Timing::Instructions => Serial::Followed(&log_path),
        };
        let limits = Limits { deadline: self.deadline, interrupted: &INTERRUPTED };
        let (outcome, captured) = guest::run(&argv, limits, serial, &mut Ignore);
        let text = String::from_utf8_lossy(&captured.log);
        let found = Found::new(outcome, &text, wholes);
        let end = found.as_ref().err().unwrap_or(&Outcome::Pass);
        manifest.ending = Some(Ending {
            outcome: end.to_string(),
            status: end.status().code(),
            status_of: StatusOf::Xtask,
            elapsed_ms: u64::try_from(captured.elapsed.as_millis()).unwrap_or(u64::MAX),
            cpus_up_ms: None,
        });
        manifest.write_to(&manifest_path)?;
        match found {
            Ok(found) => {
                found.write(&self.folder)?;
                if let Some(text) = found.shown(self.args.format) {
                    self.show(&text)?;
                }
                Ok(Status::Pass)
            }
            Err(Outcome::Interrupted) => {
                eprintln!(
                    "interrupted: the trace is cut, what was measured before it is whole; log: {}",
                    log_path.display()
                );
                Ok(Status::Interrupted)
            }
            Err(outcome) => {
                let (command, kernel) = (Some(&*command), Some(&*config.kernel));
                let failure = Failure { outcome: &outcome, log: &text, log_path: &log_path, command, kernel };
                eprint!("error: no steps: {}", failure.message());
                Ok(outcome.status())
            }
        }
    }
}
