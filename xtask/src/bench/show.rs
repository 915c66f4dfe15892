//! What is shown of the rows: a table for people, and JSON with every value.

use serde::Serialize;
use switchlab_core::format::Grouped;

use super::judged::{Cost, Judged};
use super::row::{Bench, Emulator, LinuxGuest, Measured, Missing, Outcome, Place, Row};
use crate::analysis::Comparison;
use crate::manifest::{EMULATED, plural};
use crate::table::{Sheet, labelled};

/// The table, what has no row in it, and what the figures hang on.
pub fn text(bench: &Bench, judged: &[Judged<'_>]) -> String {
    let mut text = format!("{}\n\n{}\n", subject(bench), sheet(judged).text());
    text += &not_measured(judged);
    format!("{text}\n{}", labelled(&conditions(bench)))
}

/// What has no figure, below a table; nothing where all have one.
pub(crate) fn not_measured(judged: &[Judged<'_>]) -> String {
    let absent = absent(judged);
    let mut text = String::new();
    if !absent.is_empty() {
        text += "\nNot measured:\n";
    }
    for Absent { titles, missing: Missing { reason, to_do } } in absent {
        let to_do =
            if to_do.is_empty() { String::new() } else { format!("; to bring it, run\n      {to_do}") };
        text += &format!("  {}: {reason}{to_do}\n", titles.join("; "));
    }
    text
}

/// What was measured, in a line.
pub(crate) fn subject(bench: &Bench) -> String {
    let rounds = plural(u64::from(bench.rounds), "round");
    let order = match bench.emulator {
        None => format!("of all peers, in an order shuffled by seed {}", bench.seed),
        Some(_) => "of the laboratory and of Linux, booted in turn in the same emulator".into(),
    };
    format!("one switch, one way (half an exchange), in {rounds} {order}")
}

/// The same with every value: the rows, and what they come to.
///
/// # Errors
///
/// None to be expected: it is plain data.
pub fn json(bench: &Bench, judged: &[Judged<'_>]) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Shown<'a> {
        format: u32,
        started: &'a str,
        rounds: u32,
        seed: u64,
        host: &'a super::row::Host,
        #[serde(skip_serializing_if = "Option::is_none")]
        emulator: Option<&'a Emulator>,
        rows: &'a [Judged<'a>],
    }
    let Bench { format, started, rounds, seed, host, emulator, .. } = bench;
    let (format, rounds, seed, emulator) = (*format, *rounds, *seed, emulator.as_ref());
    let shown = Shown { format, started, rounds, seed, host, emulator, rows: judged };
    Ok(serde_json::to_string_pretty(&shown)? + "\n")
}

/// The table: what has a figure. Where ours are many, each ratio says to which of them it is.
pub(crate) fn sheet(judged: &[Judged<'_>]) -> Sheet {
    let instructions = judged.iter().any(|judged| instructions(judged).is_some());
    let bases = names_bases(judged);
    let mut header = vec!["Peer", "One way", "95 % interval"];
    header.extend(instructions.then_some("Instructions"));
    header.extend(["To ours", "95 % interval", "Verdict"]);
    header.extend(bases.then_some("Ours is"));
    header.push("Version");
    let columns = Columns { instructions, bases };
    let rows = judged.iter().filter_map(|judged| Some((judged, judged.cost?)));
    Sheet {
        header: header.into_iter().map(str::to_owned).collect(),
        rows: rows.flat_map(|(judged, cost)| lines(judged, cost, columns)).collect(),
        words: 1,
    }
}

/// Which columns there are that not every table has.
#[derive(Clone, Copy)]
struct Columns {
    instructions: bool,
    bases: bool,
}

fn instructions(judged: &Judged<'_>) -> Option<f64> {
    judged.row.measured().and_then(|measured| measured.instructions)
}

/// Whether the table has a column for what a row was held against: where a guest's was.
pub(crate) fn names_bases(judged: &[Judged<'_>]) -> bool {
    judged.iter().any(|judged| judged.row.place == Place::Laboratory)
}

/// A row's lines: one for each row of ours that it was held against, and one in any case.
fn lines(judged: &Judged<'_>, cost: Cost, columns: Columns) -> Vec<Vec<String>> {
    let line = |comparison: Option<&Comparison>| {
        let mut line = vec![title(judged), time(cost.median_ns), interval(cost)];
        let count = instructions(judged).map_or_else(String::new, |count| format!("{count:.1}"));
        line.extend(columns.instructions.then_some(count));
        line.extend(against_ours(comparison));
        let base = comparison.map_or_else(String::new, |comparison| comparison.base.clone());
        line.extend(columns.bases.then_some(base));
        line.push(judged.row.version.clone());
        line
    };
    let first = line(judged.against_ours.as_ref());
    [first].into_iter().chain(judged.also.iter().flatten().map(|comparison| line(Some(comparison)))).collect()
}

/// Where a cost may lie.
pub(crate) fn interval(cost: Cost) -> String {
    cost.interval_ns
        .map_or_else(|| "too few rounds".into(), |ends| format!("{} to {}", time(ends.low), time(ends.high)))
}

/// The ratio to the row that it is held against, its interval and the verdict; nothing where there is none.
pub(crate) fn against_ours(comparison: Option<&Comparison>) -> [String; 3] {
    match comparison {
        None => ["", "", ""].map(str::to_owned),
        Some(comparison) => {
            let (ratio, ends) = comparison.figures();
            let ends = ends.map_or_else(String::new, |[low, high]| format!("{low} to {high}"));
            [format!("{ratio}x"), ends, comparison.verdict.words().to_owned()]
        }
    }
}

/// What the table calls a row.
pub(crate) fn title(judged: &Judged<'_>) -> String {
    let title = &judged.row.title;
    match judged.row.place {
        Place::Native => title.clone(),
        Place::LinuxGuest => format!("{title}, Linux guest"),
        Place::Laboratory => format!("{title}, laboratory"),
        Place::Host => format!("{title}, host"),
    }
}

/// Rows that have no figure for the same reason.
pub(crate) struct Absent<'a> {
    /// What the table calls them.
    pub(crate) titles: Vec<String>,
    /// Why, and what to do.
    pub(crate) missing: &'a Missing,
}

/// What has no figure, and why; rows that lack the same stand together.
pub(crate) fn absent<'a>(judged: &[Judged<'a>]) -> Vec<Absent<'a>> {
    let mut all: Vec<Absent<'_>> = Vec::new();
    for judged in judged {
        let Outcome::Missing(missing) = &judged.row.outcome else { continue };
        match all.iter_mut().find(|absent| absent.missing == missing) {
            Some(absent) => absent.titles.push(title(judged)),
            None => all.push(Absent { titles: vec![title(judged)], missing }),
        }
    }
    all
}

/// Label and text: what the figures hang on.
pub(crate) fn conditions(bench: &Bench) -> Vec<(&'static str, String)> {
    let host = &bench.host;
    let numbers = match &bench.emulator {
        None => Some("costs of this host in user mode, with its caches and predictors warm"),
        Some(emulator) => emulator.accelerator.starts_with("tcg").then_some(EMULATED),
    };
    let mut lines: Vec<_> =
        numbers.map(|numbers| ("The numbers are", numbers.to_owned())).into_iter().collect();
    lines.push(("Host", format!("{}, {}, {}", host.cpu, plural(u64::from(host.cpus), "CPU"), host.system)));
    match &bench.emulator {
        None => lines.extend([
            ("Built by", format!("{}, release: LTO, one codegen unit, panic = abort", host.rustc)),
            (
                "Order",
                "a round starts every peer once; a process for each; the n-th values are of one round".into(),
            ),
        ]),
        Some(emulator) => lines.extend(conditions_of_guests(emulator)),
    }
    if rows_of(bench).any(|measured| measured.instructions.is_some()) {
        let mut how = "of one switch, its loop and checks included, counted one at a time".to_owned();
        let mut reasons: Vec<(&str, u64)> = Vec::new();
        for why in rows_of(bench).filter_map(|measured| measured.uncounted.as_deref()) {
            match reasons.iter_mut().find(|(reason, _)| *reason == why) {
                Some((_, rows)) => *rows += 1,
                None => reasons.push((why, 1)),
            }
        }
        for (why, rows) in reasons {
            how += &format!("; not of {}: {why}", plural(rows, "row"));
        }
        lines.push(("Instructions", how));
    }
    let verdict = "on the peer, by the ratio of medians; the intervals of all ratios hold at once";
    lines.push(("Verdict", verdict.into()));
    lines
}

fn rows_of(bench: &Bench) -> impl Iterator<Item = &Measured> {
    bench.rows.iter().filter_map(Row::measured)
}

fn conditions_of_guests(emulator: &Emulator) -> Vec<(&'static str, String)> {
    let Emulator { qemu, accelerator, cpus, memory, linux, void_rounds, hung_rounds, .. } = emulator;
    let mut lines = vec![
        ("Accelerator", accelerator.clone()),
        ("QEMU", qemu.clone()),
        ("Guests", format!("{} and {memory} each", plural(u64::from(*cpus), "CPU"))),
    ];
    if let Some(LinuxGuest { release, clock_source, cpus, mitigations }) = linux {
        let mitigations = if mitigations.is_empty() { "none" } else { mitigations };
        let cpus = plural(u64::from(*cpus), "CPU");
        lines.push((
            "Linux",
            format!("{release}, clock source {clock_source}, {cpus} up, mitigations: {mitigations}"),
        ));
    }
    let hung = match hung_rounds {
        0 => String::new(),
        rounds => format!(", and {rounds} in which Linux came to no end"),
    };
    let busy = emulator.host_busy_percent.map_or_else(String::new, |percent| {
        format!("; in the busiest boot {percent:.0} % of the host went to others")
    });
    lines.push(("Void rounds", format!("{void_rounds}{hung}{busy}")));
    lines.extend(emulator.commands.iter().map(|command| ("Command", command.clone())));
    lines
}

/// With three digits, or all of them where there are more.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 10.0 => format!("{ns:.2} ns"),
        ns if ns < 100.0 => format!("{ns:.1} ns"),
        ns => format!("{} ns", Grouped(ns.round() as u64)),
    }
}

/// Rows of each kind, for tests.
#[cfg(test)]
pub(super) fn sample() -> Bench {
    let text = include_str!("sample.json");
    serde_json::from_str(text).expect("the sample is a bench.json")
}

#[cfg(test)]
mod tests {
    use super::super::judged::judge;
    use super::*;

    #[test]
    fn table_has_figures_ratios_and_named_absences() {
        let bench = sample();
        insta::assert_snapshot!(text(&bench, &judge(&bench).unwrap()));
    }

    #[test]
    fn json_reads_back_as_what_was_measured() {
        let bench = sample();
        let shown = json(&bench, &judge(&bench).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<Bench>(&shown).unwrap(), bench);
    }

    #[test]
    fn times_have_three_digits() {
        assert_eq!([1.026, 13.04, 345.4, 5_950.2].map(time), ["1.03 ns", "13.0 ns", "345 ns", "5,950 ns"]);
    }
}
