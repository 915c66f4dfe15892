//! Options that several commands share: the guest of `run` and `gdb`, and what tests need of the host. Read and checked
//! here, before anything starts.

mod experiment;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::accel::{self, Choice, Wanted};
use crate::install::Permission;
use crate::qemu::{Accelerator, Config, Machine, TcgThread, Timing};
use crate::status::Refusal;
use crate::survey::about::{self, MEMORY};
pub use experiment::{EXPERIMENTS, ExperimentArgs, Manner, Repeat, Size};

/// What tests need of the host.
#[derive(clap::Args)]
pub struct Tools {
    /// QEMU's executable [default: SWITCHLAB_QEMU, else qemu-system-x86_64 in PATH]
    #[arg(long, value_name = "PATH")]
    qemu: Option<PathBuf>,
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
}

impl Tools {
    /// QEMU's executable.
    ///
    /// # Errors
    ///
    /// Status 5: there is none, and what brings it.
    pub fn qemu(&self) -> anyhow::Result<PathBuf> {
        super::find_qemu(self.qemu.as_deref(), self.permission())
    }

    /// Whether what is missing may be installed.
    pub fn permission(&self) -> Permission {
        self.install.into()
    }
}

/// What makes a guest.
#[derive(clap::Args)]
#[command(next_help_heading = "Guest")]
pub struct GuestArgs {
    /// What executes the guest; auto is KVM (hvf on macOS) where it proves itself, else TCG
    #[arg(long, value_enum, default_value_t = Wanted::Auto)]
    pub accel: Wanted,
    /// Under TCG, run all vCPUs in one host thread, or each in its own
    #[arg(long, value_enum, default_value_t = TcgThread::Single)]
    pub tcg_thread: TcgThread,
    /// Count instructions instead of time: clocks follow the instructions of all vCPUs (-icount), which
    /// one thread runs one at a time, and two runs give the same log to the byte, on any host. That
    /// shows work, not latency
    #[arg(long)]
    pub deterministic: bool,
    /// Pin QEMU to these host CPUs, like 0 or 0,2-3 (by taskset)
    #[arg(long, value_name = "LIST")]
    pub host_cpus: Option<String>,
    /// Virtual CPUs, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub smp: u32,
    /// CPU model, as QEMU names it [default: max under TCG, else host]
    #[arg(long, value_name = "MODEL")]
    pub cpu: Option<String>,
    /// Memory: a number with M or G, 64M or more [default: 256M; 512M for --experiment scale]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub memory: Option<String>,
    /// The machine that QEMU shows
    #[arg(long, value_enum, default_value_t = Machine::Pc)]
    pub machine: Machine,
    /// QEMU's executable [default: SWITCHLAB_QEMU, else qemu-system-x86_64 in PATH]
    #[arg(long, value_name = "PATH")]
    pub qemu: Option<PathBuf>,
    /// Boot this kernel instead of the laboratory: any ELF to the bootloader_api contract. Its serial
    /// line is passed through, and QEMU's exit status is that of xtask
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// A file that the loader hands to the kernel as its ramdisk
    #[arg(long, value_name = "FILE")]
    pub ramdisk: Option<PathBuf>,
    /// More words for the kernel's command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub append: Option<String>,
    /// More arguments for QEMU
    #[arg(last = true, value_name = "QEMU ARGUMENTS")]
    pub extra: Vec<OsString>,
}

/// The least memory that loader and kernel can work with, in MiB.
const LEAST_MEMORY: u64 = 64;
/// What the loader and the firmware need of it, in MiB.
const LOADER_MEMORY: u64 = 4;
/// The most that makes sense, in MiB.
const MOST_MEMORY: u64 = 1 << 20;

/// Reads a size of memory, as QEMU takes it.
pub(crate) fn memory(text: &str) -> Result<String, String> {
    let allowed =
        || format!("a number with M or G is expected, from {LEAST_MEMORY}M to {}G", MOST_MEMORY >> 10);
    let (number, unit) = match text.as_bytes().last() {
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 10),
        _ => (text, 1),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let size =
        digits.then(|| number.parse::<u64>().ok()).flatten().and_then(|number| number.checked_mul(unit));
    match size {
        Some(size) if (LEAST_MEMORY..=MOST_MEMORY).contains(&size) => Ok(format!("{size}M")),
        _ => Err(allowed()),
    }
}

/// QEMU's options that make a run repeat; xtask sets them with `--deterministic`.
const DETERMINISTIC_OPTIONS: [&str; 3] = ["icount", "rtc", "seed"];

/// QEMU's options that xtask sets itself, and xtask's own for them.
const OWN_OPTIONS: [(&str, &str); 9] = [
    ("smp", "--smp"),
    ("cpu", "--cpu"),
    ("m", "--memory"),
    ("accel", "--accel"),
    ("M", "--machine"),
    ("machine", "--machine"),
    ("kernel", "--kernel"),
    ("initrd", "--kernel"),
    ("append", "--append"),
];

/// Bytes of a file that can be read.
fn file_size(file: &Path) -> std::io::Result<u64> {
    // Not opened before it is known to be a file: opening a pipe waits for its other end.
    let metadata = std::fs::metadata(file)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    std::fs::File::open(file).map(|_| metadata.len())
}

impl GuestArgs {
    /// Holds against the host what clap cannot.
    ///
    /// # Errors
    ///
    /// Status 2, and 5 without taskset.
    pub fn check(&self) -> anyhow::Result<()> {
        for (option, file) in [("--kernel", &self.kernel), ("--ramdisk", &self.ramdisk)] {
            if let Some(file) = file {
                let size = file_size(file).map_err(|error| {
                    Refusal::usage(format!("{option} {}: {error}; a file is expected", file.display()))
                })?;
                self.check_fit(option, file, size)?;
            }
        }
        self.check_deterministic()?;
        self.check_extra()?;
        self.host_cpus.as_deref().map_or(Ok(()), crate::host::check_list)
    }

    /// Instructions are counted by TCG in one thread, and by nothing else.
    fn check_deterministic(&self) -> anyhow::Result<()> {
        let refuse = |what: &str| {
            Err(Refusal::usage(format!(
                "{what} with --deterministic: instructions are counted by TCG in one thread; leave one of the two out"
            )))
        };
        match (self.deterministic, self.accel, self.tcg_thread) {
            (true, Wanted::Kvm, _) => refuse("--accel kvm"),
            (true, Wanted::Hvf, _) => refuse("--accel hvf"),
            (true, _, TcgThread::Multi) => refuse("--tcg-thread multi"),
            _ => Ok(()),
        }
    }

    /// What xtask says of a run has to be true of it, so what it has an option for comes by that.
    fn check_extra(&self) -> anyhow::Result<()> {
        for word in self.extra.iter().filter_map(|word| word.to_str()) {
            let given = word.trim_start_matches('-');
            let own = OWN_OPTIONS.iter().find(|(qemus, _)| word.starts_with('-') && given == *qemus);
            if let Some((_, ours)) = own {
                return Err(Refusal::usage(format!(
                    "{word} behind `--`: xtask sets it; its option is {ours}"
                )));
            }
            if self.deterministic && word.starts_with('-') && DETERMINISTIC_OPTIONS.contains(&given) {
                return Err(Refusal::usage(format!(
                    "{word} behind `--` with --deterministic, which sets it; leave one of the two out"
                )));
            }
        }
        Ok(())
    }

    /// QEMU would put a kernel that is nearly as large as the memory over the loader, which then
    /// could not say a word.
    fn check_fit(&self, option: &str, file: &Path, size: u64) -> anyhow::Result<()> {
        let memory = self.memory.as_deref().unwrap_or(MEMORY);
        let megabytes = memory.trim_end_matches('M').parse().unwrap_or(u64::MAX);
        let room = megabytes.saturating_sub(LOADER_MEMORY).saturating_mul(1 << 20);
        if size <= room {
            return Ok(());
        }
        Err(Refusal::usage(format!(
            "{option} {}: {} MiB do not fit in --memory {memory}, of which {LOADER_MEMORY}M are for the loader; give more",
            file.display(),
            size.div_ceil(1 << 20),
        )))
    }

    /// What the guest's clocks follow.
    pub const fn timing(&self) -> Timing {
        if self.deterministic { Timing::Instructions } else { Timing::Host }
    }

    /// How this guest is measured.
    pub const fn manner(&self, boots: Repeat) -> Manner {
        Manner { timing: self.timing(), boots }
    }

    /// The memory of a guest that does this experiment: what was asked for, else what suits.
    pub fn memory_for(&self, experiment: &str) -> String {
        self.memory.clone().unwrap_or_else(|| about::memory_for(experiment).into())
    }

    /// The accelerator to take.
    ///
    /// # Errors
    ///
    /// Status 5 where the user insists on what does not work.
    pub fn choose(&self, qemu: &Path) -> anyhow::Result<Choice> {
        if self.deterministic {
            let accelerator = Accelerator::Tcg(TcgThread::Single);
            return Ok(Choice { accelerator, why: "as --deterministic needs".into() });
        }
        accel::prove(self.accel, self.tcg_thread, qemu)
    }

    /// The guest, with what else it takes.
    pub fn config(
        &self,
        qemu: &Path,
        accelerator: Accelerator,
        files: (PathBuf, PathBuf),
        words: String,
    ) -> Config {
        let (loader, kernel) = files;
        Config {
            qemu: qemu.to_path_buf(),
            host_cpus: self.host_cpus.clone(),
            machine: self.machine,
            accelerator,
            timing: self.timing(),
            cpus: self.smp,
            cpu: self.cpu.clone(),
            memory: self.memory.clone().unwrap_or_else(|| MEMORY.into()),
            loader,
            kernel,
            ramdisk: self.ramdisk.clone(),
            command_line: words,
            monitor: None,
            extra: self.extra.clone(),
        }
    }

    /// The kernel's command line: the experiment's words for our kernel, and the user's own.
    pub fn command_line(&self, experiment: &ExperimentArgs, boots: Repeat) -> String {
        let ours = self.kernel.is_none().then(|| experiment.words(self.smp, self.manner(boots)));
        ours.into_iter().chain(self.append.clone()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_size() {
        for (text, size) in [("64M", "64M"), ("256m", "256M"), ("2G", "2048M"), ("512", "512M")] {
            assert_eq!(memory(text).as_deref(), Ok(size));
        }
        for text in ["", "M", "63M", "0", "-1G", "1.5G", "2T", "99999999999999999999G", "1048577M", "é"] {
            assert!(memory(text).unwrap_err().contains("from 64M to 1024G"), "{text}");
        }
    }
}
