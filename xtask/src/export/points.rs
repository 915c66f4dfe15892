//! The points of a survey as trackers have them: a figure for each place, by its series and its coordinates.

use super::{Figure, Span, as_bencher, as_github};
use crate::manifest::{Manifest, plural};
use crate::survey::Survey;

/// As [`super::bencher`].
///
/// # Errors
///
/// None that a valid log can cause.
pub fn bencher(survey: &Survey<'_>) -> anyhow::Result<String> {
    as_bencher(survey.plan.unit, &figures(survey))
}

/// As [`super::github`].
///
/// # Errors
///
/// None that a valid log can cause.
pub fn github(survey: &Survey<'_>, manifest: Option<&Manifest>) -> anyhow::Result<String> {
    let conditions = manifest.map(Manifest::conditions).unwrap_or_default();
    as_github(survey.unit, figures(survey), &conditions)
}

/// Without the places of which every run is void: a tracker takes what it is given for good.
fn figures(survey: &Survey<'_>) -> Vec<Figure> {
    let experiment = &survey.plan.experiment;
    let sound = survey.cells.iter().filter(|cell| !cell.all_void);
    let figure = sound.map(|cell| Figure {
        name: format!("{experiment} {}", cell.name()),
        value: cell.one_way,
        span: (cell.runs > 1).then_some(Span { low: cell.least, high: cell.most }),
        what: format!("median of {}, raw, of one handoff, one way", plural(u64::from(cell.runs), "run")),
    });
    figure.collect()
}
