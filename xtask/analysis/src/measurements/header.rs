//! The first line: names and units.

use std::io::Read;

use csv::{ByteRecord, Reader};

use super::rows::{line, next};
use super::{BadTable, MOST_COLUMNS};

/// What the values of a column count. Columns of one unit can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A time. Values are nanoseconds.
    Time,
    /// Another unit, as the header has it: `ticks`, `instructions`, `MB`.
    Named(String),
    /// The header has none.
    None,
}

impl Unit {
    /// What the values are in: `ns` for times.
    pub fn symbol(&self) -> Option<&str> {
        match self {
            Self::Time => Some("ns"),
            Self::Named(name) => Some(name),
            Self::None => None,
        }
    }

    /// The same as a part of a sentence.
    pub fn kind(&self) -> String {
        match self {
            Self::Time => "a time".into(),
            Self::Named(name) => format!("in {name}"),
            Self::None => "without a unit".into(),
        }
    }
}

/// A column before its values.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) unit: Unit,
    /// Nanoseconds in the header's unit of time, else 1.
    pub(super) scale: f64,
}

/// Units of time, in nanoseconds.
const TIMES: [(&str, f64); 7] =
    [("ps", 1e-3), ("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9)];

/// Other units that an underscore may set off, as in `switch_ticks`.
const COUNTS: [&str; 3] = ["ticks", "cycles", "instructions"];

impl Header {
    /// Takes the unit off: `single (ms)`, `multi [ns]`, `x_us`.
    fn of(text: &str) -> Self {
        let bracketed = |open, close| text.strip_suffix(close).and_then(|text: &str| text.rsplit_once(open));
        let set_off = bracketed('(', ')').or_else(|| bracketed('[', ']'));
        let (name, unit) = match set_off {
            Some((name, unit)) => (name, unit),
            None => match text.rsplit_once('_') {
                Some((name, unit)) if time(unit).is_some() || COUNTS.contains(&unit) => (name, unit),
                _ => (text, ""),
            },
        };
        let (name, unit) = (name.trim().to_owned(), unit.trim());
        let (unit, scale) = match time(unit) {
            Some(scale) => (Unit::Time, scale),
            None if unit.is_empty() => (Unit::None, 1.0),
            None => (Unit::Named(unit.to_owned()), 1.0),
        };
        Self { name, text: text.to_owned(), unit, scale }
    }

    /// Whether it holds run numbers.
    pub(super) fn is_run(&self) -> bool {
        self.unit == Unit::None && self.name.eq_ignore_ascii_case("run")
    }
}

fn time(unit: &str) -> Option<f64> {
    TIMES.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale)
}

/// Reads the first line.
pub(super) fn read<R: Read>(reader: &mut Reader<R>) -> Result<Vec<Header>, BadTable> {
    let mut record = ByteRecord::new();
    if !next(reader, &mut record)? {
        return Err(BadTable::NoHeader);
    }
    if record.len() > MOST_COLUMNS {
        return Err(BadTable::TooManyColumns(record.len()));
    }
    let not_utf8 = |_| BadTable::NotUtf8 { line: line(reader, &record) };
    let texts: Vec<&str> = record
        .iter()
        .map(|field| str::from_utf8(field).map(str::trim))
        .collect::<Result<_, _>>()
        .map_err(not_utf8)?;
    if texts.iter().all(|text| text.parse::<f64>().is_ok()) {
        return Err(BadTable::NumbersForHeader);
    }
    // A name may be broken into lines; nothing in it moves a terminal's cursor.
    let printable = |text: &str| text.replace(char::is_control, " ");
    let headers: Vec<Header> = texts.into_iter().map(|text| Header::of(&printable(text))).collect();
    for (second, header) in headers.iter().enumerate() {
        if header.name.is_empty() {
            return Err(BadTable::Unnamed { column: second + 1 });
        }
        if let Some(first) = headers[..second].iter().position(|other| other.name == header.name) {
            return Err(BadTable::Twice { name: header.name.clone(), first: first + 1, second: second + 1 });
        }
    }
    match headers.iter().filter(|header| !header.is_run()).count() {
        0 => Err(BadTable::TooFewColumns { found: "no column" }),
        1 => Err(BadTable::TooFewColumns { found: "1 column" }),
        _ => Ok(headers),
    }
}
