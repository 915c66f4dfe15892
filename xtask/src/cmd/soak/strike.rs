//! The stroke of a fault, at a moment that a seed gives: what is done from outside to the QEMU of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use switchlab_core::random::SplitMix64;

use crate::process::Running;
use crate::qmp::Client;
use crate::status::{Refusal, Status};
use crate::{folder, interrupt};

/// How often it is looked whether the moment has come.
const LOOK: Duration = Duration::from_millis(5);
/// How long it may take to come: a guest's boot on a busy host, and the blocks before.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long QEMU may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// The most blocks that come before it.
const BLOCKS: u64 = 5;
/// The longest time behind the last of them, in milliseconds.
const BEHIND_MS: u64 = 150;
/// The same where it strikes before the first one: less than it takes to start the CPUs and to look at the clocks.
const EARLY_MS: u64 = 20;

/// When it strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// As soon as the guest has spoken, and so many blocks have been reported,
    pub blocks: u64,
    /// and so much later.
    pub behind: Duration,
}

impl Moment {
    /// The moment of a seed.
    pub fn of(seed: u64) -> Self {
        let mut stream = SplitMix64::new(seed);
        let blocks = 1 + stream.draw() % BLOCKS;
        Self { blocks, behind: Duration::from_millis(stream.draw() % BEHIND_MS) }
    }

    /// The moment of a seed, before the first block.
    pub fn early(seed: u64) -> Self {
        Self { blocks: 0, behind: Duration::from_millis(SplitMix64::new(seed).draw() % EARLY_MS) }
    }

    /// Waits for it, in the log that a run leaves in `runs`.
    ///
    /// # Errors
    ///
    /// The run has ended before, or the moment does not come; status 130 after Ctrl-C.
    pub fn wait(self, run: &mut Running, runs: &Path) -> anyhow::Result<()> {
        let started = Instant::now();
        let log = runs.join(folder::LATEST).join(folder::LOG);
        loop {
            // A line that is cut has no end yet.
            let text = fs::read(&log).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let blocks = text.matches("{\"block\":").count();
            if text.contains("{\"start\":") && blocks as u64 >= self.blocks {
                std::thread::sleep(self.behind);
                return Ok(());
            }
            if run.has_ended()? {
                bail!("the run ended before the fault could strike, behind {blocks} blocks");
            }
            if interrupt::came() {
                return Err(Refusal::with(Status::Interrupted, "interrupted"));
            }
            if started.elapsed() > PATIENCE {
                bail!("block {} did not come within {} s", self.blocks, PATIENCE.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// What is done to QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// It is killed.
    Kill,
    /// Its process is stopped, and goes on after this time.
    Stop(Duration),
    /// Its process is stopped, and stays so.
    StopForGood,
    /// The guest is paused by the monitor, and goes on after this time.
    Pause(Duration),
    /// The guest is paused by the monitor, and stays so.
    PauseForGood,
    /// A command of the monitor's.
    Monitor(&'static str),
    /// The folder of the run is removed.
    RemoveFolder,
}

/// Where QEMU takes commands: a monitor of its own, beside the one that the run listens to.
#[derive(Debug)]
pub struct Monitor {
    path: PathBuf,
}

impl Monitor {
    /// In this folder.
    pub fn within(folder: &Path) -> Self {
        Self { path: folder.join("strike.sock") }
    }

    /// QEMU's arguments for it.
    pub fn words(&self) -> [String; 2] {
        ["-qmp".into(), format!("unix:{},server=on,wait=off", self.path.display())]
    }

    /// Has QEMU do it, and waits for its answer.
    ///
    /// # Errors
    ///
    /// QEMU is not there, or says that it can not.
    pub fn execute(&self, command: &str) -> anyhow::Result<()> {
        let until = Instant::now() + ANSWER;
        let mut client = Client::open(&self.path, until).context("QEMU's monitor")?;
        client.execute(command, &Value::Null, until).context("QEMU's monitor")?;
        Ok(())
    }
}

impl Stroke {
    /// Strikes the QEMU of `run`, whose folder is the last one in `runs`.
    ///
    /// # Errors
    ///
    /// There is no QEMU, or it does not do it.
    pub fn strike(self, run: &Running, runs: &Path, monitor: &Monitor) -> anyhow::Result<()> {
        match self {
            Self::Kill => kill(qemu_of(run)?, Signal::SIGKILL)?,
            Self::Stop(time) => {
                let qemu = stop(run)?;
                std::thread::sleep(time);
                kill(qemu, Signal::SIGCONT)?;
            }
            Self::StopForGood => {
                stop(run)?;
            }
            Self::Pause(time) => {
                monitor.execute("stop")?;
                std::thread::sleep(time);
                monitor.execute("cont")?;
            }
            Self::PauseForGood => monitor.execute("stop")?,
            Self::Monitor(command) => monitor.execute(command)?,
            Self::RemoveFolder => fs::remove_dir_all(fs::canonicalize(runs.join(folder::LATEST))?)?,
        }
        Ok(())
    }
}

/// Stops the QEMU of a run, and waits until it is.
fn stop(run: &Running) -> anyhow::Result<Pid> {
    let qemu = qemu_of(run)?;
    kill(qemu, Signal::SIGSTOP)?;
    wait_until_stopped(qemu)?;
    Ok(qemu)
}

/// The QEMU that a run has started: its child, which waits for nobody.
#[cfg(target_os = "linux")]
fn qemu_of(run: &Running) -> anyhow::Result<Pid> {
    for process in procfs::process::all_processes()?.flatten() {
        let Ok(stat) = process.stat() else { continue };
        if u32::try_from(stat.ppid) == Ok(run.pid()) && stat.comm.starts_with("qemu") {
            return Ok(Pid::from_raw(stat.pid));
        }
    }
    bail!("the run has no QEMU")
}

/// A signal to go on that comes before the process has heard the one to stop takes that back.
#[cfg(target_os = "linux")]
fn wait_until_stopped(process: Pid) -> anyhow::Result<()> {
    use procfs::process::{ProcState, Process};

    let until = Instant::now() + ANSWER;
    let process = Process::new(process.as_raw())?;
    while process.stat()?.state()? != ProcState::Stopped {
        anyhow::ensure!(Instant::now() < until, "QEMU did not stop");
        std::thread::yield_now();
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn wait_until_stopped(_: Pid) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn qemu_of(_: &Running) -> anyhow::Result<Pid> {
    bail!("QEMU is found by /proc, which is Linux's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_their_seeds_and_stay_within_the_run() {
        let moments: Vec<Moment> = (0..50).map(Moment::of).collect();
        assert_eq!(moments, (0..50).map(Moment::of).collect::<Vec<_>>());
        assert!(moments.iter().all(|moment| (1..=BLOCKS).contains(&moment.blocks)));
        assert!((1..=BLOCKS).all(|blocks| moments.iter().any(|moment| moment.blocks == blocks)));
    }
}
