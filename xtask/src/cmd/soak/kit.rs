//! What a run of this program's own is started with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What runs are made with.
#[derive(Clone, Debug)]
pub struct Kit {
    /// This program.
    pub xtask: PathBuf,
    /// QEMU.
    pub qemu: PathBuf,
    /// The loader.
    pub loader: PathBuf,
    /// The laboratory's kernel.
    pub kernel: PathBuf,
    /// The folder of the test kernels.
    pub kernels: PathBuf,
}

impl Kit {
    /// `cargo xtask` with these words, which builds nothing: it boots `kernel`.
    pub fn xtask<W: AsRef<OsStr>>(&self, kernel: &Path, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(&self.xtask);
        command
            .args(words)
            .env("SWITCHLAB_QEMU", &self.qemu)
            .env("SWITCHLAB_LOADER", &self.loader)
            .env("SWITCHLAB_KERNEL", kernel)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}
