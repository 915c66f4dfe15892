//! A comparison as text, markdown and JSON.

use switchlab_core::format::Grouped;

use super::rows::ExactVerdict;
use super::{Basis, Compared, Exact, Finding, OF_ONE_BOOT, Row, SideFacts};
use crate::manifest::plural;
use crate::table::{Sheet, labelled};

/// For people.
pub fn text(compared: &Compared) -> String {
    let mut text = sides(compared, "");
    for sheet in sheets(compared) {
        text += &format!("\n{}\n", sheet.text());
    }
    text += "\n";
    text + &labelled(&findings(compared))
}

/// As a document has it, or a comment on a change.
pub fn markdown(compared: &Compared) -> String {
    let mut text = format!("**{}**\n\n", compared.verdict.sentence);
    for sheet in sheets(compared) {
        text += &format!("{}\n\n", sheet.markdown());
    }
    text += &sides(compared, "- ");
    for (label, finding) in findings(compared).iter().filter(|(label, _)| *label != "Verdict") {
        text += &format!("- {label}: {finding}\n");
    }
    text
}

/// All of it.
///
/// # Errors
///
/// None that a comparison can cause.
pub fn json(compared: &Compared) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(compared)? + "\n")
}

fn sides(compared: &Compared, mark: &str) -> String {
    let side = |letter: char, side: &SideFacts| {
        let SideFacts { name, boots, runs, void_runs, conditions } = side;
        let void = if *void_runs > 0 { format!(" ({void_runs} void)") } else { String::new() };
        let (boots, runs) = (plural(*boots as u64, "boot"), plural(*runs as u64, "run"));
        format!("{mark}{letter}: {name}: {boots}, {runs}{void}; {conditions}\n")
    };
    side('A', &compared.a) + &side('B', &compared.b)
}

pub(crate) fn sheets(compared: &Compared) -> Vec<Sheet> {
    let sheet = |title: &str, rows: &[Row]| {
        let mut header = vec![title, "A", "B"];
        match compared.basis {
            Basis::Exact => header.extend(["B - A", "Verdict"]),
            Basis::Boots | Basis::RunsOfOneBoot => header.extend(["B / A", "95 % interval", "Verdict"]),
        }
        Sheet {
            rows: rows.iter().map(|row| cells(row, compared)).collect(),
            header: header.into_iter().map(str::to_owned).collect(),
            words: 1,
        }
    };
    let mut sheets = vec![sheet(compared.thing, &compared.rows)];
    if !compared.information.is_empty() {
        sheets.push(sheet("One exchange, to 1/64", &compared.information));
    }
    sheets
}

fn cells(row: &Row, compared: &Compared) -> Vec<String> {
    let mut cells = vec![row.name.clone()];
    let unit = compared.unit;
    cells.extend(
        row.medians.map(|median| median.map_or_else(|| "void".into(), |median| figure(median, unit))),
    );
    match (&row.finding, compared.basis) {
        (Finding::Exact(exact), _) => cells.extend([difference(exact), exact.verdict.words().into()]),
        (Finding::Estimated(comparison), _) => {
            let (ratio, ends) = comparison.figures();
            let interval = ends.map_or_else(|| "-".into(), |[low, high]| format!("{low} to {high}"));
            cells.extend([ratio, interval, comparison.verdict.words().into()]);
        }
        (Finding::Told { .. }, Basis::Exact) => {
            let [a, b] = row.medians;
            let more = a.zip(b).map_or_else(|| "-".into(), |(a, b)| signed(b - a));
            cells.extend([more, "-".into()]);
        }
        (Finding::Told { ratio }, _) => {
            cells.extend([
                ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}")),
                "-".into(),
                "-".into(),
            ]);
        }
    }
    cells
}

/// `54.90ns`, `2.016µs`, `83.011`.
fn figure(value: f64, unit: &str) -> String {
    match unit {
        "ns" if value < 100.0 => format!("{value:.2}ns"),
        "ns" if value < 1_000.0 => format!("{value:.1}ns"),
        "ns" if value < 1_000_000.0 => format!("{:.3}µs", value / 1_000.0),
        "ns" => format!("{:.3}ms", value / 1_000_000.0),
        _ => trimmed(value),
    }
}

/// Three decimals at most, none that says nothing.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn signed(value: f64) -> String {
    let text = trimmed(value.abs());
    match value {
        _ if text == "0" => text,
        value if value < 0.0 => format!("-{text}"),
        _ => format!("+{text}"),
    }
}

/// What a switch of B executes more: `+3`, and in a block where that is no whole number.
fn difference(exact: &Exact) -> String {
    let each = signed(exact.more_in_a_switch);
    let [a, b] = exact.switches;
    let is_whole = a == b && exact.more_in_a_block % i128::from(a.max(1)) == 0;
    if is_whole || exact.verdict == ExactVerdict::Equal || a != b {
        return each;
    }
    let sign = if exact.more_in_a_block < 0 { "-" } else { "+" };
    let block = u64::try_from(exact.more_in_a_block.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{each} ({sign}{} in {} switches)", Grouped(block), Grouped(a))
}

pub(crate) fn findings(compared: &Compared) -> Vec<(&'static str, String)> {
    let mut findings = vec![("Verdict", compared.verdict.sentence.clone())];
    findings.push(("Basis", basis(compared)));
    if compared.basis != Basis::Exact {
        findings.push(("Interval", interval(compared)));
    }
    findings.push(("Kernel", compared.kernel.clone()));
    findings.extend(compared.warnings.iter().map(|warning| ("Warning", warning.clone())));
    findings
}

fn basis(compared: &Compared) -> String {
    match compared.basis {
        Basis::Exact => {
            "counted instructions: exact, so one boot of each is all that it takes; work, no latency".into()
        }
        Basis::Boots => "boots, each by the median of its runs".into(),
        Basis::RunsOfOneBoot => format!(
            "runs of ONE BOOT on a side: they are correlated, and how boots of one build differ is not in the interval: {OF_ONE_BOOT}; `run --boots` on both sides gives a verdict on the builds, and --fail-on takes no other of times"
        ),
    }
}

fn interval(compared: &Compared) -> String {
    let together = match compared.rows.len() {
        1 => String::new(),
        rows => format!("; those of the {rows} switches hold all at once in 95 of 100 cases"),
    };
    format!("of the ratio of medians, by seeded bootstrap, A and B drawn each for itself{together}")
}
