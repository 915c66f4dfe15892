//! The only writer of records.

use std::io::{self, Write};

use anyhow::{Context, anyhow};
use switchlab_guest_linux::{End, Record};
use switchlab_records::encode;

/// A line with texts of a few hundred bytes fits.
const LONGEST: usize = 2_048;

/// Numbers the records and writes them to stdout, which is the serial line.
#[derive(Default)]
pub struct Report {
    written: u64,
}

impl Report {
    /// Writes one record.
    ///
    /// # Errors
    ///
    /// It is too long, or stdout cannot be written.
    pub fn write(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        let mut line = [0; LONGEST];
        let length = encode(self.written, record, &mut line).map_err(|_| anyhow!("a record is too long"))?;
        self.written += 1;
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line[..length]).and_then(|()| stdout.flush()).context("writing a record")
    }

    /// Writes the end record.
    ///
    /// # Errors
    ///
    /// As [`Report::write`].
    pub fn end(&mut self) -> anyhow::Result<()> {
        self.write(&Record::End(End { records: self.written + 1 }))
    }
}
