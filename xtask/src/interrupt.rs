//! Ctrl-C: noted here, and looked at by whoever waits for a QEMU, which is then ended.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Set by Ctrl-C, SIGTERM and SIGHUP. A flag alone: nothing is handed over by it.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Notes Ctrl-C from here on, where it would end xtask and leave its QEMU alone. Once.
///
/// # Errors
///
/// If the system refuses.
pub fn take_over() -> anyhow::Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).context("taking over Ctrl-C")
}

/// Whether it came.
pub fn came() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
