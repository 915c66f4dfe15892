//! Starts QEMU, takes its serial line as it comes, writes it down as it is, and ends QEMU at the
//! deadline, where the guest stands still, on Ctrl-C, and when the capture is dropped. What it all means, `exit` says.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use wait_timeout::ChildExt;

mod serial;

use serial::Line;
pub use serial::Serial;

/// A log longer than this is no log of ours: a guest that writes for ever must not fill the disk.
pub const LOG_LIMIT: usize = 64 << 20;

/// How often the flag of Ctrl-C is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How long to wait for the rest of the serial line, once QEMU is gone.
const DRAIN: Duration = Duration::from_millis(500);

/// What a capture is told.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// QEMU is ended after this time.
    pub deadline: Duration,
    /// QEMU is ended as soon as this is set.
    pub interrupted: &'a AtomicBool,
}

/// Where the bytes of the serial line go. Both are told of the same bytes.
pub trait Sink {
    /// Hears that QEMU was started, as process `pid`.
    fn started(&mut self, _pid: u32) {}

    /// Takes the next bytes; `since_start` is the time since QEMU was started.
    fn bytes(&mut self, bytes: &[u8], since_start: Duration);

    /// Whether the guest does nothing any more, so that QEMU is ended before the deadline. Asked all the time.
    fn stands_still(&mut self) -> bool {
        false
    }

    /// Hears that the deadline has passed, or that the guest stands still. QEMU is there until this returns.
    fn hangs(&mut self) {}
}

/// How QEMU came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that was not ours.
    Signalled(i32),
    /// By us, at the deadline.
    Deadline,
    /// By us, since the guest did nothing any more.
    Still,
    /// By us, because of Ctrl-C.
    Interrupted,
    /// By us, because the log grew beyond [`LOG_LIMIT`].
    Endless,
}

/// What was captured.
#[derive(Debug)]
pub struct Captured {
    /// How QEMU ended.
    pub ending: Ending,
    /// The serial line, as it came.
    pub log: Vec<u8>,
    /// What QEMU said on stderr.
    pub stderr: String,
    /// From start to end.
    pub elapsed: Duration,
    /// The first error of writing the log down; the log in memory is whole all the same.
    pub log_error: Option<io::Error>,
}

impl Captured {
    /// Of a QEMU that did not start.
    pub const fn nothing() -> Self {
        Self {
            ending: Ending::Interrupted,
            log: Vec::new(),
            stderr: String::new(),
            elapsed: Duration::ZERO,
            log_error: None,
        }
    }
}

/// Runs `argv` to its end and hands every byte of its stdout to where `serial` says, and then to
/// `sink`.
///
/// # Errors
///
/// The program could not be started, or the file that is followed cannot be opened.
pub fn capture(
    argv: &[OsString],
    limits: Limits<'_>,
    serial: Serial<'_>,
    sink: &mut dyn Sink,
) -> io::Result<Captured> {
    let (mut line, far_end) = Line::open(&serial)?;
    let mut guest = Guest::start(argv, far_end)?;
    sink.started(guest.child.id());
    let stderr = guest.stderr();
    let copy = match serial {
        Serial::Piped(file) => Some(file),
        Serial::Followed(_) => None,
    };
    let mut taker = Taker { captured: Captured::nothing(), copy, sink };
    let ending = guest.watch(&mut line, limits, &mut taker)?;
    let (started, elapsed) = (guest.started, guest.started.elapsed());
    if matches!(ending, Ending::Deadline | Ending::Still) {
        line.leave_pipe();
        taker.sink.hangs();
    }
    drop(guest);
    line.rest(DRAIN, |bytes| taker.take(bytes, started.elapsed()));
    let mut captured = taker.captured;
    (captured.ending, captured.elapsed) = (ending, elapsed);
    captured.stderr = stderr.recv_timeout(DRAIN).unwrap_or_default();
    Ok(captured)
}

/// Takes the bytes of the serial line to all who want them.
struct Taker<'a, 'b> {
    captured: Captured,
    copy: Option<&'a mut dyn Write>,
    sink: &'b mut dyn Sink,
}

impl Taker<'_, '_> {
    /// Says whether more is wanted.
    fn take(&mut self, bytes: &[u8], since_start: Duration) -> bool {
        let Self { captured, copy, sink } = self;
        captured.log.extend_from_slice(bytes);
        if let (Some(file), None) = (copy, &captured.log_error) {
            captured.log_error = file.write_all(bytes).and_then(|()| file.flush()).err();
        }
        sink.bytes(bytes, since_start);
        captured.log.len() <= LOG_LIMIT
    }
}

/// QEMU in a process group of its own, so that Ctrl-C reaches xtask alone and all of QEMU's
/// children end with it.
struct Guest {
    child: Child,
    started: Instant,
}

impl Guest {
    fn start(argv: &[OsString], stdout: Stdio) -> io::Result<Self> {
        let (program, arguments) = argv
            .split_first()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "empty command line"))?;
        let started = Instant::now();
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, started })
    }

    /// All of stderr, once it is closed.
    fn stderr(&mut self) -> Receiver<String> {
        let (sender, receiver) = mpsc::channel();
        if let Some(mut stderr) = self.child.stderr.take() {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                // What was read before an error is worth as much as all of it.
                let _ = stderr.read_to_end(&mut bytes);
                let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
            });
        }
        receiver
    }

    /// Hands the serial line to `taker` until QEMU is gone or has to go.
    fn watch(
        &mut self,
        line: &mut Line,
        limits: Limits<'_>,
        taker: &mut Taker<'_, '_>,
    ) -> io::Result<Ending> {
        let mut exited: Option<(ExitStatus, Instant)> = None;
        loop {
            // Pairs with the store in the handler of Ctrl-C; nothing else is handed over by it.
            if limits.interrupted.load(Ordering::Relaxed) {
                return Ok(Ending::Interrupted);
            }
            if exited.is_none() {
                exited = self.child.try_wait()?.map(|status| (status, Instant::now()));
                if exited.is_some() {
                    line.writer_is_gone();
                }
            }
            if let Some((status, at)) = exited
                && at.elapsed() > DRAIN
            {
                // A child of QEMU's still holds the line.
                return Ok(ending(status));
            }
            let left = limits.deadline.saturating_sub(self.started.elapsed());
            if left.is_zero() {
                return Ok(Ending::Deadline);
            }
            if exited.is_none() && taker.sink.stands_still() {
                return Ok(Ending::Still);
            }
            match line.next(left.min(TICK)) {
                Ok(bytes) if taker.take(&bytes, self.started.elapsed()) => {}
                Ok(_) => return Ok(Ending::Endless),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => match exited {
                    Some((status, _)) => return Ok(ending(status)),
                    None => {
                        let status = self.child.wait_timeout(left.min(TICK))?;
                        exited = status.map(|status| (status, Instant::now()));
                    }
                },
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // The group outlives its leader where a child of QEMU's does; none left is no error.
        let _ = killpg(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn ending(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Exited(code),
        (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
    }
}

/// A sink that wants nothing.
pub struct Ignore;

impl Sink for Ignore {
    fn bytes(&mut self, _: &[u8], _: Duration) {}
}

/// Makes whole lines of bytes, however they come.
#[derive(Default)]
pub struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Takes the next bytes and hands each line that is whole to `on_line`, its end included.
    pub fn take(&mut self, bytes: &[u8], mut on_line: impl FnMut(&str)) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            on_line(&String::from_utf8_lossy(&line));
        }
    }
}

#[cfg(test)]
mod tests;
