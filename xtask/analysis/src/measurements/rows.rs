//! The lines below the first: one number for each column, a run a row.

use std::io::Read;

use csv::{ByteRecord, Reader};

use super::header::{Header, Unit};
use super::{BadTable, Column, Measurements, Problem, RunOrder};
use crate::{LEAST, MOST};

/// The rows as they came.
pub(super) struct Rows {
    headers: Vec<Header>,
    /// One for each header; empty for run numbers.
    values: Vec<Vec<f64>>,
    /// Number and line, where a column is named `run`.
    runs: Vec<(u64, u64)>,
    /// The first value of the first column is 0, which only run numbers may be.
    zero_first: Option<BadTable>,
}

/// Reads all rows.
pub(super) fn read<R: Read>(
    reader: &mut Reader<R>,
    headers: Vec<Header>,
    most: usize,
) -> Result<Rows, BadTable> {
    let mut rows =
        Rows { values: vec![Vec::new(); headers.len()], headers, runs: Vec::new(), zero_first: None };
    let mut record = ByteRecord::new();
    let mut left = most;
    while next(reader, &mut record)? {
        left = left.checked_sub(rows.headers.len()).ok_or(BadTable::TooManyNumbers { most })?;
        rows.add(&record, || line(reader, &record))?;
    }
    if left == most { Err(BadTable::NoRuns) } else { Ok(rows) }
}

/// Reads the next record; false at the end.
pub(super) fn next<R: Read>(reader: &mut Reader<R>, record: &mut ByteRecord) -> Result<bool, BadTable> {
    // Of records that may have any length and bytes, only reading can fail.
    reader.read_byte_record(record).map_err(|error| BadTable::Unreadable(error.into()))
}

/// The line on which the record just read begins. The crate's own figure does not count the empty
/// lines before it, so it is counted from the end, where every line has its line feed; but for a
/// quote that never closes, whose text takes all of them.
pub(super) fn line<R: Read>(reader: &Reader<R>, record: &ByteRecord) -> u64 {
    let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
    let least = record.position().map_or(1, csv::Position::line);
    reader.position().line().saturating_sub(1 + inside).max(least)
}

impl Rows {
    fn add(&mut self, record: &ByteRecord, line: impl Fn() -> u64) -> Result<(), BadTable> {
        let (found, wanted) = (record.len(), self.headers.len());
        if found > wanted {
            return Err(BadTable::LongRow { line: line(), found, wanted });
        }
        if let Some(missing) = self.headers.get(found) {
            return Err(BadTable::ShortRow { line: line(), missing: missing.text.clone(), found, wanted });
        }
        for (column, (field, header)) in record.iter().zip(&self.headers).enumerate() {
            let text = str::from_utf8(field).map_err(|_| BadTable::NotUtf8 { line: line() })?.trim();
            let wrong = |problem| BadTable::Value { line: line(), column: header.text.clone(), problem };
            if header.is_run() {
                self.runs.push((run(text).map_err(wrong)?, line()));
                continue;
            }
            match value(text, header.scale) {
                Ok(value) => self.values[column].push(value),
                Err(zero @ Problem::Zero(_)) if column == 0 && self.values[0].is_empty() => {
                    self.zero_first = Some(wrong(zero));
                    self.values[0].push(0.0);
                }
                Err(problem) => return Err(wrong(problem)),
            }
        }
        Ok(())
    }

    /// Sets the run numbers apart from the data, and puts the rows into their order.
    pub(super) fn measurements(mut self, asked: &[&str]) -> Result<Measurements, BadTable> {
        let mut order = RunOrder::AsInFile;
        if let Some(run) = self.headers.iter().position(Header::is_run) {
            self.sort()?;
            self.values.remove(run);
            order = RunOrder::ByColumn { header: self.headers.remove(run).text };
        } else if self.first_column_counts(asked) {
            self.values.remove(0);
            order = RunOrder::Counted { header: self.headers.remove(0).text };
            self.zero_first = None;
        }
        if let Some(zero) = self.zero_first {
            return Err(zero);
        }
        let columns = self.headers.into_iter().zip(self.values);
        let columns = columns.map(|(Header { name, text: header, unit, .. }, values)| Column {
            name,
            header,
            unit,
            values,
        });
        Ok(Measurements { columns: columns.collect(), order })
    }

    /// Whether the first column counts the rows, from 0 or 1, beside two others, and was not asked
    /// for. One row counts nothing.
    fn first_column_counts(&self, asked: &[&str]) -> bool {
        let (header, values) = (&self.headers[0], &self.values[0]);
        header.unit == Unit::None
            && self.headers.len() > 2
            && values.len() > 1
            && values[0] <= 1.0
            && values.windows(2).all(|pair| pair[1] - pair[0] == 1.0)
            && values[0].fract() == 0.0
            && !asked.iter().any(|asked| *asked == header.name || *asked == header.text)
    }

    /// Puts the rows into the order of the run numbers.
    fn sort(&mut self) -> Result<(), BadTable> {
        if self.runs.is_sorted_by(|a, b| a.0 < b.0) {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by_key(|row| self.runs[*row].0);
        let same = order.windows(2).find(|pair| self.runs[pair[0]].0 == self.runs[pair[1]].0);
        if let Some(&[first, second]) = same {
            let ((run, first), (_, second)) = (self.runs[first], self.runs[second]);
            return Err(BadTable::RunTwice { run, first, second });
        }
        for values in self.values.iter_mut().filter(|values| !values.is_empty()) {
            *values = order.iter().map(|row| values[*row]).collect();
        }
        Ok(())
    }
}

/// The run number that `text` is.
fn run(text: &str) -> Result<u64, Problem> {
    if text.is_empty() {
        return Err(Problem::Missing);
    }
    text.parse().map_err(|_| Problem::NotARun(shown(text)))
}

/// The measurement that `text` is, in units of which its own has `scale`.
fn value(text: &str, scale: f64) -> Result<f64, Problem> {
    if text.is_empty() {
        return Err(Problem::Missing);
    }
    let value: f64 = text.parse().map_err(|_| Problem::Text(shown(text)))?;
    let scaled = value * scale;
    match value {
        _ if !value.is_finite() => Err(Problem::NotFinite(shown(text))),
        _ if value < 0.0 => Err(Problem::Negative(shown(text))),
        0.0 => Err(Problem::Zero(shown(text))),
        _ if (LEAST..=MOST).contains(&scaled) => Ok(scaled),
        _ => Err(Problem::OutOfRange(shown(text))),
    }
}

/// As much of a text as helps to find it, without what would move a cursor.
fn shown(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
