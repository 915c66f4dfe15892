//! The report for people: the table of the runs in the original experiment's form, what follows
//! from it, and the conditions beside it. Computed from the results, and from the manifest where
//! there is one.

use switchlab_core::format::Grouped;
use switchlab_core::ruler::Ruler;
use switchlab_records::{self as records, ApicMode, Cpus, Mode};

mod costs;
mod findings;
mod runs;
mod sheet;

use crate::clock::Quality;
use crate::manifest::{Manifest, plural};
use crate::results::Results;
use crate::verdict;
use crate::watch::Watch;
use costs::{exchanges, switches};
use findings::findings;
pub(crate) use findings::{counts, each};
use runs::runs;
pub use sheet::Sheet;

/// Stands behind the title where times are not to be trusted.
pub const SUSPECT: &str = " [clock: suspect]";

/// What is said of a log that stands alone.
pub(crate) const UNKNOWN: &str =
    "not known: no manifest stands beside the log, so nothing tells on what it ran, or whether a run is void";

/// A report, before it has a form.
pub struct Report {
    pub(crate) title: String,
    pub(crate) runs: Sheet,
    /// What a switch costs, and how an exchange is distributed.
    pub(crate) costs: Vec<Sheet>,
    /// Label and text: what follows from the table.
    pub(crate) findings: Vec<(&'static str, String)>,
    /// Label and text: what the numbers hang on.
    pub(crate) conditions: Vec<(&'static str, String)>,
}

impl Report {
    /// Puts the report together.
    pub fn new(results: &Results<'_>, manifest: Option<&Manifest>) -> Self {
        let mut report = Self::watched(results, manifest.and_then(|manifest| manifest.watch.as_ref()));
        report.conditions.extend(match manifest {
            Some(manifest) => manifest.conditions(),
            None => vec![("Conditions", UNKNOWN.into())],
        });
        report
    }

    /// The same with what was seen from outside alone: void runs, which count for nothing, and a guest
    /// whose time is not the host's.
    fn watched(results: &Results<'_>, watch: Option<&Watch>) -> Self {
        let void = watch.map(Watch::void_runs).unwrap_or_default();
        let verdict = verdict::of_runs(results, &void);
        let mut report = Self {
            title: title(results),
            runs: runs(results, &void, verdict.as_ref()),
            costs: vec![switches(results), exchanges(results)]
                .into_iter()
                .filter(|sheet| !sheet.rows.is_empty())
                .collect(),
            findings: findings(results, &void, verdict.as_ref()),
            conditions: guest_conditions(
                results.cpus,
                results.machine.as_ref(),
                &results.clock,
                results.ruler,
            ),
        };
        let is_suspect = watch.and_then(|watch| watch.guest_time).is_some_and(|time| time.is_suspect());
        if is_suspect && !report.title.ends_with(SUSPECT) {
            report.title += SUSPECT;
        }
        report
    }

    /// A report with one table, whose last row sums up the others.
    pub fn of_parts(
        title: String,
        table: Sheet,
        findings: Vec<(&'static str, String)>,
        conditions: Vec<(&'static str, String)>,
    ) -> Self {
        Self { title, runs: table, costs: Vec::new(), findings, conditions }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let runs = self.runs.text();
        let mut lines: Vec<&str> = runs.lines().collect();
        // The averages stand below a rule of their own, the same as the header's.
        if let (Some(rule), Some(averages)) = (lines.get(1).copied(), lines.len().checked_sub(1)) {
            lines.insert(averages, rule);
        }
        let mut text = format!("{}\n\n{}\n\n{}\n", self.title, lines.join("\n"), labelled(&self.findings));
        for sheet in &self.costs {
            text += &format!("{}\n\n", sheet.text());
        }
        text += &labelled(&self.conditions);
        text
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n{}\n\n", self.title, self.runs.markdown());
        for (label, finding) in &self.findings {
            text += &format!("- **{label}:** {finding}\n");
        }
        text.push('\n');
        for sheet in &self.costs {
            text += &format!("{}\n\n", sheet.markdown());
        }
        for (label, condition) in &self.conditions {
            let code = if *label == "Command" { "`" } else { "" };
            text += &format!("- {label}: {code}{condition}{code}\n");
        }
        text
    }
}

/// `label:  text`, the texts below each other.
pub(crate) fn labelled(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or_default() + 1;
    lines.iter().map(|(label, text)| format!("{:width$}  {text}\n", format!("{label}:"))).collect()
}

fn title(results: &Results<'_>) -> String {
    let plan = &results.plan;
    let [first, second] = plan.pair;
    let where_ = match results.skipped(Mode::CrossCore) {
        Some(_) => format!("CPU {first}"),
        None => format!("CPUs {first} and {second}"),
    };
    let cpus = results.cpus.map_or_else(String::new, |cpus| format!(" of {}", cpus.up));
    let suspect = if results.clock.is_suspect() { SUSPECT } else { "" };
    format!(
        "{}, {where_}{cpus}: {} of {} ping-pong exchanges ({} switches), each after {} of warm-up{suspect}",
        plan.experiment,
        plural(u64::from(plan.runs), "run"),
        Grouped(plan.exchanges),
        Grouped(plan.exchanges.saturating_mul(2)),
        Grouped(plan.warm_up),
    )
}

/// What the guest itself saw.
pub(crate) fn guest_conditions(
    cpus: Option<Cpus>,
    machine: Option<&records::Machine<'_>>,
    quality: &Quality,
    ruler: Ruler,
) -> Vec<(&'static str, String)> {
    let mut conditions = Vec::new();
    if let Some(cpus) = cpus {
        let apic = match cpus.apic {
            ApicMode::Xapic => "xAPIC",
            ApicMode::X2apic => "x2APIC",
        };
        let total = ruler.total(cpus.ticks);
        let taken = match ruler {
            Ruler::Time(_) => total.to_string(),
            Ruler::Instructions => format!("{total} instructions"),
        };
        let up = format!("{} of {} up in {taken} from the kernel's entry, {apic}", cpus.up, cpus.found);
        conditions.push(("Guest CPUs", up));
    }
    if let Some(machine) = machine {
        conditions.push(("Guest sees", format!("{}, hypervisor {}", machine.cpu, machine.hypervisor)));
        let clock = match ruler {
            Ruler::Instructions => {
                "a TSC tick is an instruction, of whichever CPU executes it; there is no time".into()
            }
            Ruler::Time(hz) => {
                let invariant = if machine.invariant_tsc { "invariant" } else { "not marked invariant" };
                format!("TSC at {} Hz, {invariant}; {}", Grouped(hz.get()), quality.agreement())
            }
        };
        conditions.push(("Clock", clock));
    }
    conditions.extend(quality.conditions(cpus.map_or(1, |cpus| cpus.up)));
    conditions
}

#[cfg(test)]
mod tests;
