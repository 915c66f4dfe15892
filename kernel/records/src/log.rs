//! Reading a whole serial log: what came, and what is wrong with it.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{Crash, End, FORMAT_VERSION, Frame, FrameError, PREFIX, Record, Status, parse_frame};

/// The records of a serial log, as far as they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log<'a> {
    /// The records in order, up to the first problem.
    pub records: Vec<Record<'a>>,
    /// The first thing that is wrong; a log with one is not a result.
    pub problem: Option<LogError>,
    /// The first crash record, wherever it stands: a crashing CPU may tear another's line, so it is
    /// looked for behind a problem too.
    pub crash: Option<Crash<'a>>,
}

impl<'a> Log<'a> {
    /// The end record, where the log is whole.
    pub fn end(&self) -> Option<End> {
        match self.records.last() {
            Some(Record::End(end)) => Some(*end),
            _ => None,
        }
    }

    /// Whether the log is whole and says that all checks held.
    pub fn passed(&self) -> bool {
        self.problem.is_none()
            && self.crash.is_none()
            && self.end().is_some_and(|end| end.status == Status::Pass)
    }

    /// The failures that the kernel reported.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        self.records.iter().filter_map(|record| match record {
            Record::Failure(failure) => Some(&*failure.what),
            _ => None,
        })
    }
}

/// What makes a log no result. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogError {
    /// There is no record in it.
    Empty,
    /// A record line that does not hold.
    Frame {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        error: FrameError,
    },
    /// The framing holds, the JSON is no record of this version.
    Json {
        /// Which line.
        line: usize,
        /// What the JSON reader says.
        error: String,
    },
    /// A sequence number is missing, double or out of order.
    Sequence {
        /// Which line.
        line: usize,
        /// The number that was due.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The first record is no start record.
    NoStart,
    /// A record after the end record.
    AfterEnd {
        /// Which line.
        line: usize,
    },
    /// The last record is no end record: the log is cut.
    NoEnd,
    /// The end record counts other than what came.
    EndCount {
        /// What it says.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The end record says pass although a failure stands before it, or the other way round.
    EndStatus,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "no record in it (no line starts with `{}`)", PREFIX.trim_end()),
            Self::Frame { line, error: FrameError::Malformed } => {
                write!(f, "line {line}: record cut or overwritten")
            }
            Self::Frame { line, error: FrameError::Version(version) } => {
                let remedy = if *version > FORMAT_VERSION {
                    "the kernel is newer: read its log with the xtask of its own sources"
                } else {
                    "the kernel is older: read its log with the xtask of its own sources, or run it anew"
                };
                write!(
                    f,
                    "line {line}: record format {version}, this tool reads format {FORMAT_VERSION}; {remedy}"
                )
            }
            Self::Frame { line, error: FrameError::Checksum } => {
                write!(f, "line {line}: wrong checksum")
            }
            Self::Json { line, error } => write!(
                f,
                "line {line}: no record of format {FORMAT_VERSION} as this tool knows it ({error}); read the log with the xtask of its kernel's own sources"
            ),
            Self::Sequence { line, expected, found } => {
                write!(f, "line {line}: record {found} where {expected} was due")
            }
            Self::NoStart => write!(f, "the first record is not the start record"),
            Self::AfterEnd { line } => write!(f, "line {line}: a record after the end record"),
            Self::NoEnd => write!(f, "the end record is missing: the log is cut"),
            Self::EndCount { expected, found } => {
                write!(f, "the end record counts {expected} records, {found} came")
            }
            Self::EndStatus => write!(f, "the end record and the failure records disagree"),
        }
    }
}

impl core::error::Error for LogError {}

/// Reads a log, strictly: nothing that is wrong makes a shorter result.
///
/// Lines end in `\n`, with or without `\r` before it. A last line without its newline is a line
/// that was cut.
pub fn read_log(text: &str) -> Log<'_> {
    let mut log = Log::default();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let record = match parse_line(index + 1, line) {
            None => continue,
            Some(Ok((sequence, record))) => {
                if let (Record::Crash(crash), None) = (&record, &log.crash) {
                    log.crash = Some(crash.clone());
                }
                check_order(&log, index + 1, sequence).map(|()| record)
            }
            Some(Err(error)) => Err(error),
        };
        match record {
            _ if log.problem.is_some() => {}
            Ok(record) => log.records.push(record),
            Err(error) => log.problem = Some(error),
        }
    }
    log.problem = log.problem.take().or_else(|| check_whole(&log).err());
    log
}

fn parse_line(number: usize, line: &str) -> Option<Result<(u64, Record<'_>), LogError>> {
    let whole = line.strip_suffix('\n');
    let content = whole.unwrap_or(line);
    let content = content.strip_suffix('\r').unwrap_or(content);
    let frame = match parse_frame(content)? {
        Ok(Frame { .. }) if whole.is_none() => Err(FrameError::Malformed),
        parsed => parsed,
    };
    Some(match frame {
        Err(error) => Err(LogError::Frame { line: number, error }),
        Ok(frame) => match serde_json::from_str(frame.json) {
            Ok(record) => Ok((frame.sequence, record)),
            Err(error) => {
                Err(LogError::Json { line: number, error: alloc::string::ToString::to_string(&error) })
            }
        },
    })
}

fn check_order(log: &Log<'_>, line: usize, found: u64) -> Result<(), LogError> {
    if log.end().is_some() {
        return Err(LogError::AfterEnd { line });
    }
    let expected = log.records.len() as u64;
    if found == expected { Ok(()) } else { Err(LogError::Sequence { line, expected, found }) }
}

fn check_whole(log: &Log<'_>) -> Result<(), LogError> {
    let first = log.records.first().ok_or(LogError::Empty)?;
    if !matches!(first, Record::Start(_)) {
        return Err(LogError::NoStart);
    }
    let end = log.end().ok_or(LogError::NoEnd)?;
    let found = log.records.len() as u64;
    if end.records != found {
        return Err(LogError::EndCount { expected: end.records, found });
    }
    if (end.status == Status::Pass) != (log.failures().next().is_none()) {
        return Err(LogError::EndStatus);
    }
    Ok(())
}
