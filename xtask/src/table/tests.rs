//! Facts about `table`.

use super::findings::each;
use super::runs::winner;
use super::*;
use crate::cmd::output::{Format, render};
use crate::golden;
use crate::judged::Found;
use clap::ValueEnum;
use switchlab_core::counts as prescribed;
use switchlab_records::{Mode, Pass, Record, Subject, Unit, read_log};

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
        let time = serde_json::json!({ "guest_ns": guest_ns, "host_ns": 20_000_000_000_u64, "apart_ppm": 0 });
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

/// Three or more runs, in ticks a switch of each mode.
fn report_of(switches: &[[u64; 2]]) -> Report {
    let mut records = golden::classic(12, switches.len() as u32, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.subject, block.pass) == (Subject::Handoff, Pass::Batch)
        {
            let [same, cross] = switches[block.run as usize - 1];
            match block.mode {
                Mode::SameCore => block.ticks = 2_000 * same,
                Mode::CrossCore => block.ticks = 2_000 * cross,
                Mode::Switch | Mode::Free => {}
            }
        }
    }
    let text = golden::ended(records);
    Report::new(&Results::from_log(&read_log(&text)).unwrap(), None)
}

fn winners(report: &Report) -> Vec<&str> {
    report.runs.rows.iter().filter_map(|row| Some(row.last()?.as_str())).collect()
}

fn finding<'a>(report: &'a Report, label: &str) -> Option<&'a str> {
    report.findings.iter().find(|(of, _)| *of == label).map(|(_, text)| text.as_str())
}

/// The original's own five runs.
const ORIGINAL: [[u64; 2]; 5] = [[640, 897], [568, 589], [554, 610], [639, 593], [556, 594]];

#[test]
fn ties_are_called_ties_and_nothing_is_said_to_be_faster() {
    let report = report_of(&ORIGINAL);
    assert_eq!(
        winners(&report),
        ["tie (1.40x)", "tie (1.04x)", "tie (1.10x)", "tie (1.08x)", "tie (1.07x)", "no difference shown"]
    );
    assert_eq!(finding(&report, "Overall"), None);
    assert!(finding(&report, "Verdict").unwrap().starts_with("no difference shown: "));
}

#[test]
fn too_few_runs_are_not_judged() {
    let report = report_of(&ORIGINAL[..3]);
    assert_eq!(winners(&report)[2..], ["not judged (1.10x)", "not enough runs"]);
    assert_eq!(finding(&report, "Overall"), None);
}

#[test]
fn drift_over_the_runs_is_named_and_outliers_are_counted() {
    let rising: Vec<_> = (0..8).map(|run| [100 + 5 * run, 2_000]).collect();
    let report = report_of(&rising);
    let drift = finding(&report, "Drift").unwrap();
    assert!(drift.starts_with("same-core rises from run to run"), "{drift}");
    let mut outlier = [[100, 2_000]; 8];
    outlier[3][1] = 9_000;
    let report = report_of(&outlier);
    let spread = finding(&report, "Spread").unwrap();
    assert!(spread.contains("cross-core 0.0 %, outliers 1 far above"), "{spread}");
    assert_eq!(finding(&report, "Drift"), None);
}

/// What is shown of a log whose records `change` alters, in each form.
fn shown(mut records: Vec<Record<'_>>, change: impl Fn(&mut Record<'_>)) -> Vec<String> {
    records.iter_mut().for_each(change);
    let text = golden::ended(records);
    let found = Found::from_log(&text, None).unwrap();
    Format::value_variants().iter().map(|format| render(*format, &found, None).unwrap()).collect()
}

#[test]
fn halts_that_have_no_sum_are_shown_in_every_form() {
    let all = shown(golden::classic(2, 1, 100), |record| {
        if let Record::Block(block) = record
            && (block.mode, block.subject) == (Mode::CrossCore, Subject::Handoff)
        {
            block.counts.halts = 1 << 63;
            block.expected.halts = 1 << 63;
        }
    });
    // The most that there is, of 400 handoffs.
    assert!(all[0].contains("1 IPI taken, 46116860184273879.04 halts"), "{}", all[0]);
}

#[test]
fn exchanges_and_a_clock_of_any_size_are_shown_in_every_form() {
    let exchanges = i64::MAX as u64;
    let all = shown(golden::classic(2, 2, 100), |record| match record {
        Record::Start(start) => start.parameters = "experiment=classic".into(),
        Record::Plan(plan) => plan.exchanges = exchanges,
        Record::Clock(clock) => clock.tsc_hz = u64::MAX,
        Record::Block(block) if block.pass == Pass::Batch => {
            block.exchanges = exchanges;
            block.expected = prescribed::expected(block.subject, block.mode, exchanges, &block.counts);
            block.counts = block.expected;
        }
        _ => {}
    });
    assert!(all[0].contains("(18,446,744,073,709,551,615 handoffs)"), "{}", all[0]);
}

#[test]
fn plan_of_more_runs_than_came_is_refused_however_many_it_names() {
    let mut records = golden::classic(2, 1, 100);
    for record in &mut records {
        match record {
            Record::Start(start) => start.parameters = "experiment=classic".into(),
            Record::Plan(plan) => plan.runs = u32::MAX,
            _ => {}
        }
    }
    let text = golden::ended(records);
    let why = Results::from_log(&read_log(&text)).unwrap_err();
    assert_eq!(why, "the plan has runs 1 to 4294967295, and blocks of 1 came");
}
