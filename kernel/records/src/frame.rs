//! The line around a record: prefix, format version, sequence number, JSON, checksum.

use crc::{CRC_32_ISO_HDLC, Crc};
use serde::Serialize;

/// What a record line starts with.
pub const PREFIX: &str = "@sl ";

/// Version of the record format. A reader takes its own version and no other.
pub const FORMAT_VERSION: u32 = 4;

/// Longest record line in bytes, its newline included: a histogram's with every bucket in use fits.
pub const MAX_LINE: usize = 64 << 10;

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Why a record could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// The line would be longer than the buffer.
    TooLong,
}

/// Writes `record` as one line, newline included, into `line` and returns its length in bytes.
///
/// The laboratory's own records are [`Record`](crate::Record)s. Another guest frames its own kind in the
/// same way.
///
/// # Errors
///
/// [`EncodeError::TooLong`] where `line` is too short; [`MAX_LINE`] is enough for every record
/// whose texts are not longer than a few hundred bytes.
pub fn encode(sequence: u64, record: &impl Serialize, line: &mut [u8]) -> Result<usize, EncodeError> {
    let body_start = PREFIX.len();
    line.get_mut(..body_start).ok_or(EncodeError::TooLong)?.copy_from_slice(PREFIX.as_bytes());
    let mut end = put_number(line, body_start, u64::from(FORMAT_VERSION))?;
    end = put(line, end, b" ")?;
    end = put_number(line, end, sequence)?;
    end = put(line, end, b" ")?;
    end += serde_json_core::to_slice(record, &mut line[end..]).map_err(|_| EncodeError::TooLong)?;
    let checksum = CRC.checksum(&line[body_start..end]);
    end = put(line, end, b" ")?;
    for shift in (0..8).rev() {
        let digit = b"0123456789abcdef"[(checksum >> (shift * 4)) as usize & 0xf];
        end = put(line, end, &[digit])?;
    }
    put(line, end, b"\n")
}

fn put(line: &mut [u8], at: usize, bytes: &[u8]) -> Result<usize, EncodeError> {
    let end = at + bytes.len();
    line.get_mut(at..end).ok_or(EncodeError::TooLong)?.copy_from_slice(bytes);
    Ok(end)
}

fn put_number(line: &mut [u8], at: usize, mut value: u64) -> Result<usize, EncodeError> {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            return put(line, at, &digits[first..]);
        }
    }
}

/// A record line whose framing holds: its sequence number and its JSON, not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Position in the log, from 0.
    pub sequence: u64,
    /// The record as JSON.
    pub json: &'a str,
}

/// What is wrong with a record line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Not of the form `@sl VERSION SEQUENCE JSON CRC`: cut, or overwritten.
    Malformed,
    /// Another format version than [`FORMAT_VERSION`].
    Version(u32),
    /// The checksum does not fit the text.
    Checksum,
}

/// Takes a line (without its newline) apart.
///
/// `None` for a line without the prefix: human log.
///
/// # Errors
///
/// [`FrameError`] for a line that has the prefix and does not hold. The version is looked at
/// first, since another version may frame the rest in another way.
pub fn parse_frame(line: &str) -> Option<Result<Frame<'_>, FrameError>> {
    line.strip_prefix(PREFIX).map(parse_body)
}

fn parse_body(body: &str) -> Result<Frame<'_>, FrameError> {
    let (version, rest) = body.split_once(' ').ok_or(FrameError::Malformed)?;
    let version: u32 = parse_number(version).ok_or(FrameError::Malformed)?;
    if version != FORMAT_VERSION {
        return Err(FrameError::Version(version));
    }
    let (sequence, rest) = rest.split_once(' ').ok_or(FrameError::Malformed)?;
    let sequence = parse_number(sequence).ok_or(FrameError::Malformed)?;
    let (json, checksum) = rest.rsplit_once(' ').ok_or(FrameError::Malformed)?;
    if checksum.len() != 8 || checksum.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(FrameError::Malformed);
    }
    let expected = u32::from_str_radix(checksum, 16).map_err(|_| FrameError::Malformed)?;
    let covered = body.len() - checksum.len() - 1;
    if CRC.checksum(&body.as_bytes()[..covered]) != expected {
        return Err(FrameError::Checksum);
    }
    Ok(Frame { sequence, json })
}

/// A number as the kernel writes it: digits alone, no sign, no leading zero.
fn parse_number<T: core::str::FromStr>(text: &str) -> Option<T> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}
