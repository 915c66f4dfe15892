//! What a survey says for people: a table for each kind of coordinates, what follows from them, and the
//! conditions beside them. For a terminal, and as a document has it.

mod findings;
mod hierarchy;
mod matrix;
mod plain;
mod protection;
mod waiting;

use switchlab_core::format::Grouped;
use switchlab_records::Unit;

use super::cells::groups;
use super::hierarchy::is_hierarchy;
use super::waiting::is_waiting;
use super::{Cell, Survey, place};
use crate::manifest::{Manifest, plural};
use crate::table::{SUSPECT, Sheet, UNKNOWN, guest_conditions, labelled};
pub use findings::{answer, findings};
pub use matrix::{Matrix, digits, is_matrix, matrices, scale_of};

/// A report, before it has a form.
pub struct Report {
    pub(crate) title: String,
    pub(crate) parts: Vec<Part>,
    /// Label and text: what follows from the tables.
    pub(crate) findings: Vec<(&'static str, String)>,
    /// Label and text: what the numbers hang on.
    pub(crate) conditions: Vec<(&'static str, String)>,
}

/// A table with what stands above it.
pub struct Part {
    /// What it is of; empty where its header says it.
    pub caption: String,
    /// The table.
    pub sheet: Sheet,
}

impl Report {
    /// Puts the report together.
    pub fn new(survey: &Survey<'_>, manifest: Option<&Manifest>) -> Self {
        let mut parts = Vec::new();
        if is_hierarchy(survey) {
            parts = hierarchy::parts(survey);
        }
        for group in groups(&survey.cells).into_iter().filter(|_| !is_hierarchy(survey)) {
            parts.extend(match (is_matrix(&group), is_waiting(&group)) {
                (true, _) => matrix::parts(survey, &group),
                (_, true) => waiting::parts(survey, &group),
                _ => plain::costs(survey, &group),
            });
        }
        parts.extend(plain::fairness(survey));
        parts.extend(plain::counts(survey));
        let mut conditions =
            guest_conditions(Some(survey.cpus), Some(&survey.machine), &survey.clock, survey.ruler);
        conditions.extend(protection::text(&survey.protection).map(|text| ("Ring 3", text)));
        conditions.extend(match manifest {
            Some(manifest) => manifest.conditions(),
            None => vec![("Conditions", UNKNOWN.into())],
        });
        let watch = manifest.and_then(|manifest| manifest.watch.as_ref());
        let guest_time = watch.and_then(|watch| watch.guest_time);
        let is_suspect = survey.clock.is_suspect() || guest_time.is_some_and(|time| time.is_suspect());
        let title = title(survey) + if is_suspect { SUSPECT } else { "" };
        Self { title, parts, findings: findings(survey), conditions }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        for Part { caption, sheet } in &self.parts {
            if !caption.is_empty() {
                text += &format!("{caption}\n");
            }
            text += &format!("{}\n\n", sheet.text());
        }
        text + &format!("{}\n{}", labelled(&self.findings), labelled(&self.conditions))
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        for Part { caption, sheet } in &self.parts {
            if !caption.is_empty() {
                text += &format!("{caption}:\n\n");
            }
            text += &format!("{}\n\n", sheet.markdown());
        }
        for (label, finding) in &self.findings {
            text += &format!("- **{label}:** {finding}\n");
        }
        text.push('\n');
        for (label, condition) in &self.conditions {
            let code = if *label == "Command" { "`" } else { "" };
            text += &format!("- {label}: {code}{condition}{code}\n");
        }
        text
    }
}

fn title(survey: &Survey<'_>) -> String {
    let plan = &survey.plan;
    let a_run = u64::from(plan.blocks / plan.runs.max(1));
    format!(
        "{}, {}: {} of {}, each of at most {}",
        plan.experiment,
        plural(u64::from(survey.cpus.up), "CPU"),
        plural(u64::from(plan.runs), "run"),
        plural(a_run, "point"),
        plural_grouped(plan.exchanges, "exchange"),
    )
}

/// `1 exchange`, `1,000 exchanges`.
fn plural_grouped(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", Grouped(count), if count == 1 { "" } else { "s" })
}

/// What a figure is called above its column.
const fn cost_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "One way",
        Unit::Instructions => "Instructions",
    }
}

/// A cell's series and place, without the coordinates that are the same everywhere.
fn short_name(survey: &Survey<'_>, cell: &Cell) -> String {
    let varies =
        |(name, number): &&(String, u64)| survey.cells.iter().any(|of| of.coordinate(name) != Some(*number));
    let at: Vec<_> = cell.at.iter().filter(varies).cloned().collect();
    format!("{} {}", cell.series, place(&at)).trim_end().to_owned()
}

/// A cell's cost, with a mark where nothing of it counts.
fn cost_of(survey: &Survey<'_>, cell: &Cell) -> String {
    let void = if cell.all_void { " (void)" } else { "" };
    super::cells::cost_text(survey.plan.unit, cell.one_way) + void
}
