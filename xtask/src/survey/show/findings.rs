//! What follows from the tables: the sentences below them.

use switchlab_core::format::Grouped;
use switchlab_records::{Topology, Unit};

use super::super::cells::{groups, places_of, series_of};
use super::super::{Cell, Growth, Survey, crossings, owned, place};
use crate::analysis::{Bootstrap, Series, compare};
use crate::manifest::plural;

/// Label and text of each.
pub fn findings(survey: &Survey<'_>) -> Vec<(&'static str, String)> {
    let mut findings = Vec::new();
    if let Some(about) = survey.about() {
        findings.push(("Measured", about.what.to_owned()));
    }
    for group in groups(&survey.cells).iter().filter(|group| places_of(group).len() == 1) {
        findings.extend(verdicts(survey, group).into_iter().map(|text| ("Verdict", text)));
    }
    findings.extend(survey.growth.iter().map(|growth| ("Growth", growth_text(growth))));
    findings.extend(crossings::of(survey).into_iter().map(|text| ("Crossings", text)));
    if let Some(topology) = topology_text(&survey.topology) {
        findings.push(("Topology", topology));
    }
    for absent in &survey.absent {
        let name = format!("{} {}", absent.series, place(&owned(&absent.at)));
        findings.push(("Absent", format!("{}: {}", name.trim_end(), absent.reason)));
    }
    let void = survey.cells.iter().filter(|cell| cell.all_void);
    findings.extend(void.map(|cell| ("Void", format!("{} in every run: not to be trusted", cell.name()))));
    findings.push(("Counts", counts(survey)));
    findings
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

/// The kernel checks its counts and so does `check`: a report is proof that they hold.
fn counts(survey: &Survey<'_>) -> String {
    let handoffs: u64 = survey.points.iter().map(|result| result.point.handoffs).fold(0, u64::saturating_add);
    format!(
        "handoffs, calls of switch_context, IPIs sent and IPIs taken are as they must be, at all {} ({} handoffs)",
        plural(survey.points.len() as u64, "point"),
        Grouped(handoffs)
    )
}
