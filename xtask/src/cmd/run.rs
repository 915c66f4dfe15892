//! `run`: from the options to a guest, to its folder, to its results.

mod boot;
mod counted;
mod rigorous;
mod side;
mod trace;

use std::fs;
use std::io::{Stdout, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::options::{ExperimentArgs, GuestArgs, Repeat};
use super::output::{Format, print, render};
use super::{find_qemu, loader_and_kernel};
use crate::accel::Choice;
use crate::build::{KERNEL, KERNEL_PACKAGE, LOADER_PACKAGE, Talk, build};
use crate::capture::{Ending, Sink};
use crate::exit::Outcome;
use crate::interrupt;
use crate::judged::Found;
use crate::manifest::Manifest;
use crate::progress::{Progress, Style};
use crate::qemu::Config;
use crate::report::listing;
use crate::status::{self, Refusal, Status, status_of};
use crate::steps::Whole;
use crate::watchdog::{self, Hang};
use crate::{baseline, floor, folder, qemu};
use boot::Boot;
use rigorous::RigorousArgs;
use trace::{Trace, TraceArgs};

/// Options of `run`.
#[derive(clap::Args)]
#[command(after_help = status::HELP)]
pub struct Args {
    /// End QEMU after this time, in each boot [default: 60 s, and for each exchange of a run 60 µs, or
    /// 800 µs with a host thread per vCPU; none with --kernel]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    timeout: Option<u64>,
    /// Folder of the runs; each run makes one of its own in it, and `latest` points at the last
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Keep a copy of the run as the baseline NAME, for `compare`; one of that name is replaced. Letters,
    /// digits, '-', '_' and '.' make a name
    #[arg(long, value_name = "NAME", value_parser = baseline::Name::parse, conflicts_with = "kernel")]
    save_baseline: Option<baseline::Name>,
    /// No progress, no command line: results and errors alone
    #[arg(long)]
    quiet: bool,
    /// Of hierarchy: time alone, without the boot before it that counts each level's instructions
    #[arg(long, conflicts_with_all = ["deterministic", "kernel"])]
    no_instructions: bool,
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    rigorous: RigorousArgs,
    #[command(flatten)]
    experiment: ExperimentArgs,
    #[command(flatten)]
    trace: TraceArgs,
    #[command(flatten)]
    guest: GuestArgs,
}

/// Runs the guest.
///
/// # Errors
///
/// What is wrong before a guest starts, with its status. What goes wrong later is reported here and
/// is no error.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    interrupt::take_over()?;
    match prepare_and_run(args) {
        // Whatever Ctrl-C ended, it is no error of that.
        Err(_) if interrupt::came() => {
            eprintln!("interrupted");
            Ok(Status::Interrupted.into())
        }
        result => result,
    }
}

impl Args {
    /// What compares modes has nothing to compare in an experiment with many points.
    fn check_points(&self) -> anyhow::Result<()> {
        let counts = self.experiment.about().is_some_and(|about| about.counts_beside);
        if self.no_instructions && !counts {
            return Err(Refusal::usage(format!(
                "--no-instructions with --experiment {}: it counts none beside its time, hierarchy does; leave it out",
                self.experiment.experiment
            )));
        }
        let Some(about) = self.experiment.about() else { return Ok(()) };
        let refuse = |option: &str, why: &str| {
            Err(Refusal::usage(format!("{option} with --experiment {}: {why}", about.name)))
        };
        if self.rigorous.repeat() == Repeat::Many {
            return refuse(
                "--boots",
                "boots are compared by the modes of classic; --runs N repeats all points in one boot, and \
                 `--format csv` of several runs has them all",
            );
        }
        if self.trace.is_asked_for() {
            return refuse("--trace", "classic alone can be traced; leave it out");
        }
        if self.save_baseline.is_some() && !self.guest.deterministic {
            return refuse(
                "--save-baseline",
                "`compare` takes points where instructions are counted: add --deterministic; the folder of a run \
                 in time keeps every point, and `--format bencher` hands them to a tracker",
            );
        }
        Ok(())
    }
}

fn prepare_and_run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.guest.kernel.is_none() {
        args.experiment.check(args.guest.smp, args.guest.manner(args.rigorous.repeat()))?;
        args.check_points()?;
    }
    args.rigorous.check(args)?;
    args.guest.check()?;
    check_out(&args.out)?;
    let qemu = find_qemu(args.guest.qemu.as_deref(), args.install.into())?;
    let version =
        qemu::version(&qemu).map_err(|why| Refusal::missing(format!("QEMU does not start: {why}")))?;
    let choice = args.guest.choose(&qemu)?;
    if interrupt::came() {
        anyhow::bail!("interrupted");
    }
    let run = Prepared::new(args, choice, &qemu, &version)?;
    match (&args.guest.kernel, args.rigorous.repeat()) {
        (None, Repeat::One) => run.once(),
        (None, Repeat::Many) => run.rigorous(),
        (Some(_), _) => run.pass_through(),
    }
}

/// A run whose folder is made, and all that its guests have in common.
struct Prepared<'a> {
    args: &'a Args,
    config: Config,
    manifest: Manifest,
    folder: PathBuf,
    deadline: Duration,
    /// `None` where nothing is to be traced.
    trace: Option<Trace>,
}

impl<'a> Prepared<'a> {
    fn new(args: &'a Args, choice: Choice, qemu: &Path, version: &str) -> anyhow::Result<Self> {
        let talk = if args.quiet { Talk::Quiet } else { Talk::Normal };
        let packages = [LOADER_PACKAGE, KERNEL_PACKAGE];
        let packages = if args.guest.kernel.is_none() { &packages[..] } else { &packages[..1] };
        let mut artefacts = build(packages, args.install.into(), talk)?;
        if let Some(kernel) = &args.guest.kernel {
            artefacts.executables.insert(KERNEL.into(), kernel.clone());
        }
        let trace = Trace::prepare(args, talk)?;
        let words = args.guest.command_line(&args.experiment, args.rigorous.repeat());
        let mut config = args.guest.config(qemu, choice.accelerator, loader_and_kernel(&artefacts)?, words);
        config.memory = args.guest.memory_for(&args.experiment.experiment);
        let mut manifest = Manifest::new(&config, &choice, version, &artefacts)?;
        if args.guest.kernel.is_some() {
            // The sources here are not the kernel's.
            manifest.toolchain = None;
        }
        let name = match &args.guest.kernel {
            None => args.experiment.experiment.clone(),
            Some(kernel) => {
                kernel.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
            }
        };
        let folder = folder::create(&args.out, SystemTime::now(), &name)
            .map_err(|error| cannot_write(&args.out, &error))?;
        let _ = folder::point(folder::LATEST, &folder);
        let deadline = match (args.timeout, &args.guest.kernel) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, None) => args.experiment.deadline(
                choice.accelerator,
                args.guest.smp,
                args.guest.manner(args.rigorous.repeat()),
            ),
            (None, Some(_)) => Duration::MAX,
        };
        let prepared = Self { args, config, manifest, folder, deadline, trace };
        prepared.say(&format!("accelerator: {choice}"));
        Ok(prepared)
    }

    fn say(&self, line: &str) {
        if !self.args.quiet {
            eprintln!("{line}");
        }
    }

    /// Where each vCPU has a host thread, what those cost by themselves stands beside the numbers.
    fn measure_floor(&mut self) -> anyhow::Result<()> {
        if self.config.accelerator.has_thread_per_cpu() {
            let floor = floor::measure(self.config.host_cpus.as_deref())?;
            self.say(&format!("host floor: {floor}"));
            self.manifest.host.floor = Some(floor);
        }
        Ok(())
    }

    /// Boots our kernel once and shows its results.
    fn once(mut self) -> anyhow::Result<ExitCode> {
        self.measure_floor()?;
        let (counted, status_of_count) = self.count()?;
        if status_of_count == Status::Interrupted {
            return Ok(self.end(status_of_count, Ok(())));
        }
        let mut boot = Boot::new(self.config.clone(), &self.manifest, self.folder.clone(), self.deadline);
        boot.counted = counted;
        self.say(&format!("$ {}", boot.command()));
        let mut progress = Progress::new(Style::suiting(self.args.quiet));
        let (status, kept) = boot.measure(&mut progress, |boot, judged, kept| {
            let status = match &judged {
                Ok(found) => {
                    let shown = self.show_figures(render(self.args.format, found, Some(&boot.manifest)))?;
                    match found {
                        Found::Classic(results) => self.trace(&Whole::of(results))?.or(shown),
                        Found::Survey(_) => shown.or(status_of_count),
                    }
                }
                Err(outcome) => outcome.status(),
            };
            Ok((status, kept))
        })?;
        Ok(self.end(status, kept))
    }

    /// Shows what was measured. Where a tracker wants figures and all is void, says so: that is
    /// [`Status::Unstable`], and what else the run leaves it leaves all the same.
    fn show_figures(&self, rendered: anyhow::Result<String>) -> anyhow::Result<Status> {
        match rendered {
            Ok(text) => self.show(&text).map(|()| Status::Pass),
            Err(error) if status_of(&error) == Status::Unstable => {
                eprintln!("error: {error:#}");
                Ok(Status::Unstable)
            }
            Err(error) => Err(error),
        }
    }

    fn show(&self, text: &str) -> anyhow::Result<()> {
        print(text).map_err(|error| {
            let folder = self.folder.display();
            Refusal::missing(format!("stdout cannot be written: {error}; the results are in {folder}"))
        })
    }

    /// Runs any kernel: its serial line goes to stdout, and QEMU's status is ours.
    fn pass_through(self) -> anyhow::Result<ExitCode> {
        let mut boot = Boot::foreign(self.config.clone(), &self.manifest, self.folder.clone(), self.deadline);
        self.say(&format!("$ {}", boot.command()));
        let mut line = PassThrough { to: std::io::stdout(), config: boot.config.clone(), hang: None };
        let (outcome, captured) = boot.boot(&mut line)?;
        boot.hang = line.hang;
        if !matches!(outcome, Outcome::NotStarted(_)) {
            eprint!("{}", captured.stderr);
        }
        let (code, outcome) = match (captured.ending, outcome) {
            (Ending::Exited(status), outcome) if !matches!(outcome, Outcome::NotStarted(_)) => {
                (boot.note_qemus_end(status, &captured), None)
            }
            (_, outcome) => {
                boot.note_end(&outcome, &captured, None);
                (outcome.status().code(), Some(outcome))
            }
        };
        if let Some(outcome) = outcome {
            boot.report(&outcome, &String::from_utf8_lossy(&captured.log));
        }
        match boot.keep(None, &captured) {
            Ok(()) => Ok(code.into()),
            Err(error) => {
                eprintln!("error: {error:#}");
                Ok(if code == 0 { Status::Missing.into() } else { code.into() })
            }
        }
    }

    fn end(&self, status: Status, kept: anyhow::Result<()>) -> ExitCode {
        listing::keep(&self.folder, &self.manifest);
        match kept.and_then(|()| self.save_baseline(status)) {
            Ok(()) => {
                if matches!(status, Status::Pass | Status::Unstable) {
                    self.say(&format!("kept: {}", self.folder.display()));
                }
                status.into()
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                if matches!(status, Status::Pass | Status::Unstable) {
                    Status::Missing.into()
                } else {
                    status.into()
                }
            }
        }
    }
}

impl Prepared<'_> {
    /// Keeps the run by the name that was asked for, if it passed.
    fn save_baseline(&self, status: Status) -> anyhow::Result<()> {
        let Some(name) = &self.args.save_baseline else { return Ok(()) };
        if status != Status::Pass {
            eprintln!("not saved: a baseline is a run that passed; `{}` is as it was", name.as_str());
            return Ok(());
        }
        let saved = baseline::save(&self.args.out, name, &self.folder)
            .with_context(|| format!("saving the baseline `{}`", name.as_str()))?;
        let what = match saved {
            baseline::Saved::New => "saved",
            baseline::Saved::Replaced => "replaced",
        };
        self.say(&format!("{what}: {}", baseline::path(&self.args.out, name).display()));
        Ok(())
    }
}

/// The serial line, live.
struct PassThrough {
    to: Stdout,
    config: Config,
    hang: Option<Hang>,
}

impl Sink for PassThrough {
    fn bytes(&mut self, bytes: &[u8], _: Duration) {
        // A reader that has gone does not stop the guest: the log is kept.
        let _ = self.to.write_all(bytes).and_then(|()| self.to.flush());
    }

    fn hangs(&mut self) {
        self.hang = watchdog::of(&self.config);
    }
}

/// Proves that the folder of the runs can be written, before anything is built or started.
fn check_out(out: &Path) -> anyhow::Result<()> {
    let probe = || {
        fs::create_dir_all(out)?;
        let mut file = tempfile::Builder::new().prefix(".probe-").tempfile_in(out)?;
        file.write_all(&[0; 16 << 10])?;
        file.as_file().sync_all()
    };
    probe().map_err(|error| cannot_write(out, &error))
}

fn cannot_write(out: &Path, error: &dyn std::fmt::Display) -> anyhow::Error {
    Refusal::usage(format!(
        "--out {}: {error}; a folder that can be written is expected, with room for the log",
        out.display()
    ))
}
