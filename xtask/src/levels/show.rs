//! What is shown of the hierarchy: one table of its rungs, the guesses beside what was measured, the reasons, and
//! JSON with every value.

use serde::Serialize;

use super::causes::{self, Causes};
use super::guesses::{self, Held};
use crate::bench::Bench;
use crate::bench::judged::{Cost, Judged};
use crate::bench::row::Host;
use crate::bench::show::{interval, not_measured, time};
use crate::guesses::{Off, Span};
use crate::manifest::plural;
use crate::table::{Sheet, labelled};

/// The tables, what has no row in them, and what the figures hang on.
pub fn text(bench: &Bench, judged: &[Judged<'_>]) -> String {
    let rounds = plural(u64::from(bench.rounds), "round");
    let subject = format!(
        "one switch, one way (half an exchange), in {rounds} of all rows, in an order shuffled by seed {}",
        bench.seed
    );
    let mut text = format!("{subject}\n\n{}\n", rungs(judged).text());
    text += &not_measured(judged);
    text += &format!("\nWhat the original guessed\n\n{}\n", guessed(&guesses::held(bench)).text());
    text +=
        &format!("\nWhy its second mode should be slower\n\n{}", labelled(&reasons(&causes::weigh(bench))));
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
        host: &'a Host,
        rows: &'a [Judged<'a>],
        guesses: Vec<Held>,
        reasons: Causes,
    }
    let Bench { format, started, rounds, seed, host, .. } = bench;
    let shown = Shown {
        format: *format,
        started,
        rounds: *rounds,
        seed: *seed,
        host,
        rows: judged,
        guesses: guesses::held(bench),
        reasons: causes::weigh(bench),
    };
    Ok(serde_json::to_string_pretty(&shown)? + "\n")
}

/// The rungs that have a figure.
pub(crate) fn rungs(judged: &[Judged<'_>]) -> Sheet {
    let header = ["One way", "95 % interval", "To fiber", "95 % interval", "OS switches", "Verdict"];
    let header = [leveled("Level", "Handed over by")].into_iter().chain(header.map(str::to_owned));
    let rows = judged.iter().filter_map(|judged| Some(rung(judged, judged.cost?)));
    Sheet { header: header.collect(), rows: rows.collect(), words: 1 }
}

fn rung(judged: &Judged<'_>, cost: Cost) -> Vec<String> {
    let [ratio, ends, verdict] = crate::bench::show::against_ours(judged.against_ours.as_ref());
    let switched = judged.row.measured().and_then(|measured| measured.switched);
    let switched = switched.map_or_else(String::new, |switched| match switched.each() {
        each if each < 0.0005 => "none".into(),
        each => format!("{each:.3}"),
    });
    let name = leveled(judged.row.level.as_deref().unwrap_or_default(), &judged.row.title);
    vec![name, time(cost.median_ns), interval(cost), ratio, ends, switched, verdict]
}

/// Two texts of one column, which a sheet has no more of in front.
fn leveled(level: &str, title: &str) -> String {
    format!("{level:<10} {title}")
}

/// The guesses beside what was measured.
pub(crate) fn guessed(held: &[Held]) -> Sheet {
    let header = [
        "Level",
        "Guessed",
        "Measured",
        "Off by",
        "Guessed factor",
        "By its own times",
        "Over goroutine",
        "Off by",
        "Over fiber",
    ];
    let rows = held.iter().map(|held| {
        let factor = |span: Option<Span>| span.map_or_else(String::new, factor);
        let (measured, off, over, factor_off, over_fiber) = match &held.measured {
            None => ("not measured".into(), String::new(), String::new(), String::new(), String::new()),
            Some(measured) => (
                times(measured.one_way_ns),
                off(measured.off),
                factor(measured.over_goroutine),
                measured.factor_off.map_or_else(String::new, off),
                factor(measured.over_fiber),
            ),
        };
        let (guessed_factor, own) = (factor(held.guessed_factor), factor(held.factor_by_its_own_times));
        vec![
            held.level.into(),
            times(held.guessed_ns),
            measured,
            off,
            guessed_factor,
            own,
            over,
            factor_off,
            over_fiber,
        ]
    });
    Sheet { header: header.map(str::to_owned).to_vec(), rows: rows.collect(), words: 0 }
}

/// `1 µs to 10 µs`, once where both are the same.
pub(crate) fn times(span: Span) -> String {
    both(coarse(span.low), coarse(span.high))
}

pub(crate) fn factor(span: Span) -> String {
    both(count(span.low), count(span.high)) + "x"
}

fn both(low: String, high: String) -> String {
    if low == high { low } else { format!("{low} to {high}") }
}

/// With three digits, in the unit that suits.
fn coarse(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns => (ns / 1e6, "ms"),
    };
    format!("{} {unit}", count(value))
}

/// With three digits, grouped where there are more, and no zeroes behind the point.
fn count(value: f64) -> String {
    match value {
        value if value >= 100.0 => {
            let shown = switchlab_core::format::Grouped(value.round() as u64);
            shown.to_string()
        }
        value => {
            let decimals = if value < 10.0 { 2 } else { 1 };
            let shown = format!("{value:.decimals$}");
            shown.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

pub(crate) fn off(off: Off) -> String {
    match off {
        Off::Meets => "not off".into(),
        Off::TooHigh { least, most } => format!("{}x too high", both(count(least), count(most))),
        Off::TooLow { least, most } => format!("{}x too low", both(count(least), count(most))),
    }
}

pub(crate) fn reasons(causes: &Causes) -> Vec<(&'static str, String)> {
    let difference = match &causes.difference {
        Some(difference) => difference.comparison.to_string(),
        None => "the goroutines have no figures, so there is none to explain".into(),
    };
    let mut lines = vec![("The difference", difference), ("Crossings", causes.crossings.clone())];
    lines.extend(
        causes.causes.iter().map(|cause| (cause.name, format!("{}: {}", cause.finding.words(), cause.why))),
    );
    lines
}

pub(crate) fn conditions(bench: &Bench) -> Vec<(&'static str, String)> {
    let host = &bench.host;
    vec![
        ("The numbers are", "costs of this host and its Linux, with caches and predictors warm".to_owned()),
        (
            "Counted",
            "OS switches are the system's own count of switches of threads, for each handoff, set-up and warm-up in it"
                .into(),
        ),
        (
            "Off by",
            "what lies between the nearest ends of both spans, to what lies between their farthest ends"
                .into(),
        ),
        ("Network", "the system's part of it alone: no wire, no card, no other machine".into()),
        ("Host", format!("{}, {}, {}", host.cpu, plural(u64::from(host.cpus), "CPU"), host.system)),
        ("Built by", format!("{}, release: LTO, one codegen unit, panic = abort", host.rustc)),
        (
            "Order",
            "a round starts every row once; a process for each; the n-th values are of one round".into(),
        ),
        ("Verdict", "on the row, by the ratio of medians; the intervals of all ratios hold at once".into()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample;
    use super::super::{is_kept, parse};
    use super::*;
    use crate::bench::judged::judge;

    #[test]
    fn tables_have_rungs_guesses_and_reasons() {
        let bench = sample();
        insta::assert_snapshot!(text(&bench, &judge(&bench).unwrap()));
    }

    #[test]
    fn what_host_wrote_reads_back_and_what_was_changed_does_not() {
        let bench = sample();
        let kept = json(&bench, &judge(&bench).unwrap()).unwrap();
        assert!(is_kept(&kept) && !is_kept("{\"rows\": []}") && !is_kept(&kept[..kept.len() / 2]));
        assert_eq!(parse(&kept).unwrap(), bench);
        for (from, to, named) in [
            ("\"finding\": \"refuted\"", "\"finding\": \"confirmed\"", "reasons.causes"),
            ("\"least\": ", "\"least\": 1", "guesses"),
            ("\"voluntary\": 3", "\"voluntary\": 90", "reasons"),
        ] {
            assert!(kept.contains(from), "{from}");
            let why = parse(&kept.replacen(from, to, 1)).unwrap_err();
            assert!(why.contains(named), "{why}");
        }
    }

    #[test]
    fn spans_are_told_with_three_digits() {
        let spans = [(1e3, 1e4), (294.6, 294.6), (1_234.0, 56_780.0), (1e6, 1.5e7), (0.73, 9.999)];
        let told = spans.map(|(low, high)| times(Span { low, high }));
        assert_eq!(
            told,
            ["1 µs to 10 µs", "295 ns", "1.23 µs to 56.8 µs", "1 ms to 15 ms", "0.73 ns to 10 ns"]
        );
        assert_eq!(off(Off::TooHigh { least: 2.5, most: 3_140.2 }), "2.5 to 3,140x too high");
    }
}
