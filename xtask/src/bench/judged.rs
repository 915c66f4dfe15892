//! Each row's interval, and its ratio to ours with a verdict. Pure: rows in, judgements out.

use serde::Serialize;

use super::row::{Bench, Measured, Outcome, Row};
use crate::analysis::{Bootstrap, Comparison, Interval, LEAST_RUNS, Series, Summary, Unfit, compare};

/// What a row comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged<'a> {
    /// The row itself.
    #[serde(flatten)]
    pub row: &'a Row,
    /// The middle of its rounds; `None` without a figure.
    pub cost: Option<Cost>,
    /// How it compares with ours; `None` for ours, and where either has no figure.
    pub against_ours: Option<Comparison>,
    /// The same with each of the others that it is held against too: the row's own `also` names them.
    #[serde(rename = "against_also", skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Option<Comparison>>,
}

impl Judged<'_> {
    /// How it compares with the row of ours of this name, where it was held against that.
    pub fn against(&self, base: &str) -> Option<&Comparison> {
        if self.row.base.as_deref() == Some(base) {
            return self.against_ours.as_ref();
        }
        self.row.also.iter().zip(&self.also).find(|(id, _)| *id == base)?.1.as_ref()
    }
}

/// What one switch costs, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// The median of the rounds.
    pub median_ns: f64,
    /// Where it may lie, by 95 %; `None` of fewer rounds than an interval takes.
    pub interval_ns: Option<Interval>,
}

/// Judges every row. The ratios' intervals hold all at once, so each is wider than it would be alone.
///
/// # Errors
///
/// A value that no ratio can be had of: a peer that took no time.
pub fn judge(bench: &Bench) -> Result<Vec<Judged<'_>>, Unfit> {
    judge_rows(&bench.rows)
}

/// The same of rows alone.
///
/// # Errors
///
/// As [`judge`].
pub fn judge_rows(rows: &[Row]) -> Result<Vec<Judged<'_>>, Unfit> {
    let family: usize =
        rows.iter().map(|row| pair(row, rows).into_iter().chain(also(row, rows).flatten()).count()).sum();
    let bootstrap = Bootstrap { family: family.max(1) as u32, ..Bootstrap::default() };
    let judged = rows.iter().map(|row| {
        let cost = row.measured().map(cost).transpose()?;
        let against_ours = pair(row, rows).map(|[base, other]| compare(base, other, bootstrap));
        let also = also(row, rows)
            .map(|pair| pair.map(|[base, other]| compare(base, other, bootstrap)).transpose())
            .collect::<Result<_, _>>()?;
        Ok(Judged { row, cost, against_ours: against_ours.transpose()?, also })
    });
    judged.collect()
}

fn cost(measured: &Measured) -> Result<Cost, Unfit> {
    let values = &measured.one_way_ns;
    let enough = values.len() >= LEAST_RUNS;
    Ok(Cost {
        median_ns: Summary::of(values)?.median,
        interval_ns: enough.then(|| Bootstrap::default().median(values)).transpose()?,
    })
}

/// Ours and the row, where both have figures of the same rounds.
fn pair<'a>(row: &'a Row, rows: &'a [Row]) -> Option<[Series<'a>; 2]> {
    against(row.base.as_ref()?, row, rows)
}

/// The same of each of the others that it is held against too.
fn also<'a>(row: &'a Row, rows: &'a [Row]) -> impl Iterator<Item = Option<[Series<'a>; 2]>> {
    row.also.iter().map(|base| against(base, row, rows))
}

fn against<'a>(base: &str, row: &'a Row, rows: &'a [Row]) -> Option<[Series<'a>; 2]> {
    let ours = rows.iter().find(|other| other.id == base && other.place == row.place.of_ours())?;
    let values = [ours.measured()?, row.measured()?].map(|measured| measured.one_way_ns.as_slice());
    (values[0].len() == values[1].len()).then_some([
        Series { name: &ours.title, values: values[0] },
        Series { name: &row.title, values: values[1] },
    ])
}

impl Row {
    /// Its figures; `None` where it has none.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Measured(measured) => Some(measured),
            Outcome::Missing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::show::sample;
    use super::*;
    use crate::analysis::Verdict;

    fn judged<'a>(judged: &'a [Judged<'a>], id: &str) -> &'a Judged<'a> {
        judged.iter().find(|judged| judged.row.id == id).expect("a row of the sample")
    }

    #[test]
    fn a_peer_is_held_against_the_row_that_its_base_names() {
        let bench = sample();
        let all = judge(&bench).unwrap();
        let comparison = judged(&all, "corosensei").against_ours.as_ref().expect("both have figures");
        assert_eq!(
            (comparison.base.as_str(), comparison.verdict),
            ("ours, bare, nothing live", Verdict::Slower)
        );
        assert!((comparison.ratio - 1.5).abs() < 1e-9, "{}", comparison.ratio);
        assert_eq!(comparison.bootstrap.family, 1);
    }

    #[test]
    fn a_peer_without_figures_or_without_a_base_has_no_ratio() {
        let mut bench = sample();
        let all = judge(&bench).unwrap();
        assert_eq!(judged(&all, "ours-bare").against_ours, None);
        assert_eq!(judged(&all, "go-channel").against_ours, None);
        assert_eq!(judged(&all, "futex-other-core").against_ours, None);
        // Of another place, it is not the same ground.
        bench.rows[0].place = super::super::Place::LinuxGuest;
        assert_eq!(judged(&judge(&bench).unwrap(), "corosensei").against_ours, None);
    }
}
