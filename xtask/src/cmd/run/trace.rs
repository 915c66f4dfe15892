//! The trace of a run: one more boot, of the marked kernel, behind those that measure. It shows why the
//! measured handoffs cost what they cost, and is no measurement itself.

use std::path::PathBuf;

use switchlab_core::params::TRACE;

use super::side::Side;
use super::{Args, Prepared};
use crate::build::{MARKED, Talk, build_marked};
use crate::cmd::steps::Found;
use crate::exit::Outcome;
use crate::folder;
use crate::manifest;
use crate::qemu::{Config, Timing};
use crate::status::Status;
use crate::steps::Whole;

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
        let mut side = Side::new(self, config, [folder::TRACE_LOG, manifest::OF_TRACE], self.deadline)?;
        self.say(&format!(
            "trace: {} exchanges of each mode, by the marked kernel\n$ {}",
            trace.exchanges,
            side.command()
        ));
        let came = side.boot()?;
        let found = Found::new(came.outcome.clone(), &came.text, wholes);
        side.note(&came, found.as_ref().err().unwrap_or(&Outcome::Pass))?;
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
                    side.log.display()
                );
                Ok(Status::Interrupted)
            }
            Err(outcome) => {
                side.report("steps", &outcome, &came);
                Ok(outcome.status())
            }
        }
    }
}
