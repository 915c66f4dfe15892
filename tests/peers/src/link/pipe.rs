//! A pipe each way.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};

use super::Link;
use crate::plan::Failure;

/// What one side reads from and writes to.
pub struct ByPipe {
    from: PipeReader,
    to: PipeWriter,
}

/// Both sides.
///
/// # Errors
///
/// The system gives no pipe.
pub fn by_pipe() -> Result<[ByPipe; 2], Failure> {
    let pipe = || pipe().map_err(|why| Failure::System { what: "a pipe", why });
    let [(from_pong, to_ping), (from_ping, to_pong)] = [pipe()?, pipe()?];
    Ok([ByPipe { from: from_pong, to: to_pong }, ByPipe { from: from_ping, to: to_ping }])
}

impl Link for ByPipe {
    fn hand(&mut self, number: u32) {
        // Where it fails the other side has gone, and the counts say so.
        let _ = self.to.write_all(&number.to_ne_bytes());
    }

    fn take(&mut self) -> Option<u32> {
        let mut bytes = [0; 4];
        self.from.read_exact(&mut bytes).ok().map(|()| u32::from_ne_bytes(bytes))
    }
}
