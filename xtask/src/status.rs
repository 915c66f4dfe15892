//! The exit statuses of xtask, and the error that carries one. Every command ends through them;
//! nothing here decides which one applies.

use std::fmt;
use std::process::ExitCode;

/// How a command ends. The numbers are documented in `--help` and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// All that was asked for was done.
    Pass = 0,
    /// The kernel, or a test, says that it failed.
    Fail = 1,
    /// The command line is not right.
    Usage = 2,
    /// The guest crashed: panic, fault, reset, QEMU killed, kernel refused by the loader.
    Crashed = 3,
    /// The deadline passed, or the guest stands still.
    Deadline = 4,
    /// A part of the host is missing.
    Missing = 5,
    /// The log is not valid.
    InvalidLog = 6,
    /// All was measured, and `--until-stable` was not reached; or every run is void, and a tracker wants
    /// figures.
    Unstable = 7,
    /// Cargo could not build, or xtask itself went wrong.
    Build = 101,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Pass,
        Self::Fail,
        Self::Usage,
        Self::Crashed,
        Self::Deadline,
        Self::Missing,
        Self::InvalidLog,
        Self::Unstable,
        Self::Build,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// This one, unless it is a pass.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Pass { other } else { self }
    }

    /// The status of that number; `None` where it is none of ours.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.code() == code)
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status.code())
    }
}

/// What `--help` says about the statuses.
pub const HELP: &str = "\
Exit status:
  0    pass
  1    the kernel (or a test) says that it failed
  2    usage: the command line is not right, or an output folder cannot be written
  3    the guest crashed: panic, fault, reset, QEMU killed, kernel refused by the loader
  4    the guest hangs: the deadline passed, or none of its CPUs has run for some seconds
  5    a part of the host is missing: a tool, QEMU, or room for the log
  6    the log is not valid: empty, cut, garbled, or without its end record
  7    all was measured, and --until-stable was not reached: the results are there, less sure; or all
       that was measured is void, and --format bencher or github has no figure to give
  101  the build failed, or xtask itself did
  130  Ctrl-C: QEMU was ended, the log is kept
With `run --kernel FILE` the status is QEMU's own, from the guest's start on.";

/// An error with the exit status that it means. Found by `downcast_ref` wherever it stands in a
/// chain.
#[derive(Debug)]
pub struct Refusal {
    /// How xtask exits.
    pub status: Status,
    message: String,
}

impl Refusal {
    /// The command line is not right: `message` names the thing and what is allowed.
    pub fn usage(message: impl Into<String>) -> anyhow::Error {
        Self { status: Status::Usage, message: message.into() }.into()
    }

    /// A part of the host is missing: `message` names it and the command that brings it.
    pub fn missing(message: impl Into<String>) -> anyhow::Error {
        Self { status: Status::Missing, message: message.into() }.into()
    }

    /// Any other status.
    pub fn with(status: Status, message: impl Into<String>) -> anyhow::Error {
        Self { status, message: message.into() }.into()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// The exit status that an error means.
pub fn status_of(error: &anyhow::Error) -> Status {
    error.downcast_ref::<Refusal>().map_or(Status::Build, |refusal| refusal.status)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn status_survives_context() {
        let error: anyhow::Result<()> = Err(Refusal::missing("no QEMU")).context("starting the guest");
        assert_eq!(status_of(&error.unwrap_err()), Status::Missing);
    }

    #[test]
    fn first_that_is_no_pass_counts() {
        assert_eq!(Status::Pass.or(Status::Fail), Status::Fail);
        assert_eq!(Status::Deadline.or(Status::Pass), Status::Deadline);
        assert_eq!(Status::Deadline.or(Status::Fail), Status::Deadline);
        assert_eq!(Status::Pass.or(Status::Pass), Status::Pass);
    }

    /// Scripts rely on them.
    #[test]
    fn numbers_are_what_they_were() {
        assert_eq!(Status::ALL.map(Status::code), [0, 1, 2, 3, 4, 5, 6, 7, 101, 130]);
        assert_eq!(Status::from_code(8), None);
        assert_eq!(ExitCode::from(Status::Deadline), ExitCode::from(4));
    }

    #[test]
    fn error_without_status_is_xtasks_own() {
        assert_eq!(status_of(&anyhow::anyhow!("broken")), Status::Build);
    }

    #[test]
    fn every_status_is_in_the_help() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(status.code()), Some(status));
            let number = format!("  {:<5}", status.code());
            assert!(HELP.lines().any(|line| line.starts_with(&number)), "{status:?}");
        }
    }
}
