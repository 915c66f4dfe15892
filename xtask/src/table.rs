//! The report for people: the table of the runs in the original experiment's form, what follows
//! from it, and the conditions beside it. Computed from the results, and from the manifest where
//! there is one.

use std::collections::BTreeSet;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use switchlab_core::format::{Grouped, Hundredths, Tenths};
use switchlab_core::ruler::Ruler;
use switchlab_core::stats::{mean, percent_tenths, ratio_hundredths};
use switchlab_records::{self as records, ApicMode, Mode, Subject, Unit};

use crate::manifest::{Manifest, plural};
use crate::results::cost::{DISAGREEMENT_PERCENT, RANKS};
use crate::results::{ModeResult, Results};
use crate::verdict::{self, RunsVerdict};
use crate::watch::Watch;

/// Stands behind the title where times are not to be trusted.
pub const SUSPECT: &str = " [clock: suspect]";

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

/// A table before it has a form. The first column is text, the others are figures but for the last,
/// where it says so.
pub struct Sheet {
    /// Names of the columns.
    pub header: Vec<String>,
    /// As many cells each.
    pub rows: Vec<Vec<String>>,
    /// Whether the last column is text.
    pub last_is_text: bool,
}

impl Report {
    /// Puts the report together.
    pub fn new(results: &Results<'_>, manifest: Option<&Manifest>) -> Self {
        let mut report = Self::watched(results, manifest.and_then(|manifest| manifest.watch.as_ref()));
        report.conditions.extend(manifest.map(Manifest::conditions).unwrap_or_default());
        report
    }

    /// The same with what was seen from outside alone: void runs, which count for nothing, and a guest
    /// whose time is not the host's.
    fn watched(results: &Results<'_>, watch: Option<&Watch>) -> Self {
        let void = watch.map(Watch::void_runs).unwrap_or_default();
        let mut report = Self {
            title: title(results),
            runs: runs(results, &void),
            costs: vec![switches(results), exchanges(results)]
                .into_iter()
                .filter(|sheet| !sheet.rows.is_empty())
                .collect(),
            findings: findings(results, &void),
            conditions: guest_conditions(results),
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

impl Sheet {
    pub(crate) fn text(&self) -> String {
        let rule = LineStyle::none().fill('─').junction('─');
        let table = self.table(TableStyle::new().header_separator(rule)).to_string();
        table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn markdown(&self) -> String {
        self.table(ASCII_MARKDOWN).to_string()
    }

    fn table(&self, style: TableStyle) -> Table {
        let mut table = Table::new();
        table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&self.header).add_rows(&self.rows);
        let figures = self.header.len() - 1 - usize::from(self.last_is_text);
        for column in table.column_iter_mut().skip(1).take(figures) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
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

fn runs(results: &Results<'_>, void: &BTreeSet<u32>) -> Sheet {
    let total = results.ruler.total_name();
    let columns =
        ["Same-Core", "Cross-Core"].map(|name| [format!("{name} {total}"), format!("{name} Switch")]);
    let header = ["Run".into()].into_iter().chain(columns.into_iter().flatten()).chain(["Winner".into()]);
    let of_run = |run, mode| {
        let block = &results.block(run, mode)?.block;
        Some((block.ticks, block.exchanges))
    };
    let name = |run: u32| if void.contains(&run) { format!("{run} (void)") } else { run.to_string() };
    let rows = (1..=results.plan.runs).map(|run| {
        let measured = [Mode::SameCore, Mode::CrossCore].map(|mode| of_run(run, mode));
        row(name(run), results, measured, if void.contains(&run) { Counts::No } else { Counts::Yes })
    });
    // What is void is out of the averages too; where all is, they stand and name no winner.
    let counted: Vec<u32> = (1..=results.plan.runs).filter(|run| !void.contains(run)).collect();
    let (runs, counts) = match counted.as_slice() {
        [] => ((1..=results.plan.runs).collect(), Counts::No),
        _ => (counted, Counts::Yes),
    };
    let of_all = [Mode::SameCore, Mode::CrossCore].map(|mode| {
        let blocks: Vec<_> = runs.iter().filter_map(|run| of_run(*run, mode)).collect();
        Some((mean(blocks.iter().map(|(ticks, _)| *ticks))?, blocks.first()?.1))
    });
    let average = row("Average".into(), results, of_all, counts);
    Sheet { header: header.collect(), rows: rows.chain([average]).collect(), last_is_text: true }
}

/// Whether a row is counted in the verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    No,
}

/// Ticks and exchanges of a block.
type Measured = Option<(u64, u64)>;

fn row(name: String, results: &Results<'_>, measured: [Measured; 2], counts: Counts) -> Vec<String> {
    let [same, cross] = measured;
    let cells = |measured: Measured, mode| match measured {
        Some((ticks, exchanges)) => {
            [results.ruler.total(ticks).to_string(), results.ruler.switch(ticks, exchanges).to_string()]
        }
        None => {
            let why = results.skipped(mode).unwrap_or("no block");
            [format!("skipped: {why}"), "-".into()]
        }
    };
    let winner = match (same, cross) {
        _ if counts == Counts::No => "void".into(),
        (Some((same, _)), Some((cross, _))) => winner(same, cross, results.plan.unit),
        _ => "-".into(),
    };
    [name]
        .into_iter()
        .chain(cells(same, Mode::SameCore))
        .chain(cells(cross, Mode::CrossCore))
        .chain([winner])
        .collect()
}

/// Less time is faster; fewer instructions are fewer.
const fn better(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "faster",
        Unit::Instructions => "fewer",
    }
}

fn winner(same: u64, cross: u64, unit: Unit) -> String {
    let (name, less, more) = match same.cmp(&cross) {
        std::cmp::Ordering::Less => ("Same-Core", same, cross),
        std::cmp::Ordering::Greater => ("Cross-Core", cross, same),
        std::cmp::Ordering::Equal => return "none (equal)".into(),
    };
    match ratio_hundredths(more, less) {
        Some(ratio) => format!("{name} ({}x {})", Hundredths(ratio), better(unit)),
        None => name.into(),
    }
}

/// What one switch of each mode costs: a mean, divided by twice the exchanges.
fn switches(results: &Results<'_>) -> Sheet {
    let header = ["One switch", "Raw", "Overhead", "Net", "Net, sampled", "Passes"];
    let rows = results.modes.iter().map(|mode| {
        let [raw, overhead, net] = mode.switch.texts(results.ruler);
        let (sampled, passes) = match &mode.sampled {
            None => ("-".into(), "batch alone".into()),
            Some(sampled) => {
                let [_, _, net] = sampled.switch.texts(results.ruler);
                let passes = match sampled.apart_percent {
                    None => "can not be compared".into(),
                    Some(apart) if sampled.disagrees() => {
                        format!("DISAGREE: {apart:.1} % apart, more than {DISAGREEMENT_PERCENT} %")
                    }
                    Some(apart) => format!("agree, {apart:.1} % apart"),
                };
                (net, passes)
            }
        };
        vec![mode.mode.name().into(), raw, overhead, net, sampled, passes]
    });
    Sheet { header: header.map(str::to_owned).into(), rows: rows.collect(), last_is_text: true }
}

/// How the exchanges of the sampled pass are distributed, raw: a sample is an exchange.
fn exchanges(results: &Results<'_>) -> Sheet {
    let ranks = RANKS.map(|(_, name)| name.to_owned());
    let header = ["One exchange".into()].into_iter().chain(ranks);
    let header = header.chain(["Null p50".into(), "Samples".into()]).collect();
    let rows = results.modes.iter().filter_map(|mode| {
        let sampled = mode.sampled.as_ref()?;
        let at = |ticks: Option<u64>| ticks.map(|ticks| results.ruler.total(ticks).to_string());
        let mut row = vec![mode.mode.name().to_owned()];
        row.extend(RANKS.iter().filter_map(|(rank, _)| at(sampled.histogram.percentile(*rank))));
        row.extend(at(sampled.null_histogram.percentile(5_000)));
        row.push(Grouped(sampled.samples).to_string());
        Some(row)
    });
    Sheet { rows: rows.collect(), header, last_is_text: false }
}

fn findings(results: &Results<'_>, void: &BTreeSet<u32>) -> Vec<(&'static str, String)> {
    let (same, cross) = (results.mode(Mode::SameCore), results.mode(Mode::CrossCore));
    let mut findings = Vec::new();
    if let (Some(same), Some(cross)) = (same, cross) {
        findings.push(("Overall", overall(same, cross, results.plan.unit)));
    }
    match verdict::of_runs(results, void) {
        Some(RunsVerdict::Compared(comparison)) => {
            findings.push(("Verdict", format!("{comparison}; {RUNS_OF_ONE_BOOT}")));
        }
        Some(RunsVerdict::AllVoid) => {
            findings.push(("Verdict", "none: every run is void, so no figure here is to be trusted".into()));
        }
        Some(RunsVerdict::Exact) | None => {}
    }
    for skipped in &results.skipped {
        findings.push(("Skipped", format!("{}: {}", skipped.mode.name(), skipped.reason)));
    }
    if let Some(reason) = reason(results) {
        findings.push(("Reason", reason));
    }
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
    findings.push(("Counts", counts(results)));
    findings
}

/// How far the verdict of classic mode reaches.
const RUNS_OF_ONE_BOOT: &str =
    "by runs of one boot, which are not independent: `run --boots` takes a boot for each";

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

fn overall(same: &ModeResult, cross: &ModeResult, unit: Unit) -> String {
    let (same_ticks, cross_ticks) = (same.mean_ticks, cross.mean_ticks);
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
            blocks().map(|result| part(&result.block.counts)).sum::<u64>()
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
    let both: Vec<_> = [same, cross].into_iter().flatten().collect();
    (!both.is_empty()).then(|| both.join("; "))
}

/// `count / handoffs`, without decimals where it is whole; `None` for none.
fn each(count: u64, handoffs: u64) -> Option<String> {
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

/// The kernel checks its counts and `results` checks them again: a report is proof that they hold.
fn counts(results: &Results<'_>) -> String {
    let blocks = results.blocks.len() as u64;
    let handoffs: u64 = results.blocks.iter().map(|result| result.block.counts.handoffs).sum();
    format!(
        "handoffs, calls of switch_context, IPIs sent and IPIs taken are as they must be, in all {} ({} handoffs)",
        plural(blocks, "block"),
        Grouped(handoffs)
    )
}

/// What the guest itself saw.
fn guest_conditions(results: &Results<'_>) -> Vec<(&'static str, String)> {
    let mut conditions = Vec::new();
    if let Some(cpus) = results.cpus {
        let apic = match cpus.apic {
            ApicMode::Xapic => "xAPIC",
            ApicMode::X2apic => "x2APIC",
        };
        let total = results.ruler.total(cpus.ticks);
        let taken = match results.ruler {
            Ruler::Time(_) => total.to_string(),
            Ruler::Instructions => format!("{total} instructions"),
        };
        let up = format!("{} of {} up in {taken} from the kernel's entry, {apic}", cpus.up, cpus.found);
        conditions.push(("Guest CPUs", up));
    }
    if let Some(machine) = &results.machine {
        conditions.push(("Guest sees", format!("{}, hypervisor {}", machine.cpu, machine.hypervisor)));
        let clock = match results.ruler {
            Ruler::Instructions => {
                "a TSC tick is an instruction, of whichever CPU executes it; there is no time".into()
            }
            Ruler::Time(hz) => {
                let invariant = if machine.invariant_tsc { "invariant" } else { "not marked invariant" };
                format!("TSC at {} Hz, {invariant}; {}", Grouped(hz.get()), results.clock.agreement())
            }
        };
        conditions.push(("Clock", clock));
    }
    conditions.extend(results.clock.conditions(results.cpus.map_or(1, |cpus| cpus.up)));
    conditions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use switchlab_records::{Record, read_log};

    fn report(cpus: u32, runs: u32) -> Report {
        let text = golden::ended(golden::classic(cpus, runs, 1_000_000));
        Report::new(&Results::from_log(&read_log(&text)).unwrap(), None)
    }

    #[test]
    fn markdown_is_the_originals_table() {
        insta::assert_snapshot!(report(12, 2).markdown());
    }

    #[test]
    fn text_has_its_columns_below_each_other() {
        insta::assert_snapshot!(report(12, 5).text());
    }

    #[test]
    fn one_cpu_says_what_is_skipped() {
        insta::assert_snapshot!(report(1, 1).text());
    }

    #[test]
    fn instructions_are_never_told_as_time() {
        let text = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000));
        insta::assert_snapshot!(Report::new(&Results::from_log(&read_log(&text)).unwrap(), None).text());
    }

    #[test]
    fn suspect_clock_stands_above_all_times() {
        let mut records = golden::classic(12, 1, 1_000);
        if let Some(Record::Clock(clock)) = records.last_mut() {
            clock.pit_hz += clock.pit_hz / 500;
        }
        let text = golden::ended(records);
        let report = Report::new(&Results::from_log(&read_log(&text)).unwrap(), None).text();
        assert!(report.lines().next().unwrap().ends_with("[clock: suspect]"), "{report}");
        let reason = "Clock suspect:  PM timer and PIT are 1,990 ppm apart, of 1,000 allowed\n";
        assert!(report.contains(reason), "{report}");
    }

    #[test]
    fn void_run_names_no_winner_and_strange_time_stands_above_all() {
        let watch = |guest_ns: u64| {
            let stopped = serde_json::json!({
                "run": 2, "position": 1, "mode": "same-core", "subject": "handoff", "pass": "batch",
                "reasons": [{ "reason": "stopped", "ms": 300 }],
            });
            let time =
                serde_json::json!({ "guest_ns": guest_ns, "host_ns": 20_000_000_000_u64, "apart_ppm": 0 });
            serde_json::from_value(serde_json::json!({
                "process": "yes", "monitor": "yes", "blocks": 36, "unwatched_blocks": 0,
                "host_busy_percent": 1.0, "events": [], "guest_time": time, "voids": [stopped],
            }))
        };
        let text = golden::ended(golden::classic(12, 3, 1_000));
        let results = Results::from_log(&read_log(&text)).unwrap();
        let watched = |watch: &Watch| Report::watched(&results, Some(watch));
        let report = watched(&watch(20_000_000_000).unwrap());
        let is_void = |row: &Vec<String>| row.last().unwrap() == "void";
        assert_eq!(report.runs.rows.iter().map(is_void).collect::<Vec<_>>(), [false, true, false, false]);
        // The averages are those of runs 1 and 3: 202 and 206 ticks a switch at 2 GHz.
        assert_eq!((&*report.runs.rows[1][0], &*report.runs.rows[3][2]), ("2 (void)", "102ns"));
        assert!(!report.title.ends_with(SUSPECT));
        let mut strange: Watch = watch(21_000_000_000).unwrap();
        strange.guest_time.as_mut().unwrap().apart_ppm = 50_000;
        assert_eq!(watched(&strange).title.matches(SUSPECT).count(), 1);
    }

    #[test]
    fn winner_is_the_shorter_time() {
        assert_eq!(winner(639_960, 896_700, Unit::Time), "Same-Core (1.40x faster)");
        assert_eq!(winner(638_690, 592_500, Unit::Time), "Cross-Core (1.08x faster)");
        assert_eq!(winner(83, 140, Unit::Instructions), "Same-Core (1.69x fewer)");
        assert_eq!(winner(5, 5, Unit::Time), "none (equal)");
    }

    #[test]
    fn steps_per_handoff_are_whole_where_they_are() {
        assert_eq!(each(2_000, 2_000).as_deref(), Some("1"));
        assert_eq!(each(1_999, 2_000).as_deref(), Some("1.00"));
        assert_eq!(each(1, 2_000).as_deref(), Some("<0.01"));
        assert_eq!(each(0, 2_000), None);
    }
}
