//! Anyone's measurements: a table of runs from a CSV file, named columns with units in the header,
//! a row a run. Owns what such a table may be, and the error for each that may not. Called by
//! `analyse`.

mod header;
mod lines;
mod rows;

use std::io::{self, Read};

use thiserror::Error;

pub use header::Unit;

/// As many numbers are taken in: 400 MB of them, and twice that to work on.
pub const MOST_NUMBERS: usize = 50_000_000;
/// As many columns are taken in.
pub const MOST_COLUMNS: usize = 100;

/// A table of runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurements {
    /// At least two, all of the same length, which is at least 1.
    pub columns: Vec<Column>,
    /// Where the order of the runs comes from.
    pub order: RunOrder,
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The header without its unit.
    pub name: String,
    /// The header as it stands.
    pub header: String,
    /// What the values count.
    pub unit: Unit,
    /// In run order, each above 0 and finite. Times are in nanoseconds, whatever unit the header has.
    pub values: Vec<f64>,
}

/// Where the order of the runs comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOrder {
    /// The rows as they stand.
    AsInFile,
    /// A column named `run`: the rows are in the order of its numbers.
    ByColumn {
        /// Its header.
        header: String,
    },
    /// The rows as they stand, which the first column counts without a gap: it was taken for run
    /// numbers, not for data.
    Counted {
        /// Its header.
        header: String,
    },
}

impl Measurements {
    /// Reads a table. The columns in `asked`, by name or header, are data whatever they hold.
    ///
    /// # Errors
    ///
    /// Each thing that a table may not be, with its line and its column.
    pub fn read(mut input: impl Read, asked: &[&str]) -> Result<Self, BadTable> {
        Self::read_at_most(&mut input, asked, MOST_NUMBERS)
    }

    /// Not generic, so that it is compiled with this crate, for speed.
    fn read_at_most(input: &mut dyn Read, asked: &[&str], most: usize) -> Result<Self, BadTable> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(lines::Lines::new(input));
        let header = header::read(&mut reader)?;
        rows::read(&mut reader, header, most)?.measurements(asked)
    }
}

/// Why a table of runs is none. Each names where, what was found, and what is wanted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BadTable {
    /// The file, or a line that does not end.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// Nothing in it.
    #[error("it is empty; the first line names the columns, like `run,single (ms),multi (ms)`")]
    NoHeader,
    /// Data from the first line on.
    #[error("line 1 holds numbers; the first line names the columns, like `run,single (ms),multi (ms)`")]
    NumbersForHeader,
    /// A header that is empty, or nothing but a unit.
    #[error("column {column} has no name in line 1")]
    Unnamed {
        /// From 1.
        column: usize,
    },
    /// Two columns of one name.
    #[error("columns {first} and {second} are both named `{name}`")]
    Twice {
        /// Without the unit.
        name: String,
        /// From 1.
        first: usize,
        /// From 1.
        second: usize,
    },
    /// Nothing to compare.
    #[error("line 1 names {found} of measurements; a comparison needs 2, separated by a comma")]
    TooFewColumns {
        /// "1 column", "no column".
        found: &'static str,
    },
    /// More than anyone compares.
    #[error("line 1 names {0} columns; the most are {MOST_COLUMNS}")]
    TooManyColumns(usize),
    /// A header alone.
    #[error("it names its columns and has no run below them")]
    NoRuns,
    /// A row that is short.
    #[error("line {line}: column `{missing}` is missing: {found} of {wanted} fields")]
    ShortRow {
        /// From 1.
        line: u64,
        /// The first header without a field.
        missing: String,
        /// Fields.
        found: usize,
        /// Headers.
        wanted: usize,
    },
    /// A row that is long.
    #[error("line {line}: {found} fields, and line 1 names {wanted} columns")]
    LongRow {
        /// From 1.
        line: u64,
        /// Fields.
        found: usize,
        /// Headers.
        wanted: usize,
    },
    /// Bytes that are no text.
    #[error("line {line}: not UTF-8")]
    NotUtf8 {
        /// From 1.
        line: u64,
    },
    /// One value that is none.
    #[error("line {line}, column `{column}`: {problem}")]
    Value {
        /// From 1.
        line: u64,
        /// Its header.
        column: String,
        /// What is wrong.
        problem: Problem,
    },
    /// Two rows of one run.
    #[error("run {run} stands twice, in lines {first} and {second}")]
    RunTwice {
        /// Its number.
        run: u64,
        /// From 1.
        first: u64,
        /// From 1.
        second: u64,
    },
    /// More than fits.
    #[error("more than {most} numbers; take every n-th run, or fewer columns")]
    TooManyNumbers {
        /// The limit.
        most: usize,
    },
}

/// What is wrong with one value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing there.
    #[error("the value is missing")]
    Missing,
    /// Not a number, or one with a unit or with commas in it.
    #[error("`{0}` is not a number (a unit belongs into the header)")]
    Text(String),
    /// NaN or infinite.
    #[error("`{0}` is not a finite number")]
    NotFinite(String),
    /// Below 0.
    #[error("`{0}` is negative; a time or another cost is above 0")]
    Negative(String),
    /// 0.
    #[error("`{0}` is zero: nothing was measured, and no ratio can be had")]
    Zero(String),
    /// Beyond what a ratio can be computed of.
    #[error("`{0}` is too large or too small for a measurement")]
    OutOfRange(String),
    /// In the column of run numbers.
    #[error("`{0}` is not a run number: 0, 1, 2 and so on")]
    NotARun(String),
}

#[cfg(test)]
mod tests;
