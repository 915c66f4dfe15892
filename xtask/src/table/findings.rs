//! What follows from the table: the sentences below it.

use std::collections::BTreeSet;

use switchlab_core::format::{Grouped, Hundredths, Tenths};
use switchlab_core::ruler::Ruler;
use switchlab_core::stats::{percent_tenths, ratio_hundredths};
use switchlab_records::{self as records, Mode, Subject, Unit};

use super::runs::averages;
use crate::analysis::{LEAST_RUNS, Summary, Trend, Verdict};
use crate::manifest::plural;
use crate::placement::Placement;
use crate::results::Results;
use crate::results::cost::Resolution;
use crate::verdict::{RunsVerdict, Standing};

pub(super) fn findings(
    results: &Results<'_>,
    void: &BTreeSet<u32>,
    verdict: Option<&RunsVerdict>,
) -> Vec<(&'static str, String)> {
    let mut findings = Vec::new();
    let is_shown = match verdict {
        Some(RunsVerdict::Compared(comparison)) => {
            matches!(comparison.verdict, Verdict::Faster | Verdict::Slower)
        }
        _ => true,
    };
    if let ([Some((same, _)), Some((cross, _)), _], Standing::Counts) = averages(results, void)
        && is_shown
    {
        findings.push(("Overall", overall(same, cross, results.plan.unit)));
    }
    match verdict {
        Some(RunsVerdict::Compared(comparison)) => {
            let few =
                if comparison.base_runs == LEAST_RUNS && comparison.interval.is_some() { FIVE } else { "" };
            findings.push(("Verdict", format!("{comparison}; {RUNS_OF_ONE_BOOT}{few}")));
        }
        Some(RunsVerdict::AllVoid) => {
            findings.push(("Verdict", "none: every run is void, so no figure here is to be trusted".into()));
        }
        Some(RunsVerdict::Exact) | None => {}
    }
    if !matches!(verdict, Some(RunsVerdict::Exact)) {
        findings.extend(series(results, void));
    }
    for skipped in &results.skipped {
        findings.push(("Skipped", format!("{}: {}", skipped.mode.name(), skipped.reason)));
    }
    findings.extend(results.overruns().map(|overrun| ("Void", overrun)));
    if let Some(reason) = reason(results) {
        findings.push(("Reason", reason));
    }
    findings.extend(results.placement.iter().flat_map(Placement::findings));
    if let Some(floor) = results.mode(Mode::Switch) {
        let blocks = plural(u64::from(floor.blocks), "block");
        let each = results.ruler.fine_switch(floor.mean_ticks, floor.exchanges);
        let each = match results.ruler {
            Ruler::Time(_) => each.to_string(),
            Ruler::Instructions => format!("{each} instructions"),
        };
        findings.push((
            "Switch floor",
            format!(
                "{each} a switch between two bare contexts, without scheduler or channel (mean of {blocks})"
            ),
        ));
    }
    let rates = results.modes.iter().filter_map(|mode| {
        let rate = Grouped(mode.switches_per_second?);
        Some(format!("{} {rate}", mode.mode.name()))
    });
    let rates = rates.collect::<Vec<_>>().join(", ");
    if !rates.is_empty() {
        findings.push(("Throughput", format!("switches per second: {rates}")));
    }
    findings.extend(sampling(results).map(|costs| ("Sampling", costs)));
    findings.extend(resolution(results).map(|unknown| ("Resolution", unknown)));
    findings.push(("Counts", counts(std::slice::from_ref(results))));
    findings
}

/// How the runs of each mode spread, and whether they drift: of as few as two there is a spread.
fn series(results: &Results<'_>, void: &BTreeSet<u32>) -> Vec<(&'static str, String)> {
    let summaries: Vec<(Mode, Summary)> = results
        .modes
        .iter()
        .filter_map(|mode| {
            let counted = (1..=results.plan.runs).filter(|run| !void.contains(run));
            let values: Vec<f64> =
                counted.filter_map(|run| Some(results.block(run, mode.mode)?.switch)).collect();
            (values.len() > 1)
                .then(|| Summary::of(&values).ok())
                .flatten()
                .map(|summary| (mode.mode, summary))
        })
        .collect();
    let spreads = summaries.iter().map(|(mode, summary)| {
        format!("{} {:.1} %, outliers {}", mode.name(), 100.0 * summary.spread, summary.outliers)
    });
    let drifts = summaries.iter().filter_map(|(mode, summary)| match summary.drift.trend {
        Trend::Rising => Some(format!("{} rises from run to run ({})", mode.name(), summary.drift.p_text())),
        Trend::Falling => Some(format!("{} falls from run to run ({})", mode.name(), summary.drift.p_text())),
        Trend::NotShown | Trend::TooFewRuns => None,
    });
    let joined = |lines: Vec<String>| lines.join("; ");
    [("Spread", joined(spreads.collect())), ("Drift", joined(drifts.collect()))]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// How far the verdict of classic mode reaches.
const RUNS_OF_ONE_BOOT: &str =
    "by runs of one boot, which are not independent: `run --boots` takes a boot for each";

/// What so few pairs can not do better (decision 0014).
const FIVE: &str = "; of 5 pairs that differ by nothing, one in sixteen lies on one side all the same";

/// What the sampled pass costs, by the loops without a handoff.
fn sampling(results: &Results<'_>) -> Option<String> {
    let (what, unit) = match results.ruler {
        Ruler::Time(_) => ("", "ns"),
        Ruler::Instructions => ("in instructions ", ""),
    };
    let costs = results.modes.iter().filter_map(|mode| {
        Some(format!("{} {:.2}{unit}", mode.mode.name(), mode.sampled.as_ref()?.sample_costs))
    });
    let costs = costs.collect::<Vec<_>>().join(", ");
    (!costs.is_empty()).then(|| format!("a sample costs, {what}on top of the batch pass: {costs}"))
}

/// Where one run leaves open what a net is worth.
fn resolution(results: &Results<'_>) -> Option<String> {
    let unknown = results.modes.iter().filter(|mode| mode.switch.resolution == Resolution::UnknownOneRun);
    let unknown = unknown.map(|mode| mode.mode.name()).collect::<Vec<_>>().join(", ");
    (!unknown.is_empty())
        .then(|| format!("unknown: one run, so nothing tells what the nets of {unknown} are worth"))
}

/// By the averages of the table.
fn overall(same_ticks: u64, cross_ticks: u64, unit: Unit) -> String {
    let ((fast, slow), less, more) = match same_ticks.cmp(&cross_ticks) {
        std::cmp::Ordering::Less => (("same-core", "cross-core"), same_ticks, cross_ticks),
        std::cmp::Ordering::Greater => (("cross-core", "same-core"), cross_ticks, same_ticks),
        std::cmp::Ordering::Equal => return "both modes took the same".into(),
    };
    let percent = Tenths(percent_tenths(more - less, more).unwrap_or_default());
    let ratio = Hundredths(ratio_hundredths(more, less).unwrap_or_default());
    match unit {
        Unit::Time => format!(
            "{fast} switching is {percent}% faster than {slow} switching ({ratio}x), by the means of the runs"
        ),
        Unit::Instructions => {
            format!(
                "{fast} switching executes {percent}% fewer instructions than {slow} switching ({ratio}x)"
            )
        }
    }
}

/// What one handoff of each mode does, by the counts.
fn reason(results: &Results<'_>) -> Option<String> {
    let steps = |mode| {
        let blocks = || {
            let handoffs = results.blocks.iter().filter(|result| result.block.subject == Subject::Handoff);
            handoffs.filter(move |result| result.block.mode == mode)
        };
        let sum = |part: fn(&records::Counts) -> u64| {
            // Halts are prescribed by nothing, so a log may tell of any number of them.
            blocks().map(|result| part(&result.block.counts)).fold(0, u64::saturating_add)
        };
        let handoffs = sum(|counts| counts.handoffs);
        let per = |part, one: &str, many: &str| {
            let count = each(sum(part), handoffs)?;
            Some(format!("{count} {}", if count == "1" { one } else { many }))
        };
        let parts = [
            per(|counts| counts.switches, "call of switch_context", "calls of switch_context"),
            per(|counts| counts.ipis_sent, "IPI sent", "IPIs sent"),
            per(|counts| counts.ipis_taken, "IPI taken", "IPIs taken"),
            per(|counts| counts.halts, "halt", "halts"),
        ];
        (handoffs > 0).then(|| parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    };
    let same = steps(Mode::SameCore).map(|steps| format!("a same-core handoff is {steps}"));
    let cross = steps(Mode::CrossCore).map(|steps| format!("a cross-core handoff is {steps}"));
    let free = steps(Mode::Free).map(|steps| format!("a free handoff is {steps}"));
    let all: Vec<_> = [same, cross, free].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// `count / handoffs`, without decimals where it is whole; `None` for none.
pub(crate) fn each(count: u64, handoffs: u64) -> Option<String> {
    if count == 0 {
        return None;
    }
    if count.is_multiple_of(handoffs) {
        return Some((count / handoffs).to_string());
    }
    match ratio_hundredths(count, handoffs)? {
        0 => Some("<0.01".into()),
        ratio => Some(Hundredths(ratio).to_string()),
    }
}

/// What `free` says of its own: its tasks go where they like, and take what that takes.
const AS_FOUND: &str = "; but in mode free switch_context is called as often as chance has it, and IPIs are as many as \
                        idle CPUs were woken";

/// The kernel checks its counts and `results` checks them again: a report is proof that they hold, as far as they are
/// prescribed. One for each boot.
pub(crate) fn counts(boots: &[Results<'_>]) -> String {
    let blocks = || boots.iter().flat_map(|results| &results.blocks);
    let is_free = |block: &records::Block| (block.mode, block.subject) == (Mode::Free, Subject::Handoff);
    let as_found = if blocks().any(|result| is_free(&result.block)) { AS_FOUND } else { "" };
    let handoffs = blocks().map(|result| result.block.counts.handoffs).fold(0, u64::saturating_add);
    let of_boots = match boots.len() {
        ..=1 => String::new(),
        several => format!(" of {}", plural(several as u64, "boot")),
    };
    format!(
        "handoffs, calls of switch_context, IPIs sent and IPIs taken are as they must be, in all {}{of_boots} \
         ({} handoffs){as_found}",
        plural(blocks().count() as u64, "block"),
        Grouped(handoffs)
    )
}
