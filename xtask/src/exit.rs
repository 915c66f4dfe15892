//! What a guest's end means: QEMU's status and the log, judged together by one pure function.

use std::fmt;

use nix::sys::signal::Signal;
use switchlab_records::{Crash, ExitCode, Log, Status as EndStatus, read_log};

use crate::capture::{Ending, LOG_LIMIT};
use crate::printable;
use crate::status::Status;
use crate::watch::{Event, POWER_DOWN, STILL};

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The guest says that all checks held, by its exit code and by a whole log.
    Pass,
    /// The guest says that a check failed: which.
    Fail(String),
    /// Panic, fault, reset, a kernel that the loader refused, or QEMU itself: what happened.
    Crashed(String),
    /// The deadline passed.
    TimedOut,
    /// The guest did nothing any more, for [`STILL`].
    StandsStill,
    /// The guest says that it passed and its log does not hold: why.
    InvalidLog(String),
    /// QEMU did not start a guest: what it said.
    NotStarted(String),
    /// Ctrl-C.
    Interrupted,
    /// What the manifest of a run says of it.
    Noted {
        /// The exit status that it had.
        status: Status,
        /// In one line.
        text: String,
    },
}

impl Outcome {
    /// The exit status of xtask that it means.
    pub const fn status(&self) -> Status {
        match self {
            Self::Pass => Status::Pass,
            Self::Fail(_) => Status::Fail,
            Self::Crashed(_) => Status::Crashed,
            Self::TimedOut | Self::StandsStill => Status::Deadline,
            Self::InvalidLog(_) => Status::InvalidLog,
            Self::NotStarted(_) => Status::Missing,
            Self::Interrupted => Status::Interrupted,
            Self::Noted { status, .. } => *status,
        }
    }
}

impl fmt::Display for Outcome {
    /// In words that may be the guest's: its control characters are spelt out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (outcome, words) = match self {
            Self::Pass => ("pass", ""),
            Self::Fail(what) => ("the kernel says that it failed: ", what.as_str()),
            Self::Crashed(what) => ("the guest crashed: ", what.as_str()),
            Self::TimedOut => ("the deadline passed before the guest ended", ""),
            Self::StandsStill => {
                return write!(
                    f,
                    "the guest stands still: none of its CPUs has run for {} s",
                    STILL.as_secs()
                );
            }
            Self::InvalidLog(why) => ("the log is not valid: ", why.as_str()),
            Self::NotStarted(why) => ("QEMU did not start the guest: ", why.as_str()),
            Self::Interrupted => ("interrupted", ""),
            Self::Noted { text, .. } => ("", text.as_str()),
        };
        write!(f, "{outcome}{}", printable::lines(words))
    }
}

/// What is said of a QEMU that ended without a code of the guest's and without an error.
const RESET: &str = "the guest reset (a triple fault, most often) or powered off";

/// Names who ended the guest, where it was not the guest itself and QEMU's monitor told.
#[must_use]
pub fn name_who(outcome: Outcome, events: &[Event]) -> Outcome {
    let why =
        events.iter().rev().find(|event| event.name == "SHUTDOWN").and_then(|event| event.why.as_deref());
    let was_asked = events.iter().any(|event| event.name == POWER_DOWN);
    let who = match (&outcome, why) {
        (Outcome::Crashed(what), Some(why)) if what == RESET => match why {
            "host-qmp-quit" if was_asked => {
                "the machine was asked to power down, by QEMU's monitor or its window, and has no power button: QEMU was ended"
            }
            "host-qmp-quit" => "QEMU was told to quit, by QEMU's monitor",
            "host-qmp-system-reset" => "the machine was reset, by QEMU's monitor",
            "host-signal" => "QEMU was told to end by a signal",
            "guest-reset" => "the guest reset (a triple fault, most often)",
            "guest-shutdown" => "the guest powered off",
            _ => return outcome,
        },
        _ => return outcome,
    };
    Outcome::Crashed(who.into())
}

/// Judges an end. `log` is the serial line; `stderr` is what QEMU said.
///
/// A pass needs the guest's code for it and a whole log that says the same. Whatever is no code of
/// a guest's is not a pass: 0 and 1, a signal, anything else.
pub fn judge(ending: Ending, log: &str, stderr: &str) -> Outcome {
    match ending {
        Ending::Interrupted => Outcome::Interrupted,
        Ending::Endless => {
            Outcome::InvalidLog(format!("it grew beyond {} MiB and QEMU was ended", LOG_LIMIT >> 20))
        }
        Ending::Deadline => match read_log(log).crash {
            Some(crash) => Outcome::Crashed(format!("{}; then the deadline passed", describe(&crash))),
            None => Outcome::TimedOut,
        },
        Ending::Still => match read_log(log).crash {
            Some(crash) => Outcome::Crashed(format!("{}; then it stood still", describe(&crash))),
            None => Outcome::StandsStill,
        },
        Ending::Signalled(_) | Ending::Exited(1) if log.is_empty() && !stderr.trim().is_empty() => {
            Outcome::NotStarted(last_line(stderr).to_owned())
        }
        // What a shell or a loader says of a program that it could not start.
        Ending::Exited(status @ (126 | 127)) if log.is_empty() => match last_line(stderr) {
            "" => Outcome::NotStarted(format!("it ended with status {status} and said nothing")),
            line => Outcome::NotStarted(line.to_owned()),
        },
        Ending::Signalled(number) => Outcome::Crashed(format!("QEMU was killed by {}", signal_name(number))),
        Ending::Exited(status) => judge_status(status, log, stderr),
    }
}

fn judge_status(status: i32, text: &str, stderr: &str) -> Outcome {
    let log = read_log(text);
    let crash = log.crash.as_ref().map(describe);
    match (ExitCode::from_qemu_status(status), crash) {
        (Some(ExitCode::Loader), _) => {
            Outcome::Crashed(format!("the loader refused the kernel: {}", last_line(text)))
        }
        (_, Some(crash)) => Outcome::Crashed(crash),
        (Some(ExitCode::Pass), None) => judge_pass(&log),
        (Some(ExitCode::Fail), None) => Outcome::Fail(failures(&log)),
        (Some(ExitCode::Panic), None) => {
            Outcome::Crashed(format!("a panic that left no crash record; its last line: {}", last_line(text)))
        }
        (None, None) if status == 0 => Outcome::Crashed(RESET.into()),
        (None, None) => {
            let said = match last_line(stderr) {
                "" => String::new(),
                line => format!(": {line}"),
            };
            Outcome::Crashed(format!("QEMU ended with status {status}, which is no code of a guest's{said}"))
        }
    }
}

fn judge_pass(log: &Log<'_>) -> Outcome {
    match (&log.problem, log.end()) {
        (Some(problem), _) => Outcome::InvalidLog(problem.to_string()),
        (None, Some(end)) if end.status == EndStatus::Pass => Outcome::Pass,
        (None, _) => Outcome::InvalidLog("the exit code says pass, the end record says fail".into()),
    }
}

/// Judges a saved log by itself: how QEMU ended is not known any more.
pub fn judge_log(text: &str) -> Outcome {
    let log = read_log(text);
    match (&log.crash, &log.problem, log.end()) {
        (Some(crash), ..) => Outcome::Crashed(describe(crash)),
        (None, None, Some(end)) if end.status == EndStatus::Fail => Outcome::Fail(failures(&log)),
        (None, ..) => judge_pass(&log),
    }
}

fn failures(log: &Log<'_>) -> String {
    let all = log.failures().collect::<Vec<_>>().join("; ");
    match (&log.problem, all.is_empty()) {
        (_, false) => all,
        (Some(problem), true) => {
            format!("which check cannot be told, since the log is not valid ({problem})")
        }
        (None, true) => "without a failure record".into(),
    }
}

/// A crash record in one line.
pub fn describe(crash: &Crash<'_>) -> String {
    let mut text = match crash.vector {
        Some(vector) => {
            format!(
                "{} (vector {vector}, error code {:#x}, CR2 {:#x})",
                crash.message, crash.error_code, crash.cr2
            )
        }
        None => format!("panic: {}", crash.message),
    };
    if !crash.location.is_empty() {
        text += &format!(" at {}", crash.location);
    }
    text += &format!(", on CPU {}", crash.cpu);
    match crash.task {
        Some(task) => text += &format!(" in task {task}"),
        None => text += " outside of any task",
    }
    text.replace('\n', " ")
}

/// The last line that is not empty.
fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("")
}

fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |signal| signal.as_str().to_owned())
}

#[cfg(test)]
mod tests;
