//! Ctrl-C: noted here, and looked at by whoever waits for a QEMU or a build, which is then ended.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

use crate::status::{Refusal, Status};

/// Set by Ctrl-C, SIGTERM and SIGHUP. A flag alone: nothing is handed over by it.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C is noted instead of ending xtask.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

/// How often it is looked at while a build goes on.
const LOOK: Duration = Duration::from_millis(50);
/// How long a build that is told to end may take for that.
const GRACE: Duration = Duration::from_secs(2);

/// Notes Ctrl-C from here on, where it would end xtask and leave its QEMU alone. Once.
///
/// # Errors
///
/// If the system refuses.
pub fn take_over() -> anyhow::Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).context("taking over Ctrl-C")?;
    TAKEN_OVER.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether it came.
pub fn came() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Runs a build and waits for it. Where Ctrl-C is taken over, it ends the build with all that it started, also where
/// xtask alone got the signal: a compiler that outlives its cargo would go on writing into the folder of the next
/// build. So the build has a process group of its own then, and does not get a terminal's Ctrl-C itself.
///
/// # Errors
///
/// Status 130 after Ctrl-C; it does not start.
pub fn build(command: &mut Command) -> anyhow::Result<ExitStatus> {
    let name = command.get_program().display().to_string();
    if !TAKEN_OVER.load(Ordering::Relaxed) {
        return command.status().with_context(|| format!("starting {name}"));
    }
    let child = command.process_group(0).spawn().with_context(|| format!("starting {name}"))?;
    let mut build = Build(child);
    loop {
        let ended = build.0.wait_timeout(LOOK).with_context(|| format!("waiting for {name}"))?;
        if came() {
            return Err(Refusal::with(
                Status::Interrupted,
                "Ctrl-C: the build was ended, and nothing was written",
            ));
        }
        if let Some(status) = ended {
            return Ok(status);
        }
    }
}

/// A build that does not outlive whoever waits for it.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.0.id().cast_signed());
        // Each fails where all have ended, and then there is nothing to do. Until it is waited for, its number is its own.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = killpg(group, Signal::SIGTERM);
            if !matches!(self.0.wait_timeout(GRACE), Ok(Some(_))) {
                let _ = killpg(group, Signal::SIGKILL);
                let _ = self.0.wait();
            }
        }
    }
}
