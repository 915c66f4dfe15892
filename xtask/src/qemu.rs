//! QEMU's command line, from a typed configuration by pure functions, and the QEMU that is taken.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use switchlab_records::ExitCode;

use crate::capture::{Ending, Ignore, Limits, Serial, capture};
use crate::interrupt::INTERRUPTED;

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// QEMU's own translator.
    Tcg(TcgThread),
    /// Linux.
    Kvm,
    /// macOS.
    Hvf,
}

impl Accelerator {
    /// As `-accel` wants it.
    pub const fn argument(self) -> &'static str {
        match self {
            Self::Tcg(TcgThread::Single) => "tcg,thread=single",
            Self::Tcg(TcgThread::Multi) => "tcg,thread=multi",
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
        }
    }

    /// The CPU model where the user names none: all that the accelerator can do.
    pub const fn default_cpu(self) -> &'static str {
        match self {
            Self::Tcg(_) => "max",
            Self::Kvm | Self::Hvf => "host",
        }
    }

    /// Whether each vCPU has a host thread of its own.
    pub const fn has_thread_per_cpu(self) -> bool {
        !matches!(self, Self::Tcg(TcgThread::Single))
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcg(TcgThread::Single) => "tcg, one thread for all vCPUs",
            Self::Tcg(TcgThread::Multi) => "tcg, one thread per vCPU",
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
        })
    }
}

/// How TCG runs several vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TcgThread {
    /// In turn, in one host thread.
    Single,
    /// Each in a host thread of its own.
    Multi,
}

/// What the guest's clocks follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// The host's clock: ticks are time.
    #[default]
    Host,
    /// The instructions of all vCPUs, which TCG runs one at a time, in one thread: a tick is one
    /// instruction, and a run repeats to the byte.
    Instructions,
}

impl Timing {
    /// QEMU's options for it.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Host => &[],
            // One instruction is a nanosecond of the guest (2^0), and where all vCPUs halt, the next
            // timer's time is taken as come and not slept for.
            Self::Instructions => &[
                "-icount",
                "shift=0,sleep=off",
                // The wall clock that the guest sees goes with its other clocks, and what it draws
                // from RDRAND has no chance in it. Neither the loader nor our kernel looks at either,
                // and their logs are the same without; the firmware or a kernel of `--kernel` may.
                "-rtc",
                "clock=vm",
                "-seed",
                "0",
            ],
        }
    }
}

/// The machine that QEMU shows to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Machine {
    /// i440FX, 1996.
    Pc,
    /// With PCI Express.
    Q35,
}

/// All that makes a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The executable.
    pub qemu: PathBuf,
    /// Host CPUs that it is pinned to, as `taskset -c` takes them.
    pub host_cpus: Option<String>,
    /// The board.
    pub machine: Machine,
    /// The accelerator.
    pub accelerator: Accelerator,
    /// What the clocks follow.
    pub timing: Timing,
    /// Virtual CPUs.
    pub cpus: u32,
    /// CPU model; `None` for the accelerator's default.
    pub cpu: Option<String>,
    /// As `-m` takes it.
    pub memory: String,
    /// What `-kernel` starts.
    pub loader: PathBuf,
    /// The kernel's ELF, the loader's module.
    pub kernel: PathBuf,
    /// What `BootInfo` names as ramdisk.
    pub ramdisk: Option<PathBuf>,
    /// The kernel's command line; empty for none.
    pub command_line: String,
    /// Where the monitor opens for whoever listens; `None` for no monitor.
    pub monitor: Option<PathBuf>,
    /// The user's own arguments, last.
    pub extra: Vec<OsString>,
}

impl Config {
    /// The whole command line, the program first.
    pub fn argv(&self) -> Vec<OsString> {
        let mut argv = self.program();
        argv.extend(self.board());
        argv.extend(headless());
        argv.extend(self.monitor());
        argv.extend(self.payload());
        argv.extend(self.extra.iter().cloned());
        argv
    }

    fn program(&self) -> Vec<OsString> {
        let qemu = self.qemu.clone().into_os_string();
        match &self.host_cpus {
            None => vec![qemu],
            Some(list) => vec!["taskset".into(), "-c".into(), list.into(), qemu],
        }
    }

    fn board(&self) -> Vec<OsString> {
        let machine = match self.machine {
            Machine::Pc => "pc",
            Machine::Q35 => "q35",
        };
        let cpus = self.cpus.to_string();
        let cpu = self.cpu.as_deref().unwrap_or(self.accelerator.default_cpu());
        let words = ["-M", machine, "-accel", self.accelerator.argument()];
        let size = ["-m", &self.memory, "-smp", &cpus, "-cpu", cpu];
        let timing = self.timing.options().iter().copied();
        words.into_iter().chain(size).chain(timing).map(OsString::from).collect()
    }

    fn monitor(&self) -> Vec<OsString> {
        let Some(socket) = &self.monitor else { return Vec::new() };
        let mut option = OsString::from("unix:");
        option.push(doubled_commas(socket.as_os_str()));
        option.push(",server=on,wait=off");
        vec!["-qmp".into(), option]
    }

    fn payload(&self) -> Vec<OsString> {
        // A comma in a file's name stands for itself behind `-kernel` and, where that starts by PVH,
        // behind `-initrd`. In an option that is a list it has to be doubled.
        let mut words: Vec<OsString> = vec!["-kernel".into(), self.loader.clone().into()];
        words.extend(["-initrd".into(), self.kernel.clone().into()]);
        if let Some(ramdisk) = &self.ramdisk {
            let mut option = OsString::from(format!("name={RAMDISK},file="));
            option.push(doubled_commas(ramdisk.as_os_str()));
            words.extend(["-fw_cfg".into(), option]);
        }
        if !self.command_line.is_empty() {
            words.extend(["-append".into(), OsString::from(&self.command_line)]);
        }
        words
    }
}

/// The fw_cfg file in which the loader looks for a ramdisk.
pub const RAMDISK: &str = "opt/org.switchlab/ramdisk";

/// No screen, no devices but the serial line and the way out.
fn headless() -> Vec<OsString> {
    let exit = format!("isa-debug-exit,iobase={:#x},iosize=1", ExitCode::PORT);
    [
        ["-nodefaults", "-no-reboot"].as_slice(),
        &["-display", "none"],
        &["-device", &exit],
        &["-chardev", "stdio,id=serial0,signal=off"],
        &["-serial", "chardev:serial0"],
        &["-monitor", "none"],
    ]
    .concat()
    .into_iter()
    .map(OsString::from)
    .collect()
}

/// QEMU reads `,,` as a comma that separates nothing.
fn doubled_commas(text: &OsStr) -> OsString {
    // A name that is no text has to go as it is; QEMU says what it makes of it.
    text.to_str().map_or_else(|| text.to_owned(), |text| text.replace(',', ",,").into())
}

/// A command line as a shell would take it.
pub fn shell_line(argv: &[OsString]) -> String {
    let quoted = argv.iter().map(|word| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=,.:/+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Name of the executable that is looked for in PATH.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// The QEMU to start: `option`, else `SWITCHLAB_QEMU`, else the one in PATH.
///
/// # Errors
///
/// The name that was looked for and is not there.
pub fn find(option: Option<&Path>) -> Result<PathBuf, PathBuf> {
    let wanted = option
        .map(Path::to_path_buf)
        .or_else(|| env::var_os("SWITCHLAB_QEMU").filter(|value| !value.is_empty()).map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from(PROGRAM));
    which::which(&wanted).map_err(|_| wanted)
}

/// The longest that QEMU may take to tell its version: milliseconds, and on a host that others keep busy more than a
/// second.
const VERSION_DEADLINE: Duration = Duration::from_millis(10_000);

/// What `qemu --version` calls itself: `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
///
/// # Errors
///
/// Why it did not say.
pub fn version(qemu: &Path) -> Result<String, String> {
    let argv = [qemu.into(), OsString::from("--version")];
    let limits = Limits { deadline: VERSION_DEADLINE, interrupted: &INTERRUPTED };
    let end = capture(&argv, limits, Serial::Piped(&mut io::sink()), &mut Ignore)
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&end.log);
    let first = text.lines().next().unwrap_or_default();
    match (end.ending, first.strip_prefix("QEMU emulator version ")) {
        (Ending::Exited(0), Some(version)) => Ok(version.to_owned()),
        (Ending::Exited(status), _) => {
            let said = end.stderr.lines().next().unwrap_or(first);
            Err(format!("`{} --version` ended with status {status}: {said}", qemu.display()))
        }
        (Ending::Deadline, _) => Err(format!(
            "`{} --version` did not end within {} ms",
            qemu.display(),
            VERSION_DEADLINE.as_millis()
        )),
        _ => Err(format!("`{} --version` was ended", qemu.display())),
    }
}

/// Whether it emulates x2APIC: from version 9.0 on.
pub fn has_x2apic(qemu: &Path) -> bool {
    version(qemu)
        .is_ok_and(|version| version.split('.').next().and_then(|major| major.parse().ok()) >= Some(9))
}

#[cfg(test)]
mod tests;
