//! Every way in which a run is disturbed on purpose, and how each has to end. A fault that is survived leaves its counts
//! right and its time void; every other ends the run with a status of its own, and a line that names it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use switchlab_core::random::SplitMix64;

use super::call::{Ended, Kit, Running};
use super::strike::{Moment, Monitor, Stroke};
use crate::folder;
use crate::status::Status;

/// From the stroke to the end of who is to say it, at most.
pub const AT_ONCE: Duration = Duration::from_secs(5);
/// What ends every run of a fault, by its own deadline or without.
const HANGS: Duration = Duration::from_secs(120);
/// Stands for the deadline of runs that are to reach it.
const DEADLINE: &str = "DEADLINE";
/// Which is so many seconds: a run is struck before it. Or so many, on a busy host.
const SECONDS: [&str; 2] = ["4", "30"];
/// A run that is long enough to be struck in.
const RUN: [&str; 11] =
    ["run", "--accel", "tcg", "--smp", "3", "--runs", "2", "--exchanges", "100000", "--samples", "1000"];
/// A run of a kernel that disturbs itself.
const SHORT: [&str; 5] = ["run", "--accel", "tcg", "--smp", "3"];

/// A fault.
#[derive(Debug)]
pub struct Fault {
    /// Its name, by which it is chosen.
    pub name: &'static str,
    how: How,
    /// How the run has to end.
    pub must: Must,
}

/// An end.
#[derive(Clone, Copy, Debug)]
pub struct Must {
    /// With this status.
    pub status: Status,
    /// And this is said: each of them.
    pub says: &'static [&'static str],
}

/// How a run is disturbed.
#[derive(Debug)]
enum How {
    /// QEMU, or what it writes to, is struck at the seed's moment.
    Stroke(Stroke, &'static [&'static str]),
    /// A test kernel in place of the laboratory's does it to itself.
    Kernel(&'static str, &'static [&'static str]),
    /// The kernel's ELF is cut at the seed's place.
    CutKernel,
    /// What is asked for is not possible.
    Words(&'static [&'static str]),
    /// A whole log is damaged at the seed's place, and read again.
    Log(Damage),
    /// There is no room for all of the log.
    FullDisk,
    /// A second run works in the same folder of runs meanwhile.
    TwoRuns,
}

/// What is done to a log.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// It ends at some byte.
    Cut,
    /// A byte is another one.
    Garble,
    /// A record stands there twice.
    Double,
    /// Two records have changed places.
    Reorder,
}

const fn stroke(name: &'static str, stroke: Stroke, status: Status, says: &'static [&'static str]) -> Fault {
    Fault { name, how: How::Stroke(stroke, &[]), must: Must { status, says } }
}

const fn kernel(
    name: &'static str,
    kernel: &'static str,
    status: Status,
    says: &'static [&'static str],
) -> Fault {
    Fault { name, how: How::Kernel(kernel, &[]), must: Must { status, says } }
}

const fn log(name: &'static str, damage: Damage, says: &'static [&'static str]) -> Fault {
    Fault { name, how: How::Log(damage), must: Must { status: Status::InvalidLog, says } }
}

/// All of them.
pub const FAULTS: &[Fault] = &[
    stroke("qemu-killed", Stroke::Kill, Status::Crashed, &["QEMU was killed by SIGKILL"]),
    stroke(
        "qemu-stopped-and-continued",
        Stroke::Stop(Duration::from_millis(600)),
        Status::Pass,
        &["stopped for ", "void"],
    ),
    stroke(
        "guest-paused-and-continued",
        Stroke::Pause(Duration::from_millis(600)),
        Status::Pass,
        &["paused for ", "by QEMU's monitor", "void"],
    ),
    Fault {
        name: "guest-paused-beyond-the-deadline",
        how: How::Stroke(Stroke::PauseForGood, &["--timeout", DEADLINE]),
        must: Must { status: Status::Deadline, says: &["the deadline passed before the guest ended"] },
    },
    stroke(
        "reset",
        Stroke::Monitor("system_reset"),
        Status::Crashed,
        &["the machine was reset, by QEMU's monitor"],
    ),
    stroke(
        "power-down",
        Stroke::Monitor("system_powerdown"),
        Status::Crashed,
        &["the machine was asked to power down"],
    ),
    stroke("qemu-told-to-quit", Stroke::Monitor("quit"), Status::Crashed, &["QEMU was told to quit"]),
    stroke("nmi", Stroke::Monitor("inject-nmi"), Status::Crashed, &["non-maskable interrupt"]),
    stroke("folder-gone", Stroke::RemoveFolder, Status::Missing, &["No such file or directory"]),
    Fault {
        name: "disk-full",
        how: How::FullDisk,
        must: Must { status: Status::Missing, says: &["No space left on device"] },
    },
    Fault {
        name: "two-runs-in-one-folder",
        how: How::TwoRuns,
        must: Must { status: Status::Pass, says: &["Counts: ", "are as they must be"] },
    },
    Fault {
        name: "parameter-out-of-range",
        how: How::Words(&["--append", "tasks=1"]),
        must: Must { status: Status::Fail, says: &["kernel parameter `tasks`"] },
    },
    Fault {
        name: "kernel-cut",
        how: How::CutKernel,
        must: Must { status: Status::Crashed, says: &["the loader refused the kernel"] },
    },
    kernel("stack-overflow", "guard_page", Status::Crashed, &["double fault (vector 8"]),
    kernel("double-fault", "double_fault", Status::Crashed, &["double fault (vector 8"]),
    kernel("triple-fault", "triple_fault", Status::Crashed, &["reset (a triple fault, most often)"]),
    kernel("page-fault", "page_fault", Status::Crashed, &["page fault (vector 14"]),
    kernel("panic", "panics", Status::Crashed, &["the lock is held"]),
    kernel("wrong-number", "wrong_number", Status::Fail, &["sequence number: expected 500, found 501"]),
    kernel("no-end-record", "no_end", Status::InvalidLog, &["end record"]),
    Fault {
        name: "hang",
        how: How::Kernel("hangs", &["--timeout", DEADLINE]),
        must: Must { status: Status::Deadline, says: &["the deadline passed before the guest ended"] },
    },
    log("log-cut", Damage::Cut, &["the log is not valid"]),
    log("log-garbled", Damage::Garble, &["the log is not valid"]),
    log("log-doubled", Damage::Double, &["the log is not valid"]),
    log("log-reordered", Damage::Reorder, &["the log is not valid"]),
];

/// What became of a fault.
#[derive(Clone, Debug)]
pub enum Got {
    /// How the run ended, and how long after the stroke.
    End {
        /// What it did.
        ended: Ended,
        /// From the stroke to its end; of a fault that is there from the start on, from its start.
        after: Duration,
    },
    /// It can not be done here, and why.
    Skipped(String),
}

impl Must {
    /// What of this does not hold; `None` where all does.
    pub fn broken_by(&self, ended: &Ended) -> Option<String> {
        if ended.status != Some(i32::from(self.status.code())) {
            let status = ended.status.map_or("a signal".into(), |status| format!("status {status}"));
            return Some(format!("{status}, not {}", self.status.code()));
        }
        let missing = self.says.iter().find(|words| !ended.said.contains(**words))?;
        Some(format!("status {}, and `{missing}` is not said", self.status.code()))
    }
}

/// What faults are done with.
pub struct Campaign<'a> {
    kit: &'a Kit,
    /// Seconds, of runs that are to reach it.
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
        Ok(Self { kit, deadline: SECONDS[usize::from(is_busy)], whole })
    }

    /// Does this one at the moment or place of `seed`.
    ///
    /// # Errors
    ///
    /// It could not be done, and there is no reason why; status 130 after Ctrl-C.
    pub fn strike(&self, fault: &Fault, seed: u64) -> anyhow::Result<Got> {
        let folder = tempfile::Builder::new().prefix("switchlab-").tempdir()?;
        match &fault.how {
            How::Stroke(stroke, words) => self.strike_run(*stroke, words, seed, folder.path()),
            How::Kernel(name, words) => {
                self.whole_run(&self.kit.kernels.join(name), &SHORT, words, folder.path())
            }
            How::Words(words) => self.whole_run(&self.kit.kernel, &SHORT, words, folder.path()),
            How::CutKernel => self.cut_kernel(seed, folder.path()),
            How::Log(damage) => self.damaged_log(*damage, seed, folder.path()),
            How::FullDisk => self.full_disk(seed, folder.path()),
            How::TwoRuns => self.two_runs(seed, folder.path()),
        }
    }

    fn strike_run(&self, stroke: Stroke, words: &[&str], seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let monitor = Monitor::within(folder);
        let mut run = self.start(&self.kit.kernel, &RUN, words, folder, &monitor.words())?;
        Moment::of(seed).wait(&mut run, folder)?;
        stroke.strike(&run, folder, &monitor)?;
        let struck = Instant::now();
        let ended = run.wait(HANGS)?;
        Ok(Got::End { ended, after: struck.elapsed() })
    }

    /// `run` with its runs in `folder`, and more arguments for QEMU.
    fn start(
        &self,
        kernel: &Path,
        run: &[&str],
        words: &[&str],
        folder: &Path,
        extra: &[String],
    ) -> anyhow::Result<Running> {
        let words = run.iter().chain(words).map(|&word| if word == DEADLINE { self.deadline } else { word });
        let mut command = self.kit.xtask(kernel, words);
        command.args(["--quiet", "--out"]).arg(folder);
        if !extra.is_empty() {
            command.arg("--").args(extra);
        }
        Running::start(&mut command)
    }

    /// A fault that is there from the start on.
    fn whole_run(&self, kernel: &Path, run: &[&str], words: &[&str], folder: &Path) -> anyhow::Result<Got> {
        let ended = self.start(kernel, run, words, folder, &[])?.wait(HANGS)?;
        Ok(Got::End { after: ended.elapsed, ended })
    }

    fn cut_kernel(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let bytes = fs::read(&self.kit.kernel)?;
        let length = usize::try_from(SplitMix64::new(seed).draw())? % bytes.len();
        let cut = folder.join("kernel");
        fs::write(&cut, &bytes[..length])?;
        self.whole_run(&cut, &SHORT, &[], folder)
    }

    fn damaged_log(&self, damage: Damage, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let file = folder.join("serial.log");
        fs::write(&file, damage.done_to(&self.whole, seed))?;
        let mut command = self.kit.xtask(&self.kit.kernel, ["replay"]);
        let ended = Running::start(command.arg(&file))?.wait(HANGS)?;
        Ok(Got::End { after: ended.elapsed, ended })
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
        self.whole_run(&self.kit.kernel, &RUN, &[], &disk.0)
    }

    fn two_runs(&self, seed: u64, folder: &Path) -> anyhow::Result<Got> {
        let mut first = self.start(&self.kit.kernel, &RUN, &[], folder, &[])?;
        Moment::of(seed).wait(&mut first, folder)?;
        let struck = Instant::now();
        let second = self.start(&self.kit.kernel, &RUN, &[], folder, &[])?;
        let (first, second) = (first.wait(HANGS)?, second.wait(HANGS)?);
        let kept =
            fs::read_dir(folder)?.flatten().filter(|entry| entry.path().join("results.csv").exists()).count();
        // `latest` is one of them, and stands for it once more.
        anyhow::ensure!(kept == 3, "two runs in one folder left {} with results", kept.saturating_sub(1));
        let worse = if first.status == Some(0) { second } else { first };
        Ok(Got::End { ended: worse, after: struck.elapsed() })
    }
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

impl Damage {
    fn done_to(self, log: &str, seed: u64) -> Vec<u8> {
        let mut stream = SplitMix64::new(seed);
        let mut below = |limit: usize| (stream.draw() % limit as u64) as usize;
        let mut lines: Vec<&str> = log.split_inclusive('\n').collect();
        // Behind the first record, and before the last one.
        let records: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains("{\"")).collect();
        match self {
            Self::Cut => return log.as_bytes()[..below(log.len() - 1)].to_vec(),
            Self::Garble => {
                let mut bytes = log.as_bytes().to_vec();
                let line = records[below(records.len())];
                let start: usize = lines[..line].iter().map(|line| line.len()).sum();
                let place = start + below(lines[line].trim_end().len());
                bytes[place] ^= 1 << below(7);
                return bytes;
            }
            Self::Double => {
                let line = records[below(records.len())];
                lines.insert(line, lines[line]);
            }
            Self::Reorder => {
                let place = below(records.len() - 1);
                lines.swap(records[place], records[place + 1]);
            }
        }
        let mut bytes = Vec::new();
        // To memory, which takes all.
        let _ = bytes.write_all(lines.concat().as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LOG: &str = "loader: hello\nSL1 1 00 {\"start\":1}\nSL1 2 00 {\"block\":2}\nSL1 3 00 {\"end\":3}\n";

    #[test]
    fn damage_is_done_and_is_that_of_its_seed() {
        for damage in [Damage::Cut, Damage::Garble, Damage::Double, Damage::Reorder] {
            let done: BTreeSet<Vec<u8>> = (0..40).map(|seed| damage.done_to(LOG, seed)).collect();
            assert!(done.len() > 1 && !done.contains(LOG.as_bytes()), "{damage:?}");
            assert_eq!(damage.done_to(LOG, 3), damage.done_to(LOG, 3));
        }
    }

    #[test]
    fn end_that_is_another_or_says_nothing_is_broken() {
        let must = Must { status: Status::Crashed, says: &["killed"] };
        let ended = |status, said: &str| Ended { status, said: said.into(), elapsed: Duration::ZERO };
        assert_eq!(must.broken_by(&ended(Some(3), "QEMU was killed")), None);
        assert_eq!(must.broken_by(&ended(Some(0), "QEMU was killed")).as_deref(), Some("status 0, not 3"));
        assert_eq!(must.broken_by(&ended(None, "")).as_deref(), Some("a signal, not 3"));
        let silent = must.broken_by(&ended(Some(3), "it ended"));
        assert_eq!(silent.as_deref(), Some("status 3, and `killed` is not said"));
    }

    #[test]
    fn faults_have_names_of_their_own_and_say_something() {
        let names: BTreeSet<&str> = FAULTS.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), FAULTS.len());
        assert!(FAULTS.iter().all(|fault| !fault.must.says.is_empty()));
    }
}
