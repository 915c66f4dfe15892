//! A run of this program's own, as a process: what it is started with, and what became of it.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

use crate::interrupt;
use crate::status::{Refusal, Status};

/// How often it is looked whether Ctrl-C came.
const LOOK: Duration = Duration::from_millis(20);

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
    pub fn xtask<W: AsRef<std::ffi::OsStr>>(
        &self,
        kernel: &std::path::Path,
        words: impl IntoIterator<Item = W>,
    ) -> Command {
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

/// A run that goes on. Dropped, it is ended with all that it started.
pub struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    started: Instant,
}

/// What became of a run.
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
    /// Starts it, in a process group of its own: Ctrl-C comes to it by us.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut child = command.process_group(0).spawn().context("starting a run")?;
        let stdout = child.stdout.take().map(read);
        let stderr = child.stderr.take().map(read);
        Ok(Self { child, stdout, stderr, started })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn has_ended(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// Status 130 after Ctrl-C: it was told, and has ended. Status 4: it did not end within `most`.
    pub fn wait(mut self, most: Duration) -> anyhow::Result<Ended> {
        loop {
            if let Some(status) = self.child.wait_timeout(LOOK)? {
                let elapsed = self.started.elapsed();
                let said = [self.stdout.take(), self.stderr.take()].into_iter().flatten();
                let said = said.map(|reader| reader.join().unwrap_or_default()).collect::<Vec<_>>().concat();
                return Ok(Ended { status: status.code(), said, elapsed });
            }
            if interrupt::came() {
                let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT);
                let _ = self.child.wait_timeout(Duration::from_secs(5));
                return Err(Refusal::with(Status::Interrupted, "interrupted"));
            }
            if self.started.elapsed() > most {
                let seconds = most.as_secs();
                return Err(Refusal::with(
                    Status::Deadline,
                    format!("a run did not end within {seconds} s, beyond its own deadline"),
                ));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let pid = Pid::from_raw(self.child.id().cast_signed());
            // It ends its QEMU; where it does not, nobody else will.
            let _ = kill(pid, Signal::SIGTERM);
            if !matches!(self.child.wait_timeout(Duration::from_secs(5)), Ok(Some(_))) {
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = self.child.wait();
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
