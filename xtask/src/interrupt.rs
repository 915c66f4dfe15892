//! Ctrl-C: noted here, and looked at by whoever waits for a QEMU or a build, which is then ended.

use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use wait_timeout::ChildExt;

use crate::process::Group;
use crate::status::{Refusal, Status};

/// Set by Ctrl-C, SIGTERM and SIGHUP. A flag alone: nothing is handed over by it.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C is noted instead of ending xtask.
static TAKEN_OVER: AtomicBool = AtomicBool::new(false);

/// How often it is looked at while a build goes on.
const LOOK: Duration = Duration::from_millis(50);

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
    let mut build = Group::start(command).with_context(|| format!("starting {name}"))?;
    loop {
        let ended = build.child().wait_timeout(LOOK).with_context(|| format!("waiting for {name}"))?;
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
