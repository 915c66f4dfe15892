//! Options that `run` and `gdb` share: the guest. Read and checked here, before anything starts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchlab_core::params::{
    BUDGET, DEFAULT_PAIR, EXCHANGES, Params, RUNS, SAMPLES, TASKS, WARM_UP, parse_pair,
};
use switchlab_core::policy::{Policies, PolicyName};
use switchlab_core::{Way, Ways};

use crate::accel::{self, Choice, Wanted};
use crate::qemu::{Accelerator, Config, Machine, TcgThread, Timing};
use crate::status::Refusal;
use crate::survey::about::{self, About, MEMORY, Takes};

/// The experiments that there are.
pub const EXPERIMENTS: [&str; 7] = ["classic", "ring", "fan", "policy", "wait", "matrix", "scale"];

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

/// What is measured.
#[derive(clap::Args)]
#[command(next_help_heading = "Experiment")]
pub struct ExperimentArgs {
    /// Which experiment
    #[arg(long, value_name = "NAME", default_value = EXPERIMENTS[0], value_parser = EXPERIMENTS)]
    pub experiment: String,
    /// Runs in a boot, 1 to 1000 [default: 5, of experiments with many points 3, but of wait 5; with --boots 3; with
    /// --deterministic, where all are the same, 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(RUNS)))]
    pub runs: Option<u32>,
    /// Exchanges in each timed block, 1 to 1000000000; one exchange is two switches. Of an experiment with
    /// many points the most, which its budget may cut [default: 1000000; with --boots 100000; with
    /// --deterministic 10000; wait, ring, fan, scale, policy 100000, matrix 1000, and less with
    /// --deterministic]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(EXCHANGES))]
    pub exchanges: Option<u64>,
    /// Exchanges before each timed block, discarded, 0 to 1000000000 [default: 10000; of experiments with
    /// many points a tenth of --exchanges]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(WARM_UP))]
    pub warm_up: Option<u64>,
    /// Exchanges in each block of the sampled pass, each timed by itself; 0 for no such pass, and never
    /// more than --exchanges [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(SAMPLES))]
    pub samples: Option<u64>,
    /// The two CPUs, the first also that of the same-core mode [default: 0,1]
    #[arg(long, value_name = "A,B", value_parser = pair)]
    pub pair: Option<(u32, u32)>,
    /// Of wait and matrix: the ways to wait, with commas between them: halt, spin, spin-pause, spin-halt,
    /// mwait [default: all]
    #[arg(long, value_name = "LIST", value_parser = ways)]
    pub ways: Option<Ways>,
    /// How long a point is measured at most, 1 to 60000 milliseconds; with --deterministic millions of
    /// instructions [default: the experiment's own]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(BUDGET))]
    pub budget: Option<u64>,
    /// Of scale and policy: the most tasks, 2 to 65536 [default: the experiment's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(TASKS)))]
    pub tasks: Option<u32>,
    /// Of policy: the policies, with commas between them: round-robin, lifo, stealing [default: all]
    #[arg(long, value_name = "LIST", value_parser = policies)]
    pub policy: Option<Policies>,
}

fn policies(text: &str) -> Result<Policies, String> {
    let allowed =
        || format!("one or more, each once, with commas between them, of {}", PolicyName::NAMES.join(", "));
    Policies::parse(text).ok_or_else(allowed)
}

fn ways(text: &str) -> Result<Ways, String> {
    let allowed =
        || format!("one or more, each once, with commas between them, of {}", Way::NAMES.join(", "));
    Ways::parse(text).ok_or_else(allowed)
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

impl ExperimentArgs {
    /// Holds the parameters against a guest of `cpus` CPUs.
    ///
    /// # Errors
    ///
    /// Status 2, with what is allowed.
    pub fn check(&self, cpus: u32, manner: Manner) -> anyhow::Result<()> {
        self.check_taken()?;
        let words = self.words(cpus, manner);
        Params::parse(&words, &EXPERIMENTS)
            .and_then(|params| params.validate(cpus))
            .map_err(|error| Refusal::usage(error.to_string()))
    }

    /// What an experiment does not take is not left out in silence.
    fn check_taken(&self) -> anyhow::Result<()> {
        let Self { experiment, pair, samples, ways, budget, tasks, policy, .. } = self;
        let refuse = |option: &str, why: &str| {
            Err(Refusal::usage(format!("{option} with --experiment {experiment}: {why}; leave it out")))
        };
        let about = self.about();
        if about.is_some() && samples.is_some() {
            return refuse("--samples", "it has no sampled pass");
        }
        for option in Takes::ALL {
            let is_given = match option {
                Takes::Ways => ways.is_some(),
                Takes::Budget => budget.is_some(),
                Takes::Tasks => tasks.is_some(),
                Takes::Pair => pair.is_some(),
                Takes::Policy => policy.is_some(),
            };
            let is_taken = about.map_or(option == Takes::Pair, |about| about.takes(option));
            if is_given && !is_taken {
                let takers: Vec<_> = about::ALL.iter().filter(|about| about.takes(option)).collect();
                let takers: Vec<_> = takers.iter().map(|about| about.name).collect();
                return refuse(option.option(), &format!("it does not take it, {} do", takers.join(", ")));
            }
        }
        Ok(())
    }

    /// What is known of it, where it is one with many points.
    pub fn about(&self) -> Option<&'static About> {
        About::of(&self.experiment)
    }

    /// The pair is left out where there is one CPU, unless it was asked for.
    fn words(&self, cpus: u32, manner: Manner) -> String {
        let Self { experiment, pair, samples, budget, tasks, .. } = self;
        let Size { runs, exchanges } = self.size(manner);
        let warm_up = self.warm_up.or_else(|| self.about().map(|_| exchanges / 10));
        // With many points a pair is named where it is meant: the matrix has all of them without.
        let pair = pair.or((cpus > 1 && self.about().is_none()).then_some(DEFAULT_PAIR));
        let pair = pair.map_or_else(String::new, |(first, second)| format!(" pair={first},{second}"));
        let tasks = tasks.map(u64::from);
        let named = [("warmup", warm_up), ("samples", *samples), ("budget", *budget), ("tasks", tasks)]
            .map(|(key, value)| value.map_or_else(String::new, |value| format!(" {key}={value}")));
        let ways = self.ways.map_or_else(String::new, |ways| format!(" ways={ways}"));
        let policy = self.policy.map_or_else(String::new, |policy| format!(" policy={policy}"));
        let unit = match manner.timing {
            Timing::Host => "",
            Timing::Instructions => " unit=instructions",
        };
        format!(
            "experiment={experiment} runs={runs} exchanges={exchanges}{pair}{}{ways}{policy}{unit}",
            named.concat()
        )
    }

    /// How much is measured in a boot: what was asked for, else what suits.
    pub fn size(&self, manner: Manner) -> Size {
        let of_points = self.about().map(|about| about.size(manner.timing));
        let of_points = of_points.map(|(runs, exchanges)| Size { runs, exchanges });
        let default = of_points.unwrap_or(match (manner.timing, manner.boots) {
            // Every run is the same and every exchange too: what more of them would show is nothing.
            (Timing::Instructions, _) => Size { runs: 1, exchanges: 10_000 },
            // The original's.
            (Timing::Host, Repeat::One) => Size { runs: 5, exchanges: 1_000_000 },
            // The boot counts, so that boots come before length: a boot takes a few seconds.
            (Timing::Host, Repeat::Many) => Size { runs: 3, exchanges: 100_000 },
        });
        Size {
            runs: self.runs.unwrap_or(default.runs),
            exchanges: self.exchanges.unwrap_or(default.exchanges),
        }
    }

    /// The deadline where none is named: a minute, and generous time for each exchange. TCG takes no
    /// longer to run instructions because it counts them.
    pub fn deadline(&self, accelerator: Accelerator, cpus: u32, manner: Manner) -> Duration {
        let Size { runs, exchanges } = self.size(manner);
        let each = if accelerator.has_thread_per_cpu() { MULTI_EXCHANGE } else { SINGLE_EXCHANGE };
        if let Some(about) = self.about() {
            let budget = Duration::from_millis(self.budget.unwrap_or(POINT_MS).saturating_mul(2));
            let each = Duration::from_micros(each);
            let patience = about.patience(cpus.into(), runs.into(), exchanges, each, budget);
            return Duration::from_secs(60).saturating_add(patience);
        }
        let exchanges = u64::from(runs).saturating_mul(exchanges);
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
/// Milliseconds of the deadline for each point beside its exchanges, where no budget is named.
const POINT_MS: u64 = 1_000;

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
            ways: None,
            budget: None,
            tasks: None,
            policy: None,
        }
    }

    #[test]
    fn words_are_what_the_kernel_parses() {
        assert_eq!(experiment().words(12, HOST), "experiment=classic runs=5 exchanges=1000000 pair=0,1");
        assert_eq!(experiment().words(1, HOST), "experiment=classic runs=5 exchanges=1000000");
        let named = ExperimentArgs { pair: Some((2, 1)), ..experiment() };
        assert_eq!(named.words(3, HOST), "experiment=classic runs=5 exchanges=1000000 pair=2,1");
        let named = ExperimentArgs { policy: Policies::parse("stealing,lifo"), ..experiment() };
        assert_eq!(named.words(1, HOST), "experiment=classic runs=5 exchanges=1000000 policy=lifo,stealing");
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
            experiment().deadline(Accelerator::Kvm, 12, many)
                < experiment().deadline(Accelerator::Kvm, 12, HOST)
        );
    }

    fn named(experiment_name: &str) -> ExperimentArgs {
        ExperimentArgs { experiment: experiment_name.into(), ..experiment() }
    }

    #[test]
    fn experiments_with_many_points_have_sizes_of_their_own() {
        assert_eq!(named("matrix").words(12, HOST), "experiment=matrix runs=3 exchanges=1000 warmup=100");
        let counted = Manner { timing: Timing::Instructions, boots: Repeat::One };
        let scale = ExperimentArgs { tasks: Some(64), ..named("scale") };
        assert_eq!(
            scale.words(12, counted),
            "experiment=scale runs=1 exchanges=10000 warmup=1000 tasks=64 unit=instructions"
        );
        let ways = ExperimentArgs { ways: Ways::parse("spin,halt"), warm_up: Some(0), ..named("wait") };
        assert!(ways.words(2, HOST).ends_with("warmup=0 ways=halt,spin"), "{}", ways.words(2, HOST));
    }

    #[test]
    fn option_that_an_experiment_does_not_take_is_refused_by_name() {
        let ways = || Ways::parse("spin");
        let wrong = [
            (ExperimentArgs { samples: Some(0), ..named("ring") }, "--samples with --experiment ring"),
            (ExperimentArgs { ways: ways(), ..named("ring") }, "--ways with --experiment ring"),
            (ExperimentArgs { ways: ways(), ..experiment() }, "--ways with --experiment classic"),
            (ExperimentArgs { budget: Some(1), ..experiment() }, "--budget with --experiment classic"),
            (ExperimentArgs { tasks: Some(2), ..named("matrix") }, "--tasks with --experiment matrix"),
            (ExperimentArgs { pair: Some((0, 1)), ..named("scale") }, "--pair with --experiment scale"),
        ];
        for (args, told) in wrong {
            let error = args.check_taken().unwrap_err();
            assert_eq!(crate::status::status_of(&error), crate::status::Status::Usage);
            assert!(error.to_string().starts_with(told), "{error}");
        }
        for args in [
            ExperimentArgs { ways: ways(), budget: Some(1), pair: Some((0, 1)), ..named("wait") },
            ExperimentArgs { tasks: Some(2), ..named("scale") },
            ExperimentArgs { samples: Some(1), pair: Some((0, 1)), ..experiment() },
        ] {
            assert!(args.check_taken().is_ok(), "{}", args.experiment);
        }
    }

    #[test]
    fn ways_are_a_list_of_names() {
        assert_eq!(ways("spin,halt").map(|ways| ways.to_string()).as_deref(), Ok("halt,spin"));
        for text in ["", "sleep", "halt,halt", "halt,"] {
            let why = ways(text).unwrap_err();
            assert!(why.ends_with("of halt, spin, spin-pause, spin-halt, mwait"), "{why}");
        }
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
        assert_eq!(experiment().deadline(single, 12, HOST), Duration::from_secs(360));
        assert!(
            experiment().deadline(Accelerator::Tcg(TcgThread::Multi), 12, HOST)
                > experiment().deadline(single, 12, HOST)
        );
    }
}
