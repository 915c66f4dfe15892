//! Doing faults to runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use object::{Object, ObjectSegment};
use switchlab_boot_plan::seal;
use switchlab_core::{MAX_CPUS, random::SplitMix64};
use switchlab_records::read_log;

use super::damage::Damage;
use super::faults::{DEADLINE, Fault, How, STRUCK};
use super::kit::Kit;
use super::strike::{Moment, Monitor, Stroke};
use crate::folder;
use crate::process::{Ended, Running};
use crate::status::{Status, status_of};

/// From the stroke to the end of who is to say it, at most.
pub const AT_ONCE: Duration = Duration::from_secs(5);
/// The same on a host that may be busy.
pub const IN_PATIENCE: Duration = Duration::from_secs(60);
/// What ends every run of a fault, by its own deadline or without.
const HANGS: Duration = Duration::from_secs(120);

/// How many seconds a run has that is struck so that it reaches its deadline, on a host that is idle or busy.
const ON_IDLE_HOST: &str = "3";
const ON_BUSY_HOST: &str = "20";

/// A run that is long enough to be struck in.
const RUN: &[&str] =
    &["run", "--accel", "tcg", "--smp", "3", "--runs", "2", "--exchanges", "100000", "--samples", "1000"];
/// A run that is struck at one of its exchanges.
const EXCHANGES: u64 = 20_000;
const WITHIN: &[&str] =
    &["run", "--accel", "tcg", "--smp", "3", "--runs", "1", "--exchanges", "20000", "--samples", "1000"];
/// A run of processes, as short as it can be.
const HIERARCHY: &[&str] = &[
    "run",
    "--accel",
    "tcg",
    "--smp",
    "3",
    "--runs",
    "1",
    "--exchanges",
    "100",
    "--experiment",
    "hierarchy",
    "--no-instructions",
];
/// A run that is disturbed from the start on.
const SHORT: &[&str] = &["run", "--accel", "tcg", "--smp", "3"];
/// A run of whatever size.
const BARE: &[&str] = &["run", "--accel", "tcg"];
/// Words that the kernel refuses.
const WRONG: [&str; 8] = [
    "tasks=1",
    "tasks=1000000",
    "offsets=some",
    "seed=-1",
    "ways=none",
    "policy=none",
    "unit=hours",
    "no-such-word=1",
];
/// The kernel of [`How::Within`] and [`How::NmiOn`].
const FAULTY: &str = "faulty";

/// The kernel that does the case that it is told.
const CASES: &str = "cases";

/// What became of a fault.
#[derive(Clone, Debug)]
pub enum Got {
    /// How the run ended, and how long after the stroke.
    End {
        /// What it did.
        ended: Ended,
        /// From the stroke to its end; of a fault that is there from the start on, from its start.
        after: Duration,
        /// What the guest said that failed.
        failures: Vec<String>,
    },
    /// It can not be done here, and why.
    Skipped(String),
    /// It was not struck, or did not end, and why.
    Lost(String),
}

/// A run to start.
struct Run {
    kernel: PathBuf,
    words: Vec<String>,
    /// More arguments for QEMU.
    qemu: Vec<String>,
}

impl Run {
    fn and(mut self, words: &[&'static str]) -> Self {
        self.words.extend(words.iter().map(|&word| word.to_owned()));
        self
    }
}

/// What faults are done with.
pub struct Campaign<'a> {
    kit: &'a Kit,
    deadline: &'static str,
    /// A log of a run that nothing disturbed.
    whole: String,
}

impl<'a> Campaign<'a> {
    /// Makes a run that nothing disturbs, and takes its log. Of a host that `is_busy` no haste is expected.
    ///
    /// # Errors
    ///
    /// It does not pass.
    pub fn new(kit: &'a Kit, is_busy: bool) -> anyhow::Result<Self> {
        let runs = tempfile::tempdir()?;
        let words = "run --deterministic --trace 0 --smp 3 --exchanges 200 --quiet --out".split(' ');
        let mut command = kit.xtask(&kit.kernel, words);
        let ended = Running::start(command.arg(runs.path()))?.wait(HANGS)?;
        anyhow::ensure!(
            ended.status == Some(0),
            "a run that nothing disturbs does not pass:\n{}",
            ended.said
        );
        let whole = fs::read_to_string(runs.path().join(folder::LATEST).join(folder::LOG))?;
        Ok(Self { kit, deadline: if is_busy { ON_BUSY_HOST } else { ON_IDLE_HOST }, whole })
    }

    /// Does this one at the moment or place of `seed`.
    ///
    /// # Errors
    ///
    /// Status 130 after Ctrl-C.
    pub fn strike(&self, fault: &Fault, seed: u64) -> anyhow::Result<Got> {
        match self.try_strike(fault, seed) {
            Err(error) if status_of(&error) != Status::Interrupted => Ok(Got::Lost(format!("{error:#}"))),
            struck => struck,
        }
    }

    fn try_strike(&self, fault: &Fault, seed: u64) -> anyhow::Result<Got> {
        let folder = tempfile::Builder::new().prefix("switchlab-").tempdir()?;
        let folder = folder.path();
        match fault.how {
            How::Stroke(stroke, words) => {
                self.strike_run(self.run(RUN, words), stroke, Moment::of(seed), folder)
            }
            How::EarlyStroke(stroke) => {
                self.strike_run(self.run(RUN, &[]), stroke, Moment::early(seed), folder)
            }
            How::NmiOn(cpu) => self.strike_run(
                self.faulty(RUN, "nmi", cpu.into()),
                Stroke::Monitor("inject-nmi"),
                Moment::of(seed),
                folder,
            ),
            How::Within(name) => self.whole_run(self.faulty(WITHIN, name, number(seed)), folder),
            How::InProcess(name) => self.whole_run(self.faulty(HIERARCHY, name, number(seed)), folder),
            How::Case(name, words) => self.whole_run(self.case(name, seed).and(words), folder),
            How::WrongParameter => {
                let word = WRONG[usize::try_from(SplitMix64::new(seed).draw())? % WRONG.len()];
                self.whole_run(self.run(SHORT, &["--append", word]), folder)
            }
            How::TooManyCpus => self.too_many_cpus(seed, folder),
            How::CutKernel => self.cut_kernel(seed, folder),
            How::FlipKernel => self.flip_kernel(seed, folder),
            How::Log(damage) => self.damaged_log(damage, seed, folder),
            How::FullDisk => self.full_disk(seed, folder),
            How::TwoRuns => self.two_runs(seed, folder),
        }
    }

    /// A run of the laboratory.
    fn run(&self, size: &[&'static str], words: &[&'static str]) -> Run {
        let run = Run { kernel: self.kit.kernel.clone(), words: Vec::new(), qemu: Vec::new() };
        run.and(size).and(words)
    }

    /// A run of the laboratory with a fault of its own.
    fn faulty(&self, size: &[&'static str], fault: &str, at: u64) -> Run {
        let mut run = Run { kernel: self.kit.kernels.join(FAULTY), ..self.run(size, &[]) };
        run.words.extend(["--append".to_owned(), format!("fault={fault} at={at}")]);
        run
    }

    /// A run of the case of this name, with 3 to 8 CPUs.
    fn case(&self, name: &str, seed: u64) -> Run {
        let cpus = 3 + SplitMix64::new(seed).draw() % 6;
        let mut run = Run { kernel: self.kit.kernels.join(CASES), ..self.run(BARE, &[]) };
        run.words.extend(["--append".to_owned(), format!("case={name}")]);
        run.words.extend(["--smp".to_owned(), cpus.to_string()]);
        run
    }

    /// Starts a run, with its runs in `folder`.
    fn start(&self, run: &Run, folder: &Path) -> anyhow::Result<Running> {
        let words = run.words.iter().map(|word| match word.as_str() {
            DEADLINE => self.deadline,
            word => word,
        });
        let mut command = self.kit.xtask(&run.kernel, words);
        command.args(["--quiet", "--out"]).arg(folder);
        if !run.qemu.is_empty() {
            command.arg("--").args(&run.qemu);
        }
        Running::start(&mut command)
    }

    /// A fault from outside.
    fn strike_run(&self, run: Run, stroke: Stroke, moment: Moment, folder: &Path) -> anyhow::Result<Got> {
        let monitor = Monitor::within(folder);
        let run = Run { qemu: monitor.words().into(), ..run };
        let mut run = self.start(&run, folder)?;
        moment.wait(&mut run, folder)?;
        stroke.strike(&run, folder, &monitor)?;
        let struck = Instant::now();
        let ended = run.wait(HANGS)?;
        Ok(Got::End { ended, after: struck.elapsed(), failures: failures(folder) })
    }

    /// A fault that is there from the start on.
    fn whole_run(&self, run: Run, folder: &Path) -> anyhow::Result<Got> {
        let mut ended = self.start(&run, folder)?.wait(HANGS)?;
        // The log has it, and xtask does not repeat a guest's own words.
        if last_log(folder).lines().any(|line| line == STRUCK) {
            ended.said += STRUCK;
        }
        Ok(Got::End { after: ended.elapsed, ended, failures: failures(folder) })
    }

    /// By a file of QEMU's own: xtask would refuse it, by its option as behind `--`.
    fn too_many_cpus(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let cpus = MAX_CPUS as u64 + 1 + SplitMix64::new(seed).draw() % 100;
        let file = folder.join("machine");
        fs::write(&file, format!("[smp-opts]\n  cpus = \"{cpus}\"\n"))?;
        let qemu = vec!["-readconfig".into(), file.display().to_string()];
        self.whole_run(Run { qemu, ..self.run(SHORT, &[]) }, folder)
    }

    fn cut_kernel(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let bytes = fs::read(&self.kit.kernel)?;
        let length = usize::try_from(SplitMix64::new(seed).draw())? % bytes.len();
        let kernel = folder.join("kernel");
        fs::write(&kernel, &bytes[..length])?;
        self.whole_run(Run { kernel, ..self.run(SHORT, &[]) }, folder)
    }

    /// In a header, in code or in data.
    fn flip_kernel(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let mut bytes = fs::read(&self.kit.kernel)?;
        // It may be another than xtask that built it.
        seal::put_on(&mut bytes);
        let elf = object::File::parse(&*bytes).context("the kernel")?;
        let ends = elf.segments().map(|segment| segment.file_range()).map(|(start, length)| start + length);
        let bit = SplitMix64::new(seed).draw() % (8 * ends.max().context("the kernel has no segment")?);
        bytes[usize::try_from(bit / 8)?] ^= 1 << (bit % 8);
        let kernel = folder.join("kernel");
        fs::write(&kernel, bytes)?;
        self.whole_run(Run { kernel, ..self.run(SHORT, &[]) }, folder)
    }

    fn damaged_log(&self, damage: Damage, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let file = folder.join("serial.log");
        fs::write(&file, damage.done_to(&self.whole, seed))?;
        let mut command = self.kit.xtask(&self.kit.kernel, ["replay"]);
        let ended = Running::start(command.arg(&file))?.wait(HANGS)?;
        Ok(Got::End { after: ended.elapsed, ended, failures: Vec::new() })
    }

    /// On a file system that is as large as a part of the run's log.
    fn full_disk(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(Got::Skipped("a file system of its own size is for root to mount".into()));
        }
        let pages = 7 + SplitMix64::new(seed).draw() % 3;
        let disk = match Mounted::new(folder.join("disk"), pages * 4096) {
            Ok(disk) => disk,
            Err(why) => return Ok(Got::Skipped(format!("{why:#}"))),
        };
        self.whole_run(self.run(RUN, &[]), &disk.0)
    }

    fn two_runs(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let run = self.run(RUN, &[]);
        let mut first = self.start(&run, folder)?;
        Moment::of(seed).wait(&mut first, folder)?;
        let struck = Instant::now();
        let second = self.start(&run, folder)?;
        let (first, second) = (first.wait(HANGS)?, second.wait(HANGS)?);
        let kept =
            fs::read_dir(folder)?.flatten().filter(|entry| entry.path().join("results.csv").exists()).count();
        // `latest` is one of them, and stands for it once more.
        anyhow::ensure!(kept == 3, "two runs in one folder left {} with results", kept.saturating_sub(1));
        let worse = if first.status == Some(0) { second } else { first };
        Ok(Got::End { ended: worse, after: struck.elapsed(), failures: failures(folder) })
    }
}

/// What the guest of the last run in `runs` said that failed.
fn failures(runs: &Path) -> Vec<String> {
    read_log(&last_log(runs)).failures().map(str::to_owned).collect()
}

/// The log of the last run in `runs`; empty where there is none.
fn last_log(runs: &Path) -> String {
    let log = fs::read(runs.join(folder::LATEST).join(folder::LOG)).unwrap_or_default();
    String::from_utf8_lossy(&log).into_owned()
}

/// That of an exchange of [`WITHIN`], not the first.
fn number(seed: u64) -> u64 {
    1 + SplitMix64::new(seed).draw() % (EXCHANGES - 1)
}

/// A file system in memory, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(at: PathBuf, bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir(&at)?;
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "switchlab-soak"])
            .arg(&at)
            .output()
            .context("mount")?;
        let why = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "mount: {}", why.trim());
        Ok(Self(at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What can not be unmounted stays, and there is nobody to tell.
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::soak::faults::FAULTS;

    #[test]
    fn numbers_are_drawn_from_the_exchanges_that_are_made_and_counted() {
        assert!(WITHIN.contains(&&*EXCHANGES.to_string()));
        let counted = format!("expected {}", 2 * EXCHANGES);
        let says = FAULTS.iter().flat_map(|fault| fault.must.says);
        assert!(says.filter(|words| words.contains(&counted)).count() >= 3);
        assert!((0..100).all(|seed| (1..EXCHANGES).contains(&number(seed))));
    }
}
