//! A reader that ends every line with a line feed alone, the last one too, so that the lines of a
//! table can be counted; and that stops where no line ends, so that what is no text does not fill
//! the memory.

use std::io::{self, Read};

/// No line of a table of 100 columns comes near it.
const LONGEST: usize = 1 << 20;

/// Passes bytes on.
pub(super) struct Lines<R> {
    input: R,
    /// Bytes since the last end of a line.
    length: usize,
    /// The last byte was a carriage return: it has ended the line for a line feed that follows.
    returned: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, length: 0, returned: false }
    }

    /// Makes carriage returns, and those with a line feed, into line feeds. Returns what is left.
    fn end_lines(&mut self, bytes: &mut [u8]) -> usize {
        if !self.returned && !bytes.contains(&b'\r') {
            return bytes.len();
        }
        let mut kept = 0;
        for place in 0..bytes.len() {
            let byte = bytes[place];
            if !(self.returned && byte == b'\n') {
                bytes[kept] = if byte == b'\r' { b'\n' } else { byte };
                kept += 1;
            }
            self.returned = byte == b'\r';
        }
        kept
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.input.read(buffer)?;
            if count == 0 {
                return Ok(match buffer.first_mut() {
                    Some(first) if self.length > 0 => {
                        *first = b'\n';
                        self.length = 0;
                        1
                    }
                    _ => 0,
                });
            }
            let count = self.end_lines(&mut buffer[..count]);
            match buffer[..count].iter().rposition(|byte| *byte == b'\n') {
                Some(end) => self.length = count - 1 - end,
                None => self.length += count,
            }
            if self.length > LONGEST {
                let message = "a line is longer than 1 MiB: this is no table of runs";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            // 0 would mean the end.
            if count > 0 {
                return Ok(count);
            }
        }
    }
}
