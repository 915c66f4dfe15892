//! What is shown of the rows: a table for people, and JSON with every value.

use serde::Serialize;
use switchlab_core::format::Grouped;

use super::judged::{Cost, Judged};
use super::row::{Bench, Outcome, Place};
use crate::manifest::plural;
use crate::table::{Sheet, labelled};

/// The table, what has no row in it, and what the figures hang on.
pub fn text(bench: &Bench, judged: &[Judged<'_>]) -> String {
    let rounds = plural(u64::from(bench.rounds), "round");
    let mut text = format!(
        "one switch, one way (half an exchange), in {rounds} of all peers, in an order shuffled by seed {}\n\n{}\n",
        bench.seed,
        sheet(judged).text(),
    );
    let missing = missing(judged);
    if !missing.is_empty() {
        text += &format!("\nNot measured:\n{missing}");
    }
    format!("{text}\n{}", labelled(&conditions(bench)))
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
        rows: &'a [Judged<'a>],
    }
    let Bench { format, started, rounds, seed, host, .. } = bench;
    let shown = Shown { format: *format, started, rounds: *rounds, seed: *seed, host, rows: judged };
    Ok(serde_json::to_string_pretty(&shown)? + "\n")
}

fn sheet(judged: &[Judged<'_>]) -> Sheet {
    let header = ["Peer", "One way", "95 % interval", "To ours", "95 % interval", "Verdict", "Version"];
    let rows = judged.iter().filter_map(|judged| Some(row(judged, judged.cost?)));
    Sheet { header: header.map(str::to_owned).to_vec(), rows: rows.collect(), last_is_text: true }
}

fn row(judged: &Judged<'_>, cost: Cost) -> Vec<String> {
    let interval = cost
        .interval_ns
        .map_or_else(|| "too few rounds".into(), |ends| format!("{} to {}", time(ends.low), time(ends.high)));
    let [ratio, ends, verdict] = match &judged.against_ours {
        None => ["", "", ""].map(str::to_owned),
        Some(comparison) => {
            let (ratio, ends) = comparison.figures();
            let ends = ends.map_or_else(String::new, |[low, high]| format!("{low} to {high}"));
            [format!("{ratio}x"), ends, comparison.verdict.words().to_owned()]
        }
    };
    let title = title(judged);
    vec![title, time(cost.median_ns), interval, ratio, ends, verdict, judged.row.version.clone()]
}

fn title(judged: &Judged<'_>) -> String {
    let title = &judged.row.title;
    match judged.row.place {
        Place::Native => title.clone(),
        Place::LinuxGuest => format!("{title}, Linux guest"),
        Place::Laboratory => format!("{title}, laboratory"),
    }
}

fn missing(judged: &[Judged<'_>]) -> String {
    let lines = judged.iter().filter_map(|judged| match &judged.row.outcome {
        Outcome::Measured(_) => None,
        Outcome::Missing(missing) => {
            let to_do = if missing.to_do.is_empty() { "" } else { "; to bring it, run\n      " };
            Some(format!("  {}: {}{to_do}{}\n", title(judged), missing.reason, missing.to_do))
        }
    });
    lines.collect()
}

fn conditions(bench: &Bench) -> Vec<(&'static str, String)> {
    let host = &bench.host;
    vec![
        ("Host", format!("{}, {}, {}", host.cpu, plural(u64::from(host.cpus), "CPU"), host.system)),
        ("Built by", format!("{}, release: LTO, one codegen unit, panic = abort", host.rustc)),
        (
            "Order",
            "a round starts every peer once; a process for each; the n-th values are of one round".into(),
        ),
        ("Verdict", "on the peer, by the ratio of medians; the intervals of all ratios hold at once".into()),
    ]
}

/// With three digits, or all of them where there are more.
fn time(ns: f64) -> String {
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
