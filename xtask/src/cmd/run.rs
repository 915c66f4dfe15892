//! `run`: from the options to a guest, to its folder, to its results.

use std::fs;
use std::io::{Stdout, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use switchlab_records::read_log;

use super::options::{ExperimentArgs, GuestArgs};
use super::output::{Format, print, render};
use super::{find_qemu, loader_and_kernel};
use crate::accel::Choice;
use crate::build::{KERNEL, KERNEL_PACKAGE, LOADER_PACKAGE, Talk, build};
use crate::capture::{Captured, Ending, Limits, Serial, Sink};
use crate::exit::Outcome;
use crate::failure::Failure;
use crate::interrupt::{self, INTERRUPTED};
use crate::manifest::{self, Manifest};
use crate::observer::Observer;
use crate::progress::{Progress, Style};
use crate::qemu::{Config, Timing};
use crate::results::Results;
use crate::status::{self, Refusal, Status};
use crate::watch::{Socket, Threads, Watcher};
use crate::{floor, folder, guest, qemu};

/// Options of `run`.
#[derive(clap::Args)]
#[command(after_help = status::HELP)]
pub struct Args {
    /// End QEMU after this time [default: 60 s, and for each exchange of a run 60 µs, or 800 µs with
    /// a host thread per vCPU; none with --kernel]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    timeout: Option<u64>,
    /// Folder of the runs; each run makes one of its own in it, and `latest` points at the last
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// What goes to stdout
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// No progress, no command line: results and errors alone
    #[arg(long)]
    quiet: bool,
    /// Install what is missing (as root, on Debian or Ubuntu, by apt-get)
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    experiment: ExperimentArgs,
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

fn prepare_and_run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.guest.kernel.is_none() {
        args.experiment.check(args.guest.smp, args.guest.timing())?;
    }
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
    match &args.guest.kernel {
        None => run.measure(),
        Some(_) => run.pass_through(),
    }
}

/// A run whose folder is made.
struct Prepared<'a> {
    args: &'a Args,
    config: Config,
    manifest: Manifest,
    folder: PathBuf,
    deadline: Duration,
    /// Removed with this.
    _socket: Option<Socket>,
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
        let words = args.guest.command_line(&args.experiment);
        let mut config = args.guest.config(qemu, choice.accelerator, loader_and_kernel(&artefacts)?, words);
        // Who boots a kernel of their own watches it themselves.
        let socket = if args.guest.kernel.is_none() { Socket::new() } else { None };
        config.monitor = socket.as_ref().map(|socket| socket.path().to_path_buf());
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
        let deadline = match (args.timeout, &args.guest.kernel) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, None) => args.experiment.deadline(choice.accelerator, config.timing),
            (None, Some(_)) => Duration::MAX,
        };
        let prepared = Self { args, config, manifest, folder, deadline, _socket: socket };
        prepared.say(&format!("accelerator: {choice}"));
        Ok(prepared)
    }

    fn say(&self, line: &str) {
        if !self.args.quiet {
            eprintln!("{line}");
        }
    }

    /// Runs our kernel and shows its results.
    fn measure(mut self) -> anyhow::Result<ExitCode> {
        if self.config.accelerator.has_thread_per_cpu() {
            let floor = floor::measure(self.config.host_cpus.as_deref())?;
            self.say(&format!("host floor: {floor}"));
            self.manifest.host.floor = Some(floor);
        }
        let mut progress = Progress::new(Style::suiting(self.args.quiet));
        let mut watcher = Watcher::new(Threads::of(&self.config));
        let mut observer = Observer::new(&mut progress, &mut watcher, self.config.monitor.clone());
        let (outcome, captured) = self.boot(&mut observer)?;
        progress.finish();
        self.manifest.watch = Some(watcher.finish());
        let cpus_up = progress.cpus_up;
        let text = String::from_utf8_lossy(&captured.log);
        let log = read_log(&text);
        let judged = match outcome {
            Outcome::Pass => Results::from_log(&log).map_err(Outcome::InvalidLog),
            outcome => Err(outcome),
        };
        let outcome = judged.as_ref().err().unwrap_or(&Outcome::Pass);
        self.note_end(outcome, &captured, cpus_up);
        // First to the folder: whatever happens to what is shown, what was captured is kept.
        let kept = self.keep(judged.as_ref().ok(), &captured);
        let status = match &judged {
            Ok(results) => {
                let shown = render(self.args.format, results, Some(&self.manifest))?;
                print(&shown).map_err(|error| {
                    let folder = self.folder.display();
                    Refusal::missing(format!(
                        "stdout cannot be written: {error}; the results are in {folder}"
                    ))
                })?;
                Status::Pass
            }
            Err(outcome) => {
                self.report(outcome, &text);
                outcome.status()
            }
        };
        Ok(self.end(status, kept))
    }

    /// Runs any kernel: its serial line goes to stdout, and QEMU's status is ours.
    fn pass_through(mut self) -> anyhow::Result<ExitCode> {
        let (outcome, captured) = self.boot(&mut PassThrough(std::io::stdout()))?;
        if !matches!(outcome, Outcome::NotStarted(_)) {
            eprint!("{}", captured.stderr);
        }
        let (code, outcome) = match (captured.ending, outcome) {
            (Ending::Exited(status), outcome) if !matches!(outcome, Outcome::NotStarted(_)) => {
                let code = u8::try_from(status).unwrap_or(u8::MAX);
                self.note_text(format!("QEMU ended with status {status}"), code, &captured, None);
                (code, None)
            }
            (_, outcome) => {
                self.note_end(&outcome, &captured, None);
                (outcome.status().code(), Some(outcome))
            }
        };
        if let Some(outcome) = outcome {
            self.report(&outcome, &String::from_utf8_lossy(&captured.log));
        }
        let kept = self.keep(None, &captured);
        match kept {
            Ok(()) => Ok(code.into()),
            Err(error) => {
                eprintln!("error: {error:#}");
                Ok(if code == 0 { Status::Missing.into() } else { code.into() })
            }
        }
    }

    fn boot(&self, sink: &mut dyn Sink) -> anyhow::Result<(Outcome, Captured)> {
        // Before the start, so that a folder that is full is known while nothing has been spent.
        let written = self.manifest.write(&self.folder).and_then(|()| Ok(folder::create_log(&self.folder)?));
        let mut file = written.map_err(|error| cannot_write(&self.args.out, &error))?;
        let _ = folder::point_latest(&self.folder);
        let argv = self.config.argv();
        self.say(&format!("$ {}", qemu::shell_line(&argv)));
        let limits = Limits { deadline: self.deadline, interrupted: &INTERRUPTED };
        let log = self.folder.join(folder::LOG);
        let serial = match self.config.timing {
            Timing::Host => Serial::Piped(&mut file),
            Timing::Instructions => Serial::Followed(&log),
        };
        Ok(guest::run(&argv, limits, serial, sink))
    }

    fn note_end(&mut self, outcome: &Outcome, captured: &Captured, cpus_up: Option<Duration>) {
        self.note_text(outcome.to_string(), outcome.status().code(), captured, cpus_up);
    }

    fn note_text(&mut self, outcome: String, status: u8, captured: &Captured, cpus_up: Option<Duration>) {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (elapsed_ms, cpus_up_ms) = (ms(captured.elapsed), cpus_up.map(ms));
        self.manifest.ending = Some(manifest::Ending { outcome, status, elapsed_ms, cpus_up_ms });
    }

    fn report(&self, outcome: &Outcome, log: &str) {
        let log_path = self.folder.join(folder::LOG);
        if *outcome == Outcome::Interrupted {
            eprintln!("interrupted: QEMU was ended; log: {}", log_path.display());
            return;
        }
        let command = qemu::shell_line(&self.config.argv());
        let kernel = Some(self.config.kernel.as_path());
        let failure = Failure { outcome, log, log_path: &log_path, command: Some(&command), kernel };
        eprint!("error: {}", failure.message());
        if *outcome == Outcome::TimedOut {
            eprintln!("deadline: {} s; --timeout SECONDS sets another", self.deadline.as_secs());
        }
    }

    /// Writes down what the run leaves beside its log.
    ///
    /// # Errors
    ///
    /// The first file that could not be written; the others are written all the same.
    fn keep(&self, results: Option<&Results<'_>>, captured: &Captured) -> anyhow::Result<()> {
        let log = match &captured.log_error {
            None => Ok(()),
            Some(error) => Err(anyhow::anyhow!(
                "{}: {error}; the log there is cut. Room for it is expected; --out DIR sets another folder",
                self.folder.join(folder::LOG).display()
            )),
        };
        let stderr = match captured.stderr.as_str() {
            "" => Ok(()),
            text => fs::write(self.folder.join(folder::STDERR), text).context("writing QEMU's stderr"),
        };
        let manifest = self.manifest.write(&self.folder);
        let results = results.map_or(Ok(()), |results| results.write(&self.folder));
        log.and(stderr).and(manifest).and(results)
    }

    fn end(&self, status: Status, kept: anyhow::Result<()>) -> ExitCode {
        match kept {
            Ok(()) => {
                if status == Status::Pass {
                    self.say(&format!("kept: {}", self.folder.display()));
                }
                status.into()
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                if status == Status::Pass { Status::Missing.into() } else { status.into() }
            }
        }
    }
}

/// The serial line, live.
struct PassThrough(Stdout);

impl Sink for PassThrough {
    fn bytes(&mut self, bytes: &[u8], _: Duration) {
        // A reader that has gone does not stop the guest: the log is kept.
        let _ = self.0.write_all(bytes).and_then(|()| self.0.flush());
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
