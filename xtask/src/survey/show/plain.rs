//! Tables of points along one coordinate, or of none; what else was counted at each; and how evenly pairs
//! shared.

use std::collections::HashMap;

use switchlab_core::format::Grouped;
use switchlab_records::Unit;

use super::super::cells::{cost_text, places_of, series_of};
use super::super::fairness::{self, is_share};
use super::super::waiting::TOLD;
use super::super::{Cell, Survey};
use super::{Part, cost_name, cost_of, hierarchy, is_matrix, short_name};
use crate::table::{Sheet, each};

/// So many rows of further counts are shown; more stand in the CSV.
const MOST_ROWS: usize = 48;

/// The costs of cells with the same coordinates: series as rows where there is one place, else places as rows
/// and series as columns.
pub(super) fn costs(survey: &Survey<'_>, group: &[&Cell]) -> Vec<Part> {
    let (series, places) = (series_of(group), places_of(group));
    let sheet = match (series.len(), places.len()) {
        (_, 1) => by_series(survey, group),
        (1, _) => by_place(survey, group),
        _ => crossed(survey, group, &series, &places),
    };
    let caption = match (series.len(), places.len()) {
        (_, 1) => caption_of(places[0]),
        (1, _) => series[0].to_owned(),
        _ => format!("{} by {}", what(survey), group[0].axes().join(", ")),
    };
    vec![Part { caption, sheet }]
}

/// What figures in a table of several series are.
fn what(survey: &Survey<'_>) -> &'static str {
    match survey.plan.unit {
        Unit::Time => "One way, the median of the runs,",
        Unit::Instructions => "Instructions one way",
    }
}

fn caption_of(at: &[(String, u64)]) -> String {
    super::super::place(at)
}

fn by_series(survey: &Survey<'_>, group: &[&Cell]) -> Sheet {
    let least = group.iter().map(|cell| cell.one_way).fold(f64::INFINITY, f64::min);
    let mut header = vec!["Series".to_owned()];
    header.extend(figures_header(survey));
    header.push("To the least".into());
    let row = |cell: &&Cell| {
        let mut row = vec![cell.series.clone()];
        row.extend(figures(survey, cell));
        row.push(if least > 0.0 { format!("{:.2}x", cell.one_way / least) } else { "-".into() });
        row
    };
    Sheet { header, rows: group.iter().map(row).collect(), words: 0 }
}

fn by_place(survey: &Survey<'_>, group: &[&Cell]) -> Sheet {
    let mut header: Vec<String> = group[0].axes().into_iter().map(capital).collect();
    header.extend(figures_header(survey));
    header.push("To the first".into());
    let first = group[0].one_way;
    let row = |cell: &&Cell| {
        let mut row: Vec<String> = cell.at.iter().map(|(_, number)| Grouped(*number).to_string()).collect();
        row.extend(figures(survey, cell));
        row.push(if first > 0.0 { format!("{:.2}x", cell.one_way / first) } else { "-".into() });
        row
    };
    Sheet { header, rows: group.iter().map(row).collect(), words: 0 }
}

fn crossed(survey: &Survey<'_>, group: &[&Cell], series: &[&str], places: &[&[(String, u64)]]) -> Sheet {
    let mut header: Vec<String> = group[0].axes().into_iter().map(capital).collect();
    header.extend(series.iter().map(|name| (*name).to_owned()));
    let row = |at: &&[(String, u64)]| {
        let mut row: Vec<String> = at.iter().map(|(_, number)| Grouped(*number).to_string()).collect();
        row.extend(series.iter().map(|name| {
            let cell = group.iter().find(|cell| cell.series == *name && cell.at == *at);
            cell.map_or_else(|| "-".into(), |cell| cost_of(survey, cell))
        }));
        row
    };
    Sheet { header, rows: places.iter().map(row).collect(), words: 0 }
}

fn figures_header(survey: &Survey<'_>) -> Vec<String> {
    let mut header = vec![cost_name(survey.plan.unit).to_owned()];
    if survey.plan.runs > 1 {
        header.extend(["Least", "Most", "95 % interval"].map(str::to_owned));
    }
    header.push("Handoffs".into());
    header
}

fn figures(survey: &Survey<'_>, cell: &Cell) -> Vec<String> {
    let text = |value| cost_text(survey.plan.unit, value);
    let mut figures = vec![cost_of(survey, cell)];
    if survey.plan.runs > 1 {
        figures.extend([text(cell.least), text(cell.most)]);
        let interval =
            cell.interval.map(|interval| format!("{} to {}", text(interval.low), text(interval.high)));
        figures.push(interval.unwrap_or_else(|| "-".into()));
    }
    figures.push(Grouped(cell.handoffs).to_string());
    figures
}

/// What happened in each handoff, and what else was counted; nothing for matrices, which have their counts in
/// the CSV.
pub(super) fn counts(survey: &Survey<'_>) -> Option<Part> {
    let mut together: HashMap<(&str, Vec<&str>), usize> = HashMap::new();
    survey.cells.iter().for_each(|cell| *together.entry(series_and_axes(cell)).or_default() += 1);
    let is_alone = |cell: &Cell| together.get(&series_and_axes(cell)) == Some(&1);
    let cells: Vec<&Cell> =
        survey.cells.iter().filter(|cell| !is_matrix(&[*cell]) || is_alone(cell)).collect();
    if cells.is_empty() || cells.len() > MOST_ROWS {
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in cells.iter().flat_map(|cell| &cell.also) {
        let is_told = TOLD.contains(&&**name) || hierarchy::TOLD.contains(&&**name);
        if !is_share(name) && !is_told && !names.contains(&&**name) {
            names.push(name);
        }
    }
    let mut header: Vec<String> =
        ["Each handoff", "Switches", "IPIs sent", "IPIs taken", "Halts"].map(str::to_owned).into();
    header.extend(names.iter().map(|name| (*name).to_owned()));
    let row =
        |cell: &&Cell| {
            let per = |count| each(count, cell.handoffs).unwrap_or_else(|| "0".into());
            let counts = &cell.counts;
            let mut row = vec![short_name(survey, cell)];
            row.extend([counts.switches, counts.ipis_sent, counts.ipis_taken, counts.halts].map(per));
            row.extend(names.iter().map(|name| {
                cell.also(name).map_or_else(|| "-".into(), |number| Grouped(number).to_string())
            }));
            row
        };
    let rows = cells.iter().map(row).collect();
    let caption = if names.is_empty() {
        String::new()
    } else {
        "Per handoff; behind the halts, what else was counted in a block (median of the runs)".into()
    };
    Some(Part { caption, sheet: Sheet { header, rows, words: 0 } })
}

/// What the cells of one table's line or column have in common.
fn series_and_axes(cell: &Cell) -> (&str, Vec<&str>) {
    (&cell.series, cell.axes())
}

/// How much those that ran at once got done, and how evenly they shared, where that was counted.
pub(super) fn fairness(survey: &Survey<'_>) -> Option<Part> {
    // What a column of throughput is of, in the unit of a cost.
    let (throughput, of) = match survey.plan.unit {
        Unit::Time => ("Handoffs a second", 1e9),
        Unit::Instructions => ("In 1,000 instructions", 1e3),
    };
    let header =
        ["At once", throughput, "Sharers", "Least share", "Most share", "Even share", "Jain's index"];
    let rows = survey.cells.iter().filter_map(|cell| {
        let fair = fairness::of(cell)?;
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        let throughput = of / cell.one_way;
        Some(vec![
            cell.name(),
            match survey.plan.unit {
                Unit::Time => Grouped(throughput.round() as u64).to_string(),
                Unit::Instructions => format!("{throughput:.2}"),
            },
            fair.sharers.to_string(),
            percent(fair.least),
            percent(fair.most),
            percent(1.0 / fair.sharers as f64),
            format!("{:.4}", fair.jain),
        ])
    });
    let rows: Vec<_> = rows.collect();
    let sheet = Sheet { header: header.map(str::to_owned).into(), rows, words: 0 };
    (!sheet.rows.is_empty()).then(|| Part { caption: String::new(), sheet })
}

/// `tasks` as a header has it.
pub(super) fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
