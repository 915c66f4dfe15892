//! The report for people: the table of the runs in the original experiment's form, what follows
//! from it, and the conditions beside it. Computed from the results, and from the manifest where
//! there is one.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use switchlab_core::format::{Grouped, Hundredths, Nanoseconds, Tenths};
use switchlab_core::stats::{TscHz, percent_tenths, ratio_hundredths, ticks_to_ns};
use switchlab_records::{ApicMode, Counts, Mode};

use crate::manifest::{Manifest, plural};
use crate::results::{ModeResult, Results, SUSPECT_PPM};

/// A report, before it has a form.
pub struct Report {
    title: String,
    header: [&'static str; 6],
    rows: Vec<[String; 6]>,
    /// Label and text: what follows from the table.
    findings: Vec<(&'static str, String)>,
    /// Label and text: what the numbers hang on.
    conditions: Vec<(&'static str, String)>,
}

const HEADER: [&str; 6] =
    ["Run", "Same-Core Time", "Same-Core Switch", "Cross-Core Time", "Cross-Core Switch", "Winner"];

impl Report {
    /// Puts the report together.
    pub fn new(results: &Results<'_>, manifest: Option<&Manifest>) -> Self {
        let mut conditions = guest_conditions(results);
        conditions.extend(manifest.map(Manifest::conditions).unwrap_or_default());
        Self {
            title: title(results),
            header: HEADER,
            rows: rows(results),
            findings: findings(results),
            conditions,
        }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let rule = LineStyle::none().fill('─').junction('─');
        let table = self.table(TableStyle::new().header_separator(rule)).to_string();
        let mut lines: Vec<&str> = table.lines().map(str::trim_end).collect();
        // The averages stand below a rule of their own, the same as the header's.
        if let (Some(rule), Some(averages)) = (lines.get(1).copied(), lines.len().checked_sub(1)) {
            lines.insert(averages, rule);
        }
        let lines = lines.join("\n");
        let mut text = format!("{}\n\n{lines}\n\n{}\n", self.title, labelled(&self.findings));
        text += &labelled(&self.conditions);
        text
    }

    /// For a document.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n{}\n\n", self.title, self.table(ASCII_MARKDOWN));
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

    fn table(&self, style: TableStyle) -> Table {
        let mut table = Table::new();
        table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.header).add_rows(&self.rows);
        for column in table.column_iter_mut().skip(1).take(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// `label:  text`, the texts below each other.
fn labelled(lines: &[(&str, String)]) -> String {
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
    let suspect = if results.clock_is_suspect() { " [clock: suspect]" } else { "" };
    format!(
        "{}, {where_}{cpus}: {} of {} ping-pong exchanges ({} switches), each after {} of warm-up{suspect}",
        plan.experiment,
        plural(u64::from(plan.runs), "run"),
        Grouped(plan.exchanges),
        Grouped(plan.exchanges.saturating_mul(2)),
        Grouped(plan.warm_up),
    )
}

fn rows(results: &Results<'_>) -> Vec<[String; 6]> {
    let of_run =
        |run, mode| results.block(run, mode).map(|result| (result.time_ns, result.switch_ns(results.tsc_hz)));
    let of_all = |mode| results.mode(mode).map(|mean| (mean.mean_time_ns, mean.mean_switch_ns));
    let runs = (1..=results.plan.runs)
        .map(|run| row(run.to_string(), results, of_run(run, Mode::SameCore), of_run(run, Mode::CrossCore)));
    let average = row("Average".into(), results, of_all(Mode::SameCore), of_all(Mode::CrossCore));
    runs.chain([average]).collect()
}

/// Time of the block and of one switch, both in nanoseconds.
type Times = Option<(u64, u64)>;

fn row(name: String, results: &Results<'_>, same: Times, cross: Times) -> [String; 6] {
    let cells = |times: Times, mode| match times {
        Some((time, switch)) => [Nanoseconds(time).to_string(), Nanoseconds(switch).to_string()],
        None => {
            let why = results.skipped(mode).unwrap_or("no block");
            [format!("skipped: {why}"), "-".into()]
        }
    };
    let [same_time, same_switch] = cells(same, Mode::SameCore);
    let [cross_time, cross_switch] = cells(cross, Mode::CrossCore);
    let winner = match (same, cross) {
        (Some((same, _)), Some((cross, _))) => winner(same, cross),
        _ => "-".into(),
    };
    [name, same_time, same_switch, cross_time, cross_switch, winner]
}

fn winner(same_ns: u64, cross_ns: u64) -> String {
    let (name, faster, slower) = match same_ns.cmp(&cross_ns) {
        std::cmp::Ordering::Less => ("Same-Core", same_ns, cross_ns),
        std::cmp::Ordering::Greater => ("Cross-Core", cross_ns, same_ns),
        std::cmp::Ordering::Equal => return "none (equal)".into(),
    };
    match ratio_hundredths(slower, faster) {
        Some(ratio) => format!("{name} ({}x faster)", Hundredths(ratio)),
        None => name.into(),
    }
}

fn findings(results: &Results<'_>) -> Vec<(&'static str, String)> {
    let (same, cross) = (results.mode(Mode::SameCore), results.mode(Mode::CrossCore));
    let mut findings = Vec::new();
    if let (Some(same), Some(cross)) = (same, cross) {
        findings.push(("Overall", overall(same, cross)));
    }
    for skipped in &results.skipped {
        findings.push(("Skipped", format!("{}: {}", skipped.mode.name(), skipped.reason)));
    }
    if let Some(reason) = reason(results) {
        findings.push(("Reason", reason));
    }
    if let Some(floor) = results.mode(Mode::Switch) {
        let blocks = plural(u64::from(floor.blocks), "block");
        let time = fine(floor.mean_switch_ps);
        findings.push((
            "Switch floor",
            format!(
                "{time} a switch between two bare contexts, without scheduler or channel (mean of {blocks})"
            ),
        ));
    }
    let rates = results.modes.iter().map(|mode| {
        let rate = Grouped(mode.switches_per_second);
        format!("{} {rate}", mode.mode.name())
    });
    findings.push(("Throughput", format!("switches per second: {}", rates.collect::<Vec<_>>().join(", "))));
    findings.push(("Counts", counts(results)));
    findings
}

fn overall(same: &ModeResult, cross: &ModeResult) -> String {
    let (same_ns, cross_ns) = (same.mean_time_ns, cross.mean_time_ns);
    let (names, faster, slower) = match same_ns.cmp(&cross_ns) {
        std::cmp::Ordering::Less => (("same-core", "cross-core"), same_ns, cross_ns),
        std::cmp::Ordering::Greater => (("cross-core", "same-core"), cross_ns, same_ns),
        std::cmp::Ordering::Equal => return "both modes took the same time".into(),
    };
    let percent = percent_tenths(slower - faster, slower).unwrap_or_default();
    let ratio = ratio_hundredths(slower, faster).unwrap_or_default();
    let ((faster, slower), percent, ratio) = (names, Tenths(percent), Hundredths(ratio));
    format!(
        "{faster} switching is {percent}% faster than {slower} switching ({ratio}x), by the means of the runs"
    )
}

/// What one handoff of each mode does, by the counts.
fn reason(results: &Results<'_>) -> Option<String> {
    let steps = |mode| {
        let blocks = || results.blocks.iter().filter(move |result| result.block.mode == mode);
        let sum = |part: fn(&Counts) -> u64| blocks().map(|result| part(&result.block.counts)).sum::<u64>();
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
    let tsc = TscHz::new(results.tsc_hz);
    if let Some(cpus) = results.cpus {
        let apic = match cpus.apic {
            ApicMode::Xapic => "xAPIC",
            ApicMode::X2apic => "x2APIC",
        };
        let time = tsc.map(|tsc| Nanoseconds(ticks_to_ns(cpus.ticks, tsc)).to_string()).unwrap_or_default();
        let up = format!("{} of {} up in {time} from the kernel's entry, {apic}", cpus.up, cpus.found);
        conditions.push(("Guest CPUs", up));
    }
    if let Some(machine) = &results.machine {
        conditions.push(("Guest sees", format!("{}, hypervisor {}", machine.cpu, machine.hypervisor)));
        let invariant = if machine.invariant_tsc { "invariant" } else { "not marked invariant" };
        conditions.push((
            "Clock",
            format!("TSC at {} Hz, {invariant}; {}", Grouped(results.tsc_hz), apart(results)),
        ));
    }
    conditions
}

fn apart(results: &Results<'_>) -> String {
    match results.clocks_apart_ppm {
        None => "suspect: no two clocks to hold against each other".into(),
        Some(ppm) if results.clock_is_suspect() => {
            format!("suspect: the clocks are {} ppm apart, of {} allowed", Grouped(ppm), Grouped(SUSPECT_PPM))
        }
        Some(ppm) => format!("the clocks agree within {ppm} ppm"),
    }
}

/// A time in picoseconds, with two decimals of a nanosecond where it is short.
fn fine(ps: u64) -> String {
    if ps < 100_000 {
        format!("{}ns", Hundredths((ps + 5) / 10))
    } else {
        Nanoseconds((ps + 500) / 1_000).to_string()
    }
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
    fn suspect_clock_stands_above_all_times() {
        let mut records = golden::classic(12, 1, 1_000);
        if let Some(Record::Clock(clock)) = records.last_mut() {
            clock.pit_hz += clock.pit_hz / 500;
        }
        let text = golden::ended(records);
        let report = Report::new(&Results::from_log(&read_log(&text)).unwrap(), None).text();
        assert!(report.lines().next().unwrap().ends_with("[clock: suspect]"), "{report}");
        assert!(report.contains("suspect: the clocks are 1,990 ppm apart, of 1,000 allowed"), "{report}");
    }

    #[test]
    fn winner_is_the_shorter_time() {
        assert_eq!(winner(639_960, 896_700), "Same-Core (1.40x faster)");
        assert_eq!(winner(638_690, 592_500), "Cross-Core (1.08x faster)");
        assert_eq!(winner(5, 5), "none (equal)");
    }

    #[test]
    fn steps_per_handoff_are_whole_where_they_are() {
        assert_eq!(each(2_000, 2_000).as_deref(), Some("1"));
        assert_eq!(each(1_999, 2_000).as_deref(), Some("1.00"));
        assert_eq!(each(1, 2_000).as_deref(), Some("<0.01"));
        assert_eq!(each(0, 2_000), None);
    }

    #[test]
    fn short_times_keep_their_decimals() {
        assert_eq!(fine(35_214), "35.21ns");
        assert_eq!(fine(2_687_400), "2.69µs");
    }
}
