//! `bench --guest-linux`: the laboratory's kernel and Linux, booted in turn in one emulator with the same
//! settings, and what both make of a handoff.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use super::{Args, KIND, SHOW};
use crate::accel::Wanted;
use crate::bench::Bench;
use crate::bench::row::{Emulator, FORMAT, LinuxGuest};
use crate::build::{KERNEL_PACKAGE, LOADER_PACKAGE, Talk, build};
use crate::cmd::native::{Kept, seconds, this_host};
use crate::cmd::options::{EXPERIMENTS, ExperimentArgs, GuestArgs, Manner, Repeat, memory};
use crate::cmd::{find_qemu, loader_and_kernel};
use crate::guest_linux::boots::Guest;
use crate::guest_linux::log::System;
use crate::guest_linux::program::{self, Go};
use crate::guest_linux::rounds::{Series, Sides, measure};
use crate::guest_linux::rows::{Facts, rows};
use crate::guest_linux::{Absent, kernel};
use crate::install::Permission;
use crate::progress::{StartsProgress, Style};
use crate::qemu::{self, Accelerator, Config, Machine, TcgThread, Timing};
use crate::status::Refusal;
use crate::survey::hierarchy;

/// The guests, alike for the laboratory and for Linux.
#[derive(clap::Args)]
#[command(next_help_heading = "In the same emulator")]
pub struct GuestLinuxArgs {
    /// Instead of the native peers, boot the laboratory and the distribution's Linux in turn in one QEMU with
    /// the same settings, and hold Linux's handoffs against ours
    #[arg(long, conflicts_with_all = ["peers", "list", "block_ms", "exchanges", "seed"])]
    guest_linux: bool,
    /// Linux's kernel [default: the newest of /boot, else the one that --install unpacks from the
    /// distribution's package, without installing it]
    #[arg(long, value_name = "FILE", requires = "guest_linux")]
    guest_kernel: Option<PathBuf>,
    /// What executes the guests; auto is KVM where it proves itself, else TCG
    #[arg(long, value_enum, default_value_t = Wanted::Auto, requires = "guest_linux")]
    accel: Wanted,
    /// Under TCG, run all vCPUs in one host thread, or each in its own
    #[arg(long, value_enum, default_value_t = TcgThread::Single, requires = "guest_linux")]
    tcg_thread: TcgThread,
    /// Pin QEMU to these host CPUs, like 0 or 0,2-3 (by taskset)
    #[arg(long, value_name = "LIST", requires = "guest_linux")]
    host_cpus: Option<String>,
    /// Virtual CPUs, 2 to 64
    #[arg(long, value_name = "N", default_value_t = 12, requires = "guest_linux",
          value_parser = clap::value_parser!(u32).range(2..=64))]
    smp: u32,
    /// Memory: a number with M or G, 64M or more
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = memory, requires = "guest_linux")]
    memory: String,
    /// QEMU's executable [default: SWITCHLAB_QEMU, else qemu-system-x86_64 in PATH]
    #[arg(long, value_name = "PATH", requires = "guest_linux")]
    qemu: Option<PathBuf>,
}

/// Exchanges of a timed block of the laboratory's. With a host thread for each virtual CPU a handoff between
/// two of them can take a hundred times as long.
const EXCHANGES: u64 = 100_000;
const EXCHANGES_OF_THREADS: u64 = 10_000;
/// Timed blocks of each mode in a boot of the laboratory's: as many as of each exchange of Linux's.
const RUNS: u32 = 5;

impl GuestLinuxArgs {
    /// Whether `--guest-linux` was given.
    pub(super) const fn is_wanted(&self) -> bool {
        self.guest_linux
    }

    /// As `run` takes them.
    fn guest(&self) -> GuestArgs {
        GuestArgs {
            accel: self.accel,
            tcg_thread: self.tcg_thread,
            deterministic: false,
            host_cpus: self.host_cpus.clone(),
            smp: self.smp,
            cpu: None,
            memory: Some(self.memory.clone()),
            machine: Machine::Pc,
            qemu: self.qemu.clone(),
            kernel: None,
            ramdisk: None,
            append: None,
            extra: Vec::new(),
        }
    }
}

/// Milliseconds of a timed block of a level's at most: as long as one of Linux's.
const BUDGET_MS: u64 = 100;

/// What the laboratory measures in its boots: the modes of its first experiment, and its levels.
fn experiments(accelerator: Accelerator) -> [ExperimentArgs; 2] {
    let levels = ExperimentArgs {
        experiment: hierarchy::EXPERIMENT.into(),
        samples: None,
        budget: Some(BUDGET_MS),
        ..classic(accelerator)
    };
    [classic(accelerator), levels]
}

fn classic(accelerator: Accelerator) -> ExperimentArgs {
    let exchanges = if accelerator.has_thread_per_cpu() { EXCHANGES_OF_THREADS } else { EXCHANGES };
    ExperimentArgs {
        experiment: EXPERIMENTS[0].into(),
        runs: Some(RUNS),
        exchanges: Some(exchanges),
        warm_up: None,
        samples: Some(0),
        pair: None,
        ways: None,
        budget: None,
        tasks: None,
        policy: None,
    }
}

/// Boots both in turn and shows what they come to.
///
/// # Errors
///
/// Status 2 for options that are not right, 5 where the laboratory cannot be built or booted, 130 after Ctrl-C;
/// that of a boot of the laboratory's that did not pass. What is missing for Linux is said in its rows, and
/// the exit status tells.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Args { guest: options, native, .. } = args;
    let (guest, permission) = (options.guest(), Permission::from(args.install));
    guest.check()?;
    check_kernel(options.guest_kernel.as_deref())?;
    let qemu = find_qemu(guest.qemu.as_deref(), permission)?;
    let version =
        qemu::version(&qemu).map_err(|why| Refusal::missing(format!("QEMU does not start: {why}")))?;
    let choice = guest.choose(&qemu)?;
    let talk = native.talk();
    let artefacts = build(&[LOADER_PACKAGE, KERNEL_PACKAGE], permission, talk)?;
    let kernel = loader_and_kernel(&artefacts)?;
    let laboratory = experiments(choice.accelerator).map(|experiment| Guest {
        config: guest.config(
            &qemu,
            choice.accelerator,
            kernel.clone(),
            guest.command_line(&experiment, Repeat::One),
        ),
        deadline: experiment.deadline(
            choice.accelerator,
            guest.smp,
            Manner { timing: Timing::Host, boots: Repeat::One },
        ),
    });
    let started = SystemTime::now();
    let kept = Kept::create(&native.out, started, KIND)?;
    let (go, named) = (program::go(permission), options.guest_kernel.as_deref());
    let linux = linux((named, permission), &laboratory[0].config, go.as_ref().ok(), kept.folder(), talk)?;
    let sides = Sides { laboratory, linux };
    let mut progress = StartsProgress::new(Style::suiting(native.quiet));
    let mut hears = |title: &str, done, of| progress.start(title, done, of);
    let series = measure(&sides, native.rounds, kept.folder(), &mut hears)?;
    progress.end();
    let laboratory = format!("switchlab {}", env!("CARGO_PKG_VERSION"));
    let facts = Facts { laboratory: &laboratory, go: go.as_ref().map(|go| go.version.as_str()) };
    let bench = Bench {
        format: FORMAT,
        started: humantime::format_rfc3339_seconds(started).to_string(),
        rounds: series.counted,
        seed: seconds(started),
        host: this_host(),
        rows: rows(&series, &facts),
        emulator: Some(emulator(&sides, &series, &choice.to_string(), version)),
    };
    let ended = native.end(&bench, kept, &SHOW)?;
    // Ours is shown, and Linux was asked for.
    Ok(series.absent.map_or(ended, |absent| absent.status).into())
}

/// Linux's guest, or what is missing for it.
fn linux(
    (named, permission): (Option<&Path>, Permission),
    config: &Config,
    go: Option<&Go>,
    folder: &Path,
    talk: Talk,
) -> anyhow::Result<Result<Guest, Absent>> {
    let kernel = match kernel::find(named, permission) {
        Ok(kernel) => kernel,
        Err(absent) => return Ok(Err(absent)),
    };
    let init = match program::init(permission, talk)? {
        Ok(init) => init,
        Err(absent) => return Ok(Err(absent)),
    };
    let (go, archive) = (go.map(|go| go.program.as_slice()), folder.join("initramfs.cpio"));
    Guest::linux(config.clone(), &kernel, &init, go, &archive).map(Ok)
}

fn emulator(sides: &Sides, series: &Series, accelerator: &str, qemu: String) -> Emulator {
    let Sides { laboratory, linux } = sides;
    let system = series.system.clone();
    let system = system.map(|System { release, clock_source, cpus, mitigations }| LinuxGuest {
        release,
        clock_source,
        cpus,
        mitigations,
    });
    Emulator {
        qemu,
        accelerator: accelerator.into(),
        cpus: laboratory[0].config.cpus,
        memory: laboratory[0].config.memory.clone(),
        linux: system,
        void_rounds: series.void,
        hung_rounds: series.hung,
        host_busy_percent: series.host_busy_percent,
        commands: laboratory.iter().chain(linux.as_ref().ok()).map(Guest::command).collect(),
    }
}

/// A kernel that was named has to be there before anything is built.
fn check_kernel(kernel: Option<&Path>) -> anyhow::Result<()> {
    match kernel {
        Some(path) if !path.is_file() => Err(Refusal::usage(format!(
            "--guest-kernel {}: no such file; the bzImage of a Linux for x86_64 is expected, like /boot/vmlinuz-6.1.0-56-amd64",
            path.display()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{Status, status_of};

    #[test]
    fn kernel_that_is_not_there_is_named() {
        let error = check_kernel(Some(Path::new("/no/kernel"))).unwrap_err();
        assert_eq!(status_of(&error), Status::Usage);
        assert!(error.to_string().contains("--guest-kernel /no/kernel"), "{error}");
        assert!(check_kernel(None).is_ok());
    }

    #[test]
    fn laboratory_measures_what_its_kernel_takes() {
        for accelerator in [Accelerator::Tcg(TcgThread::Single), Accelerator::Tcg(TcgThread::Multi)] {
            let manner = Manner { timing: Timing::Host, boots: Repeat::One };
            experiments(accelerator).iter().for_each(|experiment| experiment.check(12, manner).unwrap());
        }
    }
}
