//! Boots a test kernel and tells how it ended. What is asked of them is in `tests/kernels/`, by subject; the kernels are
//! those of the package `switchlab-test-kernels`: one of many cases, of which a boot does one, and some of their own.
//!
//! `cargo xtask test` builds the kernels and says by environment where everything is. Without it
//! (plain `cargo test`) the cases are listed as ignored.
#![forbid(unsafe_code)]

use std::{env, fmt::Debug, path::PathBuf, time::Duration};

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Absent, Crash, Record, read_log};
use xtask::{
    capture::{Lines, Sink},
    exit::Outcome,
    guest::{self, GuestEnd},
    instructions::{Expected, Pair},
};

pub use xtask::{
    guest::BootSpec,
    qemu::{TcgThread, Timing},
};

/// Where the parts of a test are.
#[derive(Clone, Debug)]
pub struct Parts {
    /// QEMU's executable.
    pub qemu: PathBuf,
    /// The loader's ELF.
    pub loader: PathBuf,
    /// The laboratory's kernel.
    pub laboratory: PathBuf,
    /// The same with marks.
    pub marked: PathBuf,
    /// xtask itself; `None` where nobody said.
    pub xtask: Option<PathBuf>,
    /// The folder with the test kernels' ELFs.
    pub kernels: PathBuf,
    /// What built them; `None` where they were built before and by something unknown.
    pub pair: Option<Pair>,
}

impl Parts {
    /// From the environment that `cargo xtask test` sets; `None` without it.
    pub fn from_environment() -> Option<Self> {
        let path = |name| env::var_os(name).map(PathBuf::from);
        Some(Self {
            qemu: path("SWITCHLAB_QEMU")?,
            loader: path("SWITCHLAB_LOADER")?,
            laboratory: path("SWITCHLAB_KERNEL")?,
            marked: path("SWITCHLAB_MARKED")?,
            xtask: path("SWITCHLAB_XTASK"),
            kernels: path("SWITCHLAB_TEST_KERNELS")?,
            pair: env::var("SWITCHLAB_RUSTC")
                .and_then(|rustc| Ok(Pair { rustc, core: env::var("SWITCHLAB_CORE")? }))
                .ok(),
        })
    }

    /// The kernel of cases.
    pub fn cases(&self) -> PathBuf {
        self.kernels.join("cases")
    }

    /// Whether this QEMU emulates x2APIC: from version 9.0 on.
    pub fn has_x2apic(&self) -> bool {
        xtask::qemu::has_x2apic(&self.qemu)
    }
}

/// For what has many points: it takes seconds, and more where the host is busy.
const LONG: Duration = Duration::from_secs(120);

/// A case: which kernel, on what machine.
#[derive(Clone, Debug)]
pub struct Case {
    spec: BootSpec,
}

impl Case {
    /// The kernel of cases on three CPUs, which does the one of this name.
    pub fn new(parts: &Parts, case: &str) -> Self {
        Self::of(parts, parts.cases()).with(|spec| spec.append = format!("case={case}"))
    }

    /// A test kernel of its own on three CPUs.
    pub fn kernel(parts: &Parts, kernel: &str) -> Self {
        Self::of(parts, parts.kernels.join(kernel))
    }

    /// The laboratory's own kernel on three CPUs.
    pub fn laboratory(parts: &Parts) -> Self {
        Self::of(parts, &parts.laboratory)
    }

    /// The laboratory's kernel with marks, on three CPUs.
    pub fn marked(parts: &Parts) -> Self {
        Self::of(parts, &parts.marked)
    }

    fn of(parts: &Parts, kernel: impl Into<PathBuf>) -> Self {
        let mut spec = BootSpec::new(&parts.qemu, &parts.loader, kernel);
        spec.smp = 3;
        Self { spec }
    }

    /// Changes the machine.
    pub fn with(mut self, change: impl FnOnce(&mut BootSpec)) -> Self {
        change(&mut self.spec);
        self
    }

    /// The laboratory's own kernel where a TSC tick is an instruction, which its words so far are told to count.
    #[must_use]
    pub fn in_instructions(self) -> Self {
        self.with(|spec| {
            spec.timing = Timing::Instructions;
            spec.append += " unit=instructions";
            spec.deadline = LONG;
        })
    }

    /// With a host thread for each CPU.
    #[must_use]
    pub fn with_host_threads(self) -> Self {
        self.with(|spec| {
            spec.tcg_thread = TcgThread::Multi;
            spec.deadline = LONG;
        })
    }

    /// Boots it.
    pub fn boot(&self) -> End {
        End(guest::boot(&self.spec))
    }

    /// Boots it; tells beside its end when each line of the log came, since QEMU was started.
    pub fn boot_by_the_clock(&self) -> (End, Vec<(Duration, String)>) {
        let mut arrivals = Arrivals::default();
        let end = guest::boot_with(&self.spec, &mut arrivals);
        (End(end), arrivals.came)
    }
}

/// Notes when each line came, by the host's clock.
#[derive(Default)]
struct Arrivals {
    lines: Lines,
    came: Vec<(Duration, String)>,
}

impl Sink for Arrivals {
    fn bytes(&mut self, bytes: &[u8], since_start: Duration) {
        self.lines.take(bytes, |line| self.came.push((since_start, line.to_owned())));
    }
}

/// How a case ended, with what to ask of it. Every question that is not answered as it should be
/// fails with the log.
#[derive(Debug)]
pub struct End(pub GuestEnd);

/// What a trial gives.
pub type Verdict = Result<(), Failed>;

impl End {
    /// It passed.
    pub fn passes(&self) -> Verdict {
        self.is(self.0.outcome == Outcome::Pass, "a pass")
    }

    /// It says that a check failed, in words that contain `what`.
    pub fn fails_with(&self, what: &str) -> Verdict {
        let fits = matches!(&self.0.outcome, Outcome::Fail(why) if why.contains(what));
        self.is(fits, format_args!("a failure with `{what}`"))
    }

    /// It crashed, in words that contain `what`.
    pub fn crashes_with(&self, what: &str) -> Verdict {
        let fits = matches!(&self.0.outcome, Outcome::Crashed(why) if why.contains(what));
        self.is(fits, format_args!("a crash with `{what}`"))
    }

    /// It ran into its deadline.
    pub fn times_out(&self) -> Verdict {
        self.is(self.0.outcome == Outcome::TimedOut, "the deadline")
    }

    /// Its log is not valid, in words that contain `what`.
    pub fn has_invalid_log(&self, what: &str) -> Verdict {
        let fits = matches!(&self.0.outcome, Outcome::InvalidLog(why) if why.contains(what));
        self.is(fits, format_args!("an invalid log with `{what}`"))
    }

    /// QEMU's exit status is this one.
    pub fn has_status(&self, status: i32) -> Verdict {
        self.is(self.0.qemu_status == Some(status), format_args!("QEMU's status {status}"))
    }

    /// The log contains `text`.
    pub fn says(&self, text: &str) -> Verdict {
        self.is(self.0.log_text.contains(text), format_args!("`{text}` in the log"))
    }

    /// What is absent for want of memory: series, coordinates, and the MiB of the `--memory` that would do.
    ///
    /// # Errors
    ///
    /// Where a reason names none.
    pub fn want_memory(&self) -> Result<Vec<(String, Vec<u64>, u64)>, Failed> {
        let log = read_log(&self.0.log_text);
        let absent = log.records.iter().filter_map(|record| match record {
            Record::Absent(absent) => Some(absent),
            _ => None,
        });
        let of_one = |absent: &Absent<'_>| {
            let (_, advice) = absent.reason.split_once("--memory ")?;
            let (mib, _) = advice.split_once('M')?;
            let at = absent.at.iter().map(|(_, number)| *number).collect();
            Some((absent.series.to_string(), at, mib.parse().ok()?))
        };
        absent
            .map(|absent| {
                of_one(absent).ok_or_else(|| self.failed("memory that would do, for each that is absent"))
            })
            .collect()
    }

    /// The count of this name.
    pub fn count(&self, name: &str) -> Result<u64, Failed> {
        let log = read_log(&self.0.log_text);
        let found = log.records.iter().find_map(|record| match record {
            Record::Count(count) if count.name == name => Some(count.value),
            _ => None,
        });
        found.ok_or_else(|| self.failed(format_args!("a count of {name}")))
    }

    /// The TSC's frequency by the last comparison of the clocks.
    pub fn tsc_hz(&self) -> Result<u64, Failed> {
        let log = read_log(&self.0.log_text);
        let found = log.records.iter().rev().find_map(|record| match record {
            Record::Clock(clock) => Some(clock.tsc_hz),
            _ => None,
        });
        found.ok_or_else(|| self.failed("a comparison of the clocks"))
    }

    /// The crash record.
    pub fn crash(&self) -> Result<Crash<'_>, Failed> {
        read_log(&self.0.log_text).crash.ok_or_else(|| self.failed("a crash record"))
    }

    /// Fails with the log unless `holds`.
    pub fn is(&self, holds: bool, expected: impl std::fmt::Display) -> Verdict {
        if holds { Ok(()) } else { Err(self.failed(expected)) }
    }

    fn failed(&self, expected: impl std::fmt::Display) -> Failed {
        let end = &self.0;
        format!(
            "expected {expected}\nfound: {}\n$ {}\nafter {:.1?}; stderr: {}\nlog:\n{}",
            end.outcome, end.argv, end.elapsed, end.stderr, end.log_text
        )
        .into()
    }
}

/// Two values are one.
///
/// # Errors
///
/// With both, where they are not.
pub fn equal<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}").into())
    }
}

/// Fails where `holds` does not; only says so where a compiler built the kernels that nobody has
/// looked at.
///
/// # Errors
///
/// `what`; where the expected counts can not be read, why.
pub fn judge_code(parts: &Parts, holds: bool, what: &str) -> Verdict {
    let expected = Expected::read(&Expected::path()).map_err(|error| format!("{error:#}"))?;
    if holds {
        return Ok(());
    }
    if parts.pair.as_ref().is_some_and(|pair| expected.knows(pair)) {
        return Err(what.into());
    }
    eprintln!("an unknown compiler's: {what}");
    Ok(())
}

/// Leaves a trial out where there is a reason for it: its kind, until `main` has told it.
pub fn left_out(why: Option<&str>, trial: Trial) -> Trial {
    match why {
        Some(why) => trial.with_ignored_flag(true).with_kind(why),
        None => trial,
    }
}

/// Why what runs in x2APIC mode is left out.
pub fn without_x2apic(parts: &Option<Parts>) -> Option<&'static str> {
    let is_too_old = parts.as_ref().is_some_and(|parts| !parts.has_x2apic());
    is_too_old
        .then_some("this QEMU emulates no x2APIC; from 9.0 on it does, and SWITCHLAB_QEMU names another")
}

/// Why what runs xtask is left out.
pub fn without_xtask(parts: &Option<Parts>) -> Option<&'static str> {
    let is_missing = parts.as_ref().is_some_and(|parts| parts.xtask.is_none());
    is_missing.then_some("nobody says where xtask is; `cargo xtask test` does")
}

/// Why what asks a Linux host for more is left out.
pub fn without_linux() -> Option<&'static str> {
    (!cfg!(target_os = "linux")).then_some("it asks for what a Linux host has")
}

/// A trial of `parts`; ignored without them.
pub fn trial(
    parts: &Option<Parts>,
    name: impl Into<String>,
    body: impl FnOnce(&Parts) -> Verdict + Send + 'static,
) -> Trial {
    let ignored = parts.is_none();
    let parts = parts.clone();
    Trial::test(name, move || body(&parts.expect("trials without parts are ignored")))
        .with_ignored_flag(ignored)
}
