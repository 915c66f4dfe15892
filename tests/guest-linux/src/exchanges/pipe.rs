//! Two pipes, one each way, between two threads or two processes.

use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Context, anyhow, ensure};
use std::io::{PipeReader, PipeWriter};

use super::{FIRST, Medium, Timed, bind, check, time};

/// Both ways.
pub struct Pipes {
    pings: (PipeReader, PipeWriter),
    pongs: (PipeReader, PipeWriter),
}

impl Pipes {
    /// Opens both.
    ///
    /// # Errors
    ///
    /// There can be no pipe.
    pub fn new() -> anyhow::Result<Self> {
        let open = || std::io::pipe().context("opening a pipe");
        Ok(Self { pings: open()?, pongs: open()? })
    }
}

impl Medium for Pipes {
    fn ping(&self, number: u32) -> anyhow::Result<()> {
        exchange(&mut &self.pings.1, &mut &self.pongs.0, number)
    }

    fn pong(&self, number: u32) -> anyhow::Result<()> {
        check(number, read(&mut &self.pings.0)?.context("the ping's end was closed")?)?;
        write(&mut &self.pongs.1, number + 1)
    }
}

fn exchange(out: &mut impl Write, back: &mut impl Read, number: u32) -> anyhow::Result<()> {
    write(out, number)?;
    check(number + 1, read(back)?.context("the pong's end was closed")?)
}

fn write(to: &mut impl Write, number: u32) -> anyhow::Result<()> {
    to.write_all(&number.to_ne_bytes()).context("writing into a pipe")
}

/// The next number; `None` at the end.
fn read(from: &mut impl Read) -> anyhow::Result<Option<u32>> {
    let mut bytes = [0; 4];
    // Four bytes are written, and read, at once.
    match from.read(&mut bytes).context("reading from a pipe")? {
        0 => Ok(None),
        4 => Ok(Some(u32::from_ne_bytes(bytes))),
        length => Err(anyhow!("{length} bytes of a number came")),
    }
}

/// The role of the other process.
pub const PEER: &str = "pipe-peer";

/// Times exchanges between this process on [`FIRST`] and another on `other`.
///
/// # Errors
///
/// The other process does not start, or a number is not the one that was due.
pub fn between_processes(other: usize, exchanges: u32) -> anyhow::Result<Timed> {
    let ping = || -> anyhow::Result<Timed> {
        bind(FIRST)?;
        let mut peer = Command::new("/proc/self/exe")
            .args([PEER, &other.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the other process")?;
        let ends = peer.stdin.take().zip(peer.stdout.take());
        let (mut out, mut back) = ends.context("the other process has no pipes")?;
        let timed = time(exchanges, |number| exchange(&mut out, &mut back, number));
        drop(out);
        let status = peer.wait().context("waiting for the other process")?;
        let timed = timed?;
        ensure!(status.success(), "the other process ended with {status}");
        Ok(timed)
    };
    thread::scope(|scope| scope.spawn(ping).join()).map_err(|_| anyhow!("the ping panicked"))?
}

/// The other process: answers each number until there are no more.
pub fn peer(cpu: &str) -> ExitCode {
    match answer_all(cpu) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the other process: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn answer_all(cpu: &str) -> anyhow::Result<()> {
    bind(cpu.parse().with_context(|| format!("`{cpu}` is no CPU"))?)?;
    // Without the buffers of Rust's own stdin and stdout.
    let mut pings = std::fs::File::from(rustix::io::dup(std::io::stdin())?);
    let mut pongs = std::fs::File::from(rustix::io::dup(std::io::stdout())?);
    let mut due = super::number(0);
    while let Some(number) = read(&mut pings)? {
        check(due, number)?;
        write(&mut pongs, number + 1)?;
        due = number + 2;
    }
    Ok(())
}
