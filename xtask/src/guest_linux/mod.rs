//! The same exchanges inside a Linux guest, in the same QEMU with the same virtual CPUs, memory and
//! accelerator as the laboratory's own runs, and both side by side. `cmd::bench` calls it.
//!
//! | file | what it owns |
//! |---|---|
//! | [`kernel`] | the distribution's kernel: found, or unpacked from its package |
//! | [`program`] | the guest's programs, static, built on the spot |
//! | [`initramfs`] | the archive that carries them |
//! | [`log`] | what the guest said, read strictly, and what its end means |
//! | [`ours`] | which of the laboratory's own figures are in the table |
//! | [`boots`] | a boot of the laboratory and one of Linux, watched |
//! | [`rounds`] | both in turn, round by round |
//! | [`rows`] | what the rounds come to, as rows of the benchmark's table |

pub mod boots;
pub mod initramfs;
pub mod kernel;
pub mod log;
pub mod ours;
pub mod program;
pub mod rounds;
pub mod rows;

use std::path::PathBuf;

use crate::status::Status;
use crate::workspace;

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Why.
    pub reason: String,
    /// What brings it; empty where nothing is known to.
    pub to_do: String,
    /// How xtask exits, once everything else is measured.
    pub status: Status,
}

impl Absent {
    /// A part of the host that is missing.
    pub fn missing(reason: impl Into<String>, to_do: impl Into<String>) -> Self {
        Self { reason: reason.into(), to_do: to_do.into(), status: Status::Missing }
    }
}

/// Where kernels and programs of guests are kept.
pub fn cache() -> PathBuf {
    workspace::target_dir().join("guest-linux")
}
