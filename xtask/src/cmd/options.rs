//! Options that `run` and `gdb` share: the guest. Read and checked here, before anything starts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchlab_core::params::{DEFAULT_PAIR, EXCHANGES, Params, RUNS, SAMPLES, WARM_UP, parse_pair};

use crate::accel::{self, Choice, Wanted};
use crate::qemu::{Accelerator, Config, Machine, TcgThread, Timing};
use crate::status::Refusal;

/// The experiments that there are.
pub const EXPERIMENTS: [&str; 3] = ["classic", "ring", "fan"];

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
    /// Memory: a number with M or G, 64M or more
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = memory)]
    pub memory: String,
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

/// What is measured.
#[derive(clap::Args)]
#[command(next_help_heading = "Experiment")]
pub struct ExperimentArgs {
    /// Which experiment
    #[arg(long, value_name = "NAME", default_value = EXPERIMENTS[0], value_parser = EXPERIMENTS)]
    pub experiment: String,
    /// Runs in a boot, 1 to 1000 [default: 5; with --boots 3; with --deterministic, where all are the
    /// same, 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(RUNS)))]
    pub runs: Option<u32>,
    /// Exchanges in each timed block, 1 to 1000000000; one exchange is two switches [default: 1000000;
    /// with --boots 100000; with --deterministic 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(EXCHANGES))]
    pub exchanges: Option<u64>,
    /// Exchanges before each timed block, discarded, 0 to 1000000000 [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(WARM_UP))]
    pub warm_up: Option<u64>,
    /// Exchanges in each block of the sampled pass, each timed by itself; 0 for no such pass, and never
    /// more than --exchanges [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(SAMPLES))]
    pub samples: Option<u64>,
    /// The two CPUs, the first also that of the same-core mode [default: 0,1]
    #[arg(long, value_name = "A,B", value_parser = pair)]
    pub pair: Option<(u32, u32)>,
}

fn range(range: std::ops::RangeInclusive<u64>) -> std::ops::RangeInclusive<i64> {
    let narrow = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    narrow(*range.start())..=narrow(*range.end())
}

fn pair(text: &str) -> Result<(u32, u32), String> {
    parse_pair(text).ok_or_else(|| "two CPU numbers A,B are expected, like 0,1".into())
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
        let megabytes = self.memory.trim_end_matches('M').parse().unwrap_or(u64::MAX);
        let room = megabytes.saturating_sub(LOADER_MEMORY).saturating_mul(1 << 20);
        if size <= room {
            return Ok(());
        }
        Err(Refusal::usage(format!(
            "{option} {}: {} MiB do not fit in --memory {}, of which {LOADER_MEMORY}M are for the loader; give more",
            file.display(),
            size.div_ceil(1 << 20),
            self.memory
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
            memory: self.memory.clone(),
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

impl ExperimentArgs {
    /// Holds the parameters against a guest of `cpus` CPUs.
    ///
    /// # Errors
    ///
    /// Status 2, with what is allowed.
    pub fn check(&self, cpus: u32, manner: Manner) -> anyhow::Result<()> {
        let words = self.words(cpus, manner);
        Params::parse(&words, &EXPERIMENTS)
            .and_then(|params| params.validate(cpus))
            .map_err(|error| Refusal::usage(error.to_string()))
    }

    /// The pair is left out where there is one CPU, unless it was asked for.
    fn words(&self, cpus: u32, manner: Manner) -> String {
        let Self { experiment, pair, warm_up, samples, .. } = self;
        let Size { runs, exchanges } = self.size(manner);
        let pair = pair.or((cpus > 1).then_some(DEFAULT_PAIR));
        let pair = pair.map_or_else(String::new, |(first, second)| format!(" pair={first},{second}"));
        let named = [("warmup", *warm_up), ("samples", *samples)]
            .map(|(key, value)| value.map_or_else(String::new, |value| format!(" {key}={value}")));
        let unit = match manner.timing {
            Timing::Host => "",
            Timing::Instructions => " unit=instructions",
        };
        format!("experiment={experiment} runs={runs} exchanges={exchanges}{pair}{}{unit}", named.concat())
    }

    /// How much is measured in a boot: what was asked for, else what suits.
    pub fn size(&self, manner: Manner) -> Size {
        let default = match (manner.timing, manner.boots) {
            // Every run is the same and every exchange too: what more of them would show is nothing.
            (Timing::Instructions, _) => Size { runs: 1, exchanges: 10_000 },
            // The original's.
            (Timing::Host, Repeat::One) => Size { runs: 5, exchanges: 1_000_000 },
            // The boot counts, so that boots come before length: a boot takes a few seconds.
            (Timing::Host, Repeat::Many) => Size { runs: 3, exchanges: 100_000 },
        };
        Size {
            runs: self.runs.unwrap_or(default.runs),
            exchanges: self.exchanges.unwrap_or(default.exchanges),
        }
    }

    /// The deadline where none is named: a minute, and generous time for each exchange. TCG takes no
    /// longer to run instructions because it counts them.
    pub fn deadline(&self, accelerator: Accelerator, manner: Manner) -> Duration {
        let Size { runs, exchanges } = self.size(manner);
        let exchanges = u64::from(runs).saturating_mul(exchanges);
        let each = if accelerator.has_thread_per_cpu() { MULTI_EXCHANGE } else { SINGLE_EXCHANGE };
        Duration::from_secs(60).saturating_add(Duration::from_micros(exchanges.saturating_mul(each)))
    }
}

/// How a job is measured, as far as it sets what suits where nothing is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What a tick is.
    pub timing: Timing,
    /// How often it is booted.
    pub boots: Repeat,
}

/// How often a job is booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once: classic mode.
    One,
    /// Many times: rigorous mode.
    Many,
}

/// How much is measured in a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Runs.
    pub runs: u32,
    /// Exchanges in each timed block.
    pub exchanges: u64,
}

/// Microseconds of the deadline for each exchange of a run, over all modes: about five times what
/// a slow host was seen to take, in one thread and with a thread per CPU.
const SINGLE_EXCHANGE: u64 = 60;
const MULTI_EXCHANGE: u64 = 800;

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Manner = Manner { timing: Timing::Host, boots: Repeat::One };

    fn experiment() -> ExperimentArgs {
        ExperimentArgs {
            experiment: "classic".into(),
            runs: None,
            exchanges: None,
            warm_up: None,
            samples: None,
            pair: None,
        }
    }

    #[test]
    fn words_are_what_the_kernel_parses() {
        assert_eq!(experiment().words(12, HOST), "experiment=classic runs=5 exchanges=1000000 pair=0,1");
        assert_eq!(experiment().words(1, HOST), "experiment=classic runs=5 exchanges=1000000");
        let named = ExperimentArgs { pair: Some((2, 1)), ..experiment() };
        assert_eq!(named.words(3, HOST), "experiment=classic runs=5 exchanges=1000000 pair=2,1");
        let named = ExperimentArgs { warm_up: Some(0), samples: Some(50), ..experiment() };
        assert_eq!(named.words(1, HOST), "experiment=classic runs=5 exchanges=1000000 warmup=0 samples=50");
        for cpus in [1, 2, 64] {
            assert!(experiment().check(cpus, HOST).is_ok());
        }
    }

    #[test]
    fn counted_instructions_are_asked_for_and_are_few() {
        let counted = Manner { timing: Timing::Instructions, boots: Repeat::One };
        assert_eq!(
            experiment().words(12, counted),
            "experiment=classic runs=1 exchanges=10000 pair=0,1 unit=instructions"
        );
        let named = ExperimentArgs { runs: Some(2), exchanges: Some(1_000_000), ..experiment() };
        assert_eq!(named.size(counted), Size { runs: 2, exchanges: 1_000_000 });
        assert!(experiment().check(12, counted).is_ok());
    }

    #[test]
    fn boots_are_short_where_there_are_many() {
        let many = Manner { timing: Timing::Host, boots: Repeat::Many };
        assert_eq!(experiment().size(many), Size { runs: 3, exchanges: 100_000 });
        assert!(
            experiment().deadline(Accelerator::Kvm, many) < experiment().deadline(Accelerator::Kvm, HOST)
        );
    }

    #[test]
    fn pair_that_cannot_be_is_refused() {
        for (pair, cpus) in [((0, 0), 12), ((0, 12), 12), ((12, 0), 12), ((0, 1), 1)] {
            let error = ExperimentArgs { pair: Some(pair), ..experiment() }.check(cpus, HOST).unwrap_err();
            assert_eq!(crate::status::status_of(&error), crate::status::Status::Usage);
            assert!(error.to_string().contains("pair"), "{error}");
        }
    }

    #[test]
    fn memory_is_a_size() {
        for (text, size) in [("64M", "64M"), ("256m", "256M"), ("2G", "2048M"), ("512", "512M")] {
            assert_eq!(memory(text).as_deref(), Ok(size));
        }
        for text in ["", "M", "63M", "0", "-1G", "1.5G", "2T", "99999999999999999999G", "1048577M", "é"] {
            assert!(memory(text).unwrap_err().contains("from 64M to 1024G"), "{text}");
        }
    }

    #[test]
    fn deadline_grows_with_the_work() {
        let single = Accelerator::Tcg(TcgThread::Single);
        assert_eq!(experiment().deadline(single, HOST), Duration::from_secs(360));
        assert!(
            experiment().deadline(Accelerator::Tcg(TcgThread::Multi), HOST)
                > experiment().deadline(single, HOST)
        );
    }
}
