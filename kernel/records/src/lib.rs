//! What the kernel and the host say to each other: record types, their framing on the serial
//! line, the format version and the exit codes. Used by the kernel to write and by xtask and the
//! tests to read; it knows nothing of either.
//!
//! A record is one line that a person can read and grep:
//!
//! ```text
//! @sl 4 17 {"count":{"name":"things","value":3}} 76dc4fe0
//! │   │ │  │                                     └ CRC-32 of "4 17 {…}", 8 hex digits
//! │   │ │  └ JSON: one key, the record's kind; its value, the record
//! │   │ └ sequence number, from 0, without a gap
//! │   └ format version
//! └ prefix; a line without it is human log
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod counts;
mod exit;
mod frame;
#[cfg(feature = "decode")]
mod log;
mod marks;
pub mod outside;
mod points;
mod quality;
mod types;

pub use exit::ExitCode;
pub use frame::{EncodeError, FORMAT_VERSION, Frame, FrameError, MAX_LINE, PREFIX, encode, parse_frame};
#[cfg(feature = "decode")]
pub use log::{Log, LogError, read_log};
pub use marks::{EVENTS_IN_A_RECORD, Mark, Marks, NoMark, Trace};
pub use points::{Absent, Guard, Named, Point, Protection, Topology};
pub use quality::{Offset, Tsc};
pub use types::*;
