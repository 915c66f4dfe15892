//! What follows from the tables: the sentences below them.

use switchlab_core::format::Grouped;
use switchlab_records::{Topology, Unit};

use super::super::about::Checked;
use super::super::cells::{cost_text, groups, places_of, series_of};
use super::super::hierarchy::is_hierarchy;
use super::super::waiting::is_waiting;
use super::super::{Cell, Growth, Survey, crossings, owned, place};
use super::{Matrix, hierarchy, is_matrix, matrices, short_name, waiting};
use crate::analysis::{Bootstrap, Series, Summary, compare};
use crate::manifest::plural;

/// Label and text of each.
pub fn findings(survey: &Survey<'_>) -> Vec<(&'static str, String)> {
    let mut findings = vec![("In short", answer(survey))];
    if let Some(about) = survey.about() {
        findings.push(("Measured", about.what.to_owned()));
    }
    for group in groups(&survey.cells) {
        let compared = if is_waiting(&group) { waiting::alone(&group) } else { group };
        if places_of(&compared).len() == 1 {
            findings.extend(verdicts(survey, &compared).into_iter().map(|text| ("Verdict", text)));
        }
    }
    findings.extend(waiting::findings(survey));
    if is_hierarchy(survey) {
        findings.extend(hierarchy::findings(survey));
    }
    findings.extend(survey.growth.iter().map(|growth| ("Growth", growth_text(growth))));
    findings.extend(crossings::of(survey).into_iter().map(|text| ("Crossings", text)));
    if let Some(topology) = topology_text(&survey.topology) {
        findings.push(("Topology", topology));
    }
    for group in groups(&survey.cells).iter().filter(|group| is_matrix(group) && places_of(group).len() > 1) {
        findings.extend(
            matrices(group).iter().filter_map(|matrix| Some(("By topology", relations(survey, matrix)?))),
        );
    }
    for absent in &survey.absent {
        let name = format!("{} {}", absent.series, place(&owned(&absent.at)));
        findings.push(("Absent", format!("{}: {}", name.trim_end(), absent.reason)));
    }
    findings.extend(void(survey).map(|text| ("Void", text)));
    findings.push(("Counts", counts(survey)));
    findings
}

/// The places at which no run counts.
fn void(survey: &Survey<'_>) -> Option<String> {
    let void: Vec<_> = survey.cells.iter().filter(|cell| cell.all_void).collect();
    let what = match void.len() {
        0 => return None,
        all if all == survey.cells.len() => "everything".into(),
        many @ MOST_VOID.. => format!("{many} of {} places", survey.cells.len()),
        _ => void.iter().map(|cell| short_name(survey, cell)).collect::<Vec<_>>().join(", "),
    };
    Some(format!("{what} in every run: not to be trusted"))
}

/// So many places are not told one by one.
const MOST_VOID: usize = 12;

/// What was found, in a sentence.
pub fn answer(survey: &Survey<'_>) -> String {
    if is_hierarchy(survey)
        && let Some(answer) = hierarchy::answer(survey)
    {
        return answer;
    }
    let unit = if survey.plan.unit == Unit::Instructions { " instructions" } else { "" };
    let text = |value| cost_text(survey.plan.unit, value) + unit;
    let mut parts = Vec::new();
    for group in groups(&survey.cells) {
        let by = |a: &&&Cell, b: &&&Cell| a.one_way.total_cmp(&b.one_way);
        let (Some(least), Some(most)) = (group.iter().min_by(by), group.iter().max_by(by)) else { continue };
        let (series, places) = (series_of(&group), places_of(&group));
        if is_waiting(&group) {
            parts.extend(waiting::answer(survey, &group));
        } else if let ([_], [_]) = (&series[..], &places[..]) {
            parts.push(format!("{} takes {} one way", least.name(), text(least.one_way)));
        } else if let [_] = places[..] {
            let times = most.one_way / least.one_way;
            let most = &most.series;
            parts.push(format!(
                "{} takes least, {} one way; {most} takes most, {times:.2} times that",
                least.series,
                text(least.one_way)
            ));
        } else if is_matrix(&group) {
            let told = matrices(&group).into_iter().map(|matrix| {
                let values: Vec<f64> = matrix.cells.iter().map(|cell| cell.one_way).collect();
                let middle = Summary::of(&values).map_or(0.0, |summary| summary.median);
                format!("{} {}", matrix.series, text(middle))
            });
            let told: Vec<_> = told.collect();
            parts.push(format!(
                "one way between two CPUs, by the median of all pairs: {}; the fastest is {}, the slowest {}",
                told.join(", "),
                least.name(),
                most.name()
            ));
        } else {
            let told = series.into_iter().filter_map(|name| {
                let cells: Vec<_> = group.iter().filter(|cell| cell.series == name).collect();
                let (first, last) = (cells.first()?, cells.last()?);
                Some(match cells.len() {
                    1 => format!("{} takes {}", first.name(), text(first.one_way)),
                    _ => format!(
                        "{name} takes {} at {} and {} at {}",
                        text(first.one_way),
                        counted(&first.at),
                        text(last.one_way),
                        counted(&last.at)
                    ),
                })
            });
            parts.extend(told);
        }
    }
    let rest = parts.len().saturating_sub(MOST_PARTS);
    parts.truncate(MOST_PARTS);
    if rest > 0 {
        parts.push(format!("{rest} more below"));
    }
    if parts.is_empty() { "nothing was measured: all is absent".into() } else { parts.join("; ") }
}

/// A sentence with more parts is read by nobody.
const MOST_PARTS: usize = 3;

/// `64 tasks`, `1 task`: a coordinate that counts.
fn counted(at: &[(String, u64)]) -> String {
    let counted = at.iter().map(|(name, number)| {
        let name = if *number == 1 { name.trim_end_matches('s') } else { name };
        format!("{} {name}", Grouped(*number))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// What two CPUs share at the least, from the nearest on.
const RELATIONS: [&str; 4] = ["same core", "same die", "same socket", "other socket"];

/// The median by how near two CPUs are; `None` where nothing is told of that.
fn relations(survey: &Survey<'_>, matrix: &Matrix<'_>) -> Option<String> {
    let find = |cpu: u64| survey.topology.iter().find(|of| u64::from(of.cpu) == cpu);
    let relation = |cell: &Cell| {
        let (a, b) = (find(cell.at[0].1)?, find(cell.at[1].1)?);
        Some(match (a.socket == b.socket, a.die == b.die, a.core == b.core) {
            (true, true, true) => 0,
            (true, true, false) => 1,
            (true, false, _) => 2,
            (false, ..) => 3,
        })
    };
    let told = RELATIONS.iter().enumerate().filter_map(|(rank, name)| {
        let near = matrix.cells.iter().filter(|cell| relation(cell) == Some(rank));
        let values: Vec<f64> = near.map(|cell| cell.one_way).collect();
        let middle = Summary::of(&values).ok()?.median;
        let pairs = plural(values.len() as u64, "pair");
        Some(format!("{name} {} ({pairs})", cost_text(survey.plan.unit, middle)))
    });
    let told: Vec<_> = told.collect();
    (!told.is_empty()).then(|| {
        let directions = directions(survey, matrix).map_or_else(String::new, |text| format!("; {text}"));
        format!("{}: {}{directions}", matrix.series, told.join(", "))
    })
}

/// The median to CPUs of a higher number and to those of a lower one: an emulator with one thread goes through its
/// CPUs in turn.
fn directions(survey: &Survey<'_>, matrix: &Matrix<'_>) -> Option<String> {
    let text = |is_it: fn(&Cell) -> bool| {
        let cells = matrix.cells.iter().filter(|cell| is_it(cell));
        let values: Vec<f64> = cells.map(|cell| cell.one_way).collect();
        Some(cost_text(survey.plan.unit, Summary::of(&values).ok()?.median))
    };
    let higher = text(|cell| cell.at[0].1 < cell.at[1].1)?;
    let lower = text(|cell| cell.at[0].1 > cell.at[1].1)?;
    Some(format!("to a CPU of a higher number {higher}, of a lower one {lower}"))
}

/// Each series against the least at the same place. Counted instructions need no verdict.
fn verdicts(survey: &Survey<'_>, group: &[&Cell]) -> Vec<String> {
    let least = group.iter().min_by(|a, b| a.one_way.total_cmp(&b.one_way));
    let (Some(least), Unit::Time, 2..) = (least, survey.plan.unit, series_of(group).len()) else {
        return Vec::new();
    };
    let others: Vec<&&Cell> = group.iter().filter(|cell| cell.series != least.series).collect();
    let family = u32::try_from(others.len()).unwrap_or(u32::MAX);
    let verdict = |cell: &&&Cell| {
        let [base, other] = [*least, **cell].map(|cell| Series { name: &cell.series, values: &cell.values });
        // Void runs leave no pairs.
        let is_paired = base.values.len() == other.values.len();
        is_paired.then(|| compare(base, other, Bootstrap { family, ..Bootstrap::default() }).ok()).flatten()
    };
    others.iter().filter_map(verdict).map(|comparison| comparison.to_string()).collect()
}

/// What a fitted line says.
pub fn growth_text(growth: &Growth) -> String {
    let Growth { series, along, range: [first, last], exponent, explained, last_to_first, .. } = growth;
    let fit = explained.map_or_else(String::new, |share| format!(", R² {share:.2}"));
    // Not "-0.00".
    let exponent = if exponent.abs() < 0.005 { 0.0 } else { *exponent };
    format!(
        "{series} from {} to {} {along}: {last_to_first:.2} times; it goes as {along}^{exponent:.2}{fit}",
        Grouped(*first),
        Grouped(*last)
    )
}

/// How many of which parts there are; `None` where nothing is told.
pub fn topology_text(topology: &[Topology]) -> Option<String> {
    let count = |part: fn(&Topology) -> (u32, u32, u32)| {
        topology.iter().map(part).collect::<std::collections::BTreeSet<_>>().len() as u64
    };
    (!topology.is_empty()).then(|| {
        format!(
            "{} on {}, {}, {}, by CPUID",
            plural(topology.len() as u64, "CPU"),
            plural(count(|cpu| (cpu.socket, 0, 0)), "socket"),
            plural(count(|cpu| (cpu.socket, cpu.die, 0)), "die"),
            plural(count(|cpu| (cpu.socket, cpu.die, cpu.core)), "core"),
        )
    })
}

/// The kernel checks its counts and so does `check`: a report is proof that they hold, as far as they are prescribed.
fn counts(survey: &Survey<'_>) -> String {
    if survey.points.is_empty() {
        return "none: nothing was measured".into();
    }
    let handoffs: u64 = survey.points.iter().map(|result| result.point.handoffs).fold(0, u64::saturating_add);
    let Checked { all, but } = survey.about().map_or(Checked::EACH, |about| about.checked);
    let but = if but.is_empty() { String::new() } else { format!("; {but}") };
    let points = plural(survey.points.len() as u64, "point");
    format!("{all}, at all {points} ({} handoffs){but}", Grouped(handoffs))
}
