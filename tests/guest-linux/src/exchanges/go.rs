//! Two goroutines: Go's program, started anew for each block, times itself.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use switchlab_guest_linux::GO;

use super::{Timed, warm_up};

/// Times exchanges over unbuffered channels, where Go may run on `processors` at once.
///
/// # Errors
///
/// Go's program does not start, or says that it failed.
pub fn channel(processors: usize, exchanges: u32) -> anyhow::Result<Timed> {
    let output = Command::new(GO)
        .args([warm_up(exchanges), exchanges].map(|count| count.to_string()))
        .env("GOMAXPROCS", processors.to_string())
        .output()
        .with_context(|| format!("starting {GO}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{GO} ended with {}: {}", output.status, said.trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let elapsed_ns = text.trim().parse().with_context(|| format!("{GO} said `{}`", text.trim()))?;
    Ok(Timed { handoffs: u64::from(exchanges) * 2, elapsed: Duration::from_nanos(elapsed_ns) })
}
