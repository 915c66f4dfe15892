//! Processes that end with all that they started, and what became of them.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

use crate::interrupt;
use crate::status::{Refusal, Status};

/// How often it is looked whether Ctrl-C came.
const LOOK: Duration = Duration::from_millis(20);
/// How long who is told to end may take for that.
const GRACE: Duration = Duration::from_secs(5);

/// A process with a group of its own, which a terminal's Ctrl-C does not reach: who waits for it ends it. Dropped before
/// it has ended, it is ended with all that it started: cargo leaves its tests alone where it ends by a signal, and tests
/// their QEMU, which has a group of its own.
pub struct Group(Child);

impl Group {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).spawn().map(Self)
    }

    /// The process.
    pub const fn child(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(None)) {
            return;
        }
        let groups = groups_of(self.0.id().cast_signed());
        let tell = |signal| {
            for &group in &groups {
                // Fails where all of it have ended, and then there is nothing to do.
                let _ = killpg(Pid::from_raw(group), signal);
            }
        };
        tell(Signal::SIGTERM);
        let _ = self.0.wait_timeout(GRACE);
        // As long as one of a group lives, the number is that group's.
        tell(Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// The groups of a process and of all that come from it, which are ended without asking it.
#[cfg(target_os = "linux")]
fn groups_of(pid: i32) -> BTreeSet<i32> {
    let all = procfs::process::all_processes().into_iter().flatten().flatten();
    let all: Vec<_> = all.filter_map(|process| process.stat().ok()).collect();
    let mut family = BTreeSet::from([pid]);
    loop {
        let before = family.len();
        family.extend(
            all.iter().filter(|stat| family.contains(&stat.ppid)).map(|stat| stat.pid).collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    let groups = all.iter().filter(|stat| family.contains(&stat.pid)).map(|stat| stat.pgrp);
    groups.chain([pid]).collect()
}

#[cfg(not(target_os = "linux"))]
fn groups_of(pid: i32) -> BTreeSet<i32> {
    [pid].into()
}

/// One that goes on, and of which what it says is kept where its pipes are.
pub struct Running {
    group: Group,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    started: Instant,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status; `None` where a signal ended it.
    pub status: Option<i32>,
    /// What it said: stdout, then stderr.
    pub said: String,
    /// From its start to its end.
    pub elapsed: Duration,
}

impl Running {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let started = Instant::now();
        let name = command.get_program().display().to_string();
        let mut group = Group::start(command).with_context(|| format!("starting {name}"))?;
        let stdout = group.child().stdout.take().map(read);
        let stderr = group.child().stderr.take().map(read);
        Ok(Self { group, stdout, stderr, started })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.group.0.id()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.group.0.try_wait()?.is_some())
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// Status 130 after Ctrl-C, 4 where it did not end within `most`: it was ended.
    pub fn wait(mut self, most: Duration) -> anyhow::Result<Ended> {
        loop {
            if let Some(status) = self.group.0.wait_timeout(LOOK)? {
                let elapsed = self.started.elapsed();
                let said = [self.stdout.take(), self.stderr.take()].into_iter().flatten();
                let said = said.map(|reader| reader.join().unwrap_or_default()).collect::<Vec<_>>().concat();
                return Ok(Ended { status: status.code(), said, elapsed });
            }
            if interrupt::came() {
                return Err(Refusal::with(Status::Interrupted, "interrupted"));
            }
            if self.started.elapsed() > most {
                let seconds = most.as_secs();
                return Err(Refusal::with(
                    Status::Deadline,
                    format!("it did not end within {seconds} s, beyond its own deadline"),
                ));
            }
        }
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is worth as much as all of it.
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;
    use crate::status::status_of;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[test]
    fn what_it_says_and_how_it_ends_is_kept() {
        let mut command = shell("echo one; echo two >&2; exit 3");
        let ended = Running::start(&mut command).unwrap().wait(Duration::from_secs(60)).unwrap();
        assert_eq!((ended.status, &*ended.said), (Some(3), "one\ntwo\n"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_takes_too_long_is_ended_with_whom_it_started() {
        // Neither ends with the one that started it; the second one is in no group of it either.
        let mut command = shell("sleep 600 & setsid sleep 600 & wait");
        let mut running = Running::start(&mut command).unwrap();
        let said = running.stdout.take().unwrap();
        let both = || groups_of(running.pid().cast_signed()).len() == 2;
        while !both() {
            thread::sleep(LOOK);
        }
        let error = running.wait(Duration::from_millis(50)).unwrap_err();
        assert_eq!(status_of(&error), Status::Deadline);
        // The pipe ends with the last who holds it: else this waits for ten minutes.
        assert_eq!(said.join().unwrap(), "");
    }
}
