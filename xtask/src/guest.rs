//! Boots a guest to its end and judges it: what the integration tests call, and `run` beneath its
//! options.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::capture::{self, Captured, Ending, Ignore, Limits, Serial, Sink};
use crate::exit::{Outcome, judge};
use crate::qemu::{Accelerator, Config, Machine, TcgThread, Timing, shell_line};

/// A guest of a test: always under TCG.
#[derive(Clone, Debug)]
pub struct BootSpec {
    /// The loader's ELF.
    pub loader: PathBuf,
    /// The kernel's ELF.
    pub kernel: PathBuf,
    /// QEMU's executable.
    pub qemu: PathBuf,
    /// The board.
    pub machine: Machine,
    /// What else is on it.
    pub devices: Devices,
    /// Virtual CPUs.
    pub smp: u32,
    /// CPU model.
    pub cpu: String,
    /// As `-m` takes it.
    pub memory: String,
    /// The kernel's command line.
    pub append: String,
    /// How TCG runs several CPUs.
    pub tcg_thread: TcgThread,
    /// What the guest's clocks follow.
    pub timing: Timing,
    /// A file for the loader's ramdisk.
    pub ramdisk: Option<PathBuf>,
    /// More of QEMU's arguments.
    pub extra: Vec<OsString>,
    /// The guest is ended after this time.
    pub deadline: Duration,
}

/// What is on a board besides what a guest is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// Nothing.
    None,
    /// What QEMU puts there where nobody says otherwise: a display adapter, a network, drives.
    Usual,
}

impl BootSpec {
    /// One CPU of model `max`, 128 MiB, no parameters, one TCG thread, 60 s.
    pub fn new(qemu: impl Into<PathBuf>, loader: impl Into<PathBuf>, kernel: impl Into<PathBuf>) -> Self {
        Self {
            loader: loader.into(),
            kernel: kernel.into(),
            qemu: qemu.into(),
            machine: Machine::Pc,
            devices: Devices::None,
            smp: 1,
            cpu: "max".into(),
            memory: "128M".into(),
            append: String::new(),
            tcg_thread: TcgThread::Single,
            timing: Timing::Host,
            ramdisk: None,
            extra: Vec::new(),
            deadline: Duration::from_secs(60),
        }
    }

    fn config(&self) -> Config {
        Config {
            qemu: self.qemu.clone(),
            host_cpus: None,
            machine: self.machine,
            accelerator: Accelerator::Tcg(self.tcg_thread),
            timing: self.timing,
            cpus: self.smp,
            cpu: Some(self.cpu.clone()),
            memory: self.memory.clone(),
            loader: self.loader.clone(),
            kernel: self.kernel.clone(),
            ramdisk: self.ramdisk.clone(),
            command_line: self.append.clone(),
            monitor: None,
            extra: self.extra.clone(),
        }
    }
}

/// How a guest of a test ended.
#[derive(Clone, Debug)]
pub struct GuestEnd {
    /// The judgement.
    pub outcome: Outcome,
    /// The serial line, what is no UTF-8 in it replaced.
    pub log_text: String,
    /// What QEMU said on stderr.
    pub stderr: String,
    /// QEMU's exit status; `None` where a signal ended it.
    pub qemu_status: Option<i32>,
    /// The command line, as a shell would take it.
    pub argv: String,
    /// From QEMU's start to its end.
    pub elapsed: Duration,
}

/// Boots `spec` and waits for its end, at most until the deadline.
///
/// # Panics
///
/// With [`Timing::Instructions`], where there can be no temporary file.
pub fn boot(spec: &BootSpec) -> GuestEnd {
    boot_with(spec, &mut Ignore)
}

/// As [`boot`], and hands every byte of the serial line to `sink` as it comes.
///
/// # Panics
///
/// As [`boot`].
pub fn boot_with(spec: &BootSpec, sink: &mut dyn Sink) -> GuestEnd {
    let mut argv = spec.config().argv();
    if spec.devices == Devices::Usual {
        argv.retain(|word| word != "-nodefaults");
    }
    let never = AtomicBool::new(false);
    let limits = Limits { deadline: spec.deadline, interrupted: &never };
    let (outcome, captured) = match spec.timing {
        Timing::Host => run(&argv, limits, Serial::Piped(&mut io::sink()), sink),
        Timing::Instructions => {
            let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
            run(&argv, limits, Serial::Followed(file.path()), sink)
        }
    };
    GuestEnd {
        outcome,
        log_text: String::from_utf8_lossy(&captured.log).into_owned(),
        stderr: captured.stderr,
        qemu_status: match captured.ending {
            Ending::Exited(status) => Some(status),
            _ => None,
        },
        argv: shell_line(&argv),
        elapsed: captured.elapsed,
    }
}

/// Runs a guest, its serial line to where `serial` says, and judges its end.
pub fn run(
    argv: &[OsString],
    limits: Limits<'_>,
    serial: Serial<'_>,
    sink: &mut dyn Sink,
) -> (Outcome, Captured) {
    match capture::capture(argv, limits, serial, sink) {
        Ok(captured) => {
            let text = String::from_utf8_lossy(&captured.log);
            (judge(captured.ending, &text, &captured.stderr), captured)
        }
        Err(error) => {
            let program =
                argv.first().map_or_else(String::new, |program| program.to_string_lossy().into_owned());
            (Outcome::NotStarted(format!("{program}: {error}")), Captured::nothing())
        }
    }
}
