//! The serial line on its way from QEMU's stdout to `capture`: by a pipe, or by a file that QEMU
//! writes and a thread follows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How often a file that is followed is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Where the serial line goes.
pub enum Serial<'a> {
    /// Into a pipe, and from its end into this file: what comes is known as it comes.
    Piped(&'a mut dyn Write),
    /// Into this file, which QEMU writes itself and which is followed.
    ///
    /// A pipe takes no more when its reader is late. QEMU's UART then stays busy, and a kernel that
    /// waits for it spends instructions: with a reader that slept, two runs that counted
    /// instructions differed. A file always takes what comes.
    Followed(&'a Path),
}

/// The near end of the line, in pieces.
pub(super) struct Line {
    pieces: Receiver<Vec<u8>>,
    /// Whether what stands in the file is all that will.
    complete: Arc<AtomicBool>,
    follows: bool,
}

impl Line {
    /// A line, and its far end for QEMU's stdout.
    pub(super) fn open(serial: &Serial<'_>) -> io::Result<(Self, Stdio)> {
        let (sender, pieces) = mpsc::sync_channel(64);
        let complete = Arc::new(AtomicBool::new(false));
        let (follows, far_end) = match serial {
            Serial::Piped(_) => {
                let (near, far) = io::pipe()?;
                thread::spawn(move || forward(near, &sender));
                (false, OwnedFd::from(far).into())
            }
            Serial::Followed(path) => {
                let far = OpenOptions::new().append(true).create(true).open(path)?;
                let (near, complete) = (File::open(path)?, Arc::clone(&complete));
                thread::spawn(move || follow(near, &sender, &complete));
                (true, far.into())
            }
        };
        Ok((Self { pieces, complete, follows }, far_end))
    }

    /// The next piece. The line is closed at its end.
    pub(super) fn next(&mut self, timeout: Duration) -> Result<Vec<u8>, RecvTimeoutError> {
        self.pieces.recv_timeout(timeout)
    }

    /// Says that QEMU is gone: a file has no end that would tell.
    pub(super) fn writer_is_gone(&self) {
        // Pairs with the load in `follow`: what is in the file after it is all.
        self.complete.store(true, Ordering::Release);
    }

    /// Takes no more from a pipe, and closes it: a guest that writes for ever must not make QEMU wait for its reader, while
    /// QEMU is asked something.
    pub(super) fn leave_pipe(&mut self) {
        if !self.follows {
            self.pieces = mpsc::channel().1;
        }
    }

    /// Hands over what a file got before QEMU was ended and was not read yet, so that what is judged
    /// is what stands there. A pipe's rest nobody has seen.
    pub(super) fn rest(&mut self, within: Duration, mut take: impl FnMut(&[u8]) -> bool) {
        self.writer_is_gone();
        let start = Instant::now();
        while self.follows
            && let Ok(bytes) = self.pieces.recv_timeout(within.saturating_sub(start.elapsed()))
        {
            if !take(&bytes) {
                return;
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Else the thread would follow a file that nobody writes or reads.
        self.writer_is_gone();
    }
}

fn forward(mut near: impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length) = near.read(&mut buffer) {
        if length == 0 || sender.send(buffer[..length].to_vec()).is_err() {
            return;
        }
    }
}

fn follow(mut file: impl Read, sender: &SyncSender<Vec<u8>>, complete: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        // Before the read: only then is an empty read the end.
        let last = complete.load(Ordering::Acquire);
        match file.read(&mut buffer) {
            Ok(0) if last => return,
            Ok(0) => thread::sleep(LOOK),
            Ok(length) => {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
