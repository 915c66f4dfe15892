//! The handoffs between ordered pairs of CPUs: a matrix for each series where it fits a terminal, and what it
//! comes to in a row, which is all there is beyond that.

use std::collections::HashMap;

use switchlab_core::stats::mean;
use switchlab_records::Unit;

use super::super::cells::{cost_text, looks, series_of};
use super::super::{Cell, Survey};
use super::Part;
use crate::analysis::Summary;
use crate::table::Sheet;

/// Coordinates of a matrix: who sends, and who waits.
const AXES: [&str; 2] = ["from", "to"];

/// So many CPUs fit a terminal as columns.
const MOST_COLUMNS: usize = 16;

/// Whether cells are those of a matrix. One with a single place is a pair, and has a table of its own kind.
pub fn is_matrix(group: &[&Cell]) -> bool {
    group.first().is_some_and(|cell| cell.axes() == AXES)
        && (group.len() == 1 || group.iter().any(|cell| cell.at != group[0].at))
}

/// The costs between all pairs of one series.
pub struct Matrix<'c> {
    /// Which.
    pub series: &'c str,
    /// The CPUs that are in it.
    pub cpus: Vec<u64>,
    /// Its cells.
    pub cells: Vec<&'c Cell>,
    /// The same by who sends and who waits.
    by_pair: HashMap<[u64; 2], &'c Cell>,
}

/// Who sends, and who waits.
fn pair(cell: &Cell) -> [u64; 2] {
    looks::count();
    [cell.at[0].1, cell.at[1].1]
}

impl<'c> Matrix<'c> {
    /// The cell of a pair.
    pub fn at(&self, from: u64, to: u64) -> Option<&'c Cell> {
        self.by_pair.get(&[from, to]).copied()
    }

    /// The pair whose two directions differ most: from, to, how much more that costs than the way back.
    pub fn largest_asymmetry(&self) -> Option<(&'c Cell, f64)> {
        let differences = self.cells.iter().filter_map(|cell| {
            let [from, to] = pair(cell);
            let back = self.at(to, from)?;
            Some((*cell, cell.one_way - back.one_way))
        });
        differences.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// One for each series.
pub fn matrices<'c>(group: &[&'c Cell]) -> Vec<Matrix<'c>> {
    let matrix = |series: &'c str| {
        let cells: Vec<&Cell> = group.iter().copied().filter(|cell| cell.series == series).collect();
        let mut cpus: Vec<u64> = cells.iter().copied().flat_map(pair).collect();
        cpus.sort_unstable();
        cpus.dedup();
        let by_pair = cells.iter().map(|cell| (pair(cell), *cell)).collect();
        Matrix { series, cpus, cells, by_pair }
    };
    series_of(group).into_iter().map(matrix).collect()
}

/// A summary of all series, and behind it a matrix of each that fits.
pub(super) fn parts(survey: &Survey<'_>, group: &[&Cell]) -> Vec<Part> {
    if group.iter().all(|cell| cell.at == group[0].at) {
        return super::plain::costs(survey, group);
    }
    let matrices = matrices(group);
    let mut parts = vec![Part { caption: String::new(), sheet: summary(survey, &matrices) }];
    parts.extend(matrices.iter().filter(|matrix| matrix.cpus.len() <= MOST_COLUMNS).map(|matrix| Part {
        caption: format!("{}, {} one way, from (row) to (column)", matrix.series, scale_of(survey, matrix).1),
        sheet: table(survey, matrix),
    }));
    parts
}

fn summary(survey: &Survey<'_>, matrices: &[Matrix<'_>]) -> Sheet {
    let header = ["All pairs", "Pairs", "Least", "Median", "Most", "Fastest", "Slowest", "Largest asymmetry"];
    let text = |value| cost_text(survey.plan.unit, value);
    let row = |matrix: &Matrix<'_>| {
        let values: Vec<f64> = matrix.cells.iter().map(|cell| cell.one_way).collect();
        let by = |a: &&&Cell, b: &&&Cell| a.one_way.total_cmp(&b.one_way);
        let (fastest, slowest) = (matrix.cells.iter().min_by(by), matrix.cells.iter().max_by(by));
        let pair = |cell: &Cell| format!("{}→{}", cell.at[0].1, cell.at[1].1);
        let told = |cell: Option<&&Cell>| cell.map_or_else(|| "-".into(), |cell| pair(cell));
        let cost = |cell: Option<&&Cell>| cell.map_or_else(|| "-".into(), |cell| text(cell.one_way));
        let asymmetry = match matrix.largest_asymmetry() {
            Some((_, more)) if more <= 0.0 => "none".into(),
            Some((cell, more)) => format!("{} by {}", pair(cell), text(more)),
            None => "-".into(),
        };
        vec![
            matrix.series.to_owned(),
            matrix.cells.len().to_string(),
            cost(fastest),
            Summary::of(&values).map_or_else(|_| "-".into(), |summary| text(summary.median)),
            cost(slowest),
            told(fastest),
            told(slowest),
            asymmetry,
        ]
    };
    Sheet { header: header.map(str::to_owned).into(), rows: matrices.iter().map(row).collect(), words: 0 }
}

/// What the figures of a matrix are divided by, and the name of what they are then.
pub fn scale_of(survey: &Survey<'_>, matrix: &Matrix<'_>) -> (f64, &'static str) {
    let typical = mean(matrix.cells.iter().map(|cell| cell.one_way as u64)).unwrap_or_default();
    match (survey.plan.unit, typical) {
        (Unit::Instructions, _) => (1.0, "instructions"),
        (Unit::Time, ..1_000) => (1.0, "ns"),
        (Unit::Time, 1_000..1_000_000) => (1e3, "µs"),
        (Unit::Time, 1_000_000..) => (1e6, "ms"),
    }
}

fn table(survey: &Survey<'_>, matrix: &Matrix<'_>) -> Sheet {
    let (scale, _) = scale_of(survey, matrix);
    let mut header = vec![String::new()];
    header.extend(matrix.cpus.iter().map(ToString::to_string));
    let row = |from: &u64| {
        let mut row = vec![from.to_string()];
        row.extend(matrix.cpus.iter().map(|to| match matrix.at(*from, *to) {
            None if from == to => String::new(),
            None => "-".into(),
            Some(cell) => digits(cell.one_way / scale) + if cell.all_void { "!" } else { "" },
        }));
        row
    };
    Sheet { header, rows: matrix.cpus.iter().map(row).collect(), words: 0 }
}

/// Three digits, or all before the point.
pub fn digits(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.2}"),
        value if value < 100.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
