//! Instructions beside time: the hierarchy's run boots once more before it measures, and what that counted stands beside
//! what was measured, in `run`, `replay` and the report.

mod common;

use common::{Done, Place, golden};
use serde_json::Value;
use switchlab_records::Unit;

const PASS: &str = "33";

fn timed() -> String {
    golden::ended(golden::points::hierarchy(5, Unit::Time))
}

/// The first boot says `counted`, the second what was measured.
fn run(place: &Place, counted: &str, words: &str) -> Done {
    let mut command = place.xtask(&timed(), PASS);
    place.write("log-to-say.1", counted);
    command.env("FAKE_TURNS", place.path("turns"));
    command.args(["run", "--accel", "tcg", "--experiment", "hierarchy"]).args(words.split_whitespace());
    Done::from(command.output().expect("xtask starts"))
}

fn counted() -> String {
    golden::ended(golden::points::hierarchy(1, Unit::Instructions))
}

fn instructions(results: &str) -> Vec<Option<f64>> {
    let results: Value = serde_json::from_str(results).expect("JSON");
    results["cells"].as_array().expect("cells").iter().map(|cell| cell["instructions"].as_f64()).collect()
}

#[test]
fn hierarchy_has_each_levels_instructions_beside_its_time() {
    let place = Place::new();
    let done = run(&place, &counted(), "");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(instructions(&place.latest("results.json")), [10.0, 20.0, 60.0, 3_000.0].map(Some));
    let header = done.stdout.lines().find(|line| line.contains("Level")).expect("a table");
    assert!(header.contains("Instructions") && header.contains("Guessed"), "{header}");
    assert!(done.stdout.contains("~2KB stack"), "{}", done.stdout);
    // The first boot counts, with as many exchanges as suit that.
    let words = |name: &str| {
        let manifest: Value = serde_json::from_str(&place.latest(name)).expect("JSON");
        manifest["argv"].to_string()
    };
    let (first, second) = (words("instructions-manifest.json"), words("manifest.json"));
    assert!(first.contains("-icount") && first.contains("runs=1 exchanges=10000"), "{first}");
    assert!(!second.contains("-icount") && second.contains("runs=5 exchanges=1000000"), "{second}");
    let again = place.call(&["replay", "runs/latest"]);
    assert_eq!((again.status, &again.stdout), (Some(0), &done.stdout), "{}", again.stderr);
    let report = place.call(&["report", "runs/latest", "--out", "report.html"]);
    assert_eq!(report.status, Some(0), "{}", report.stderr);
    let of_report = place.call(&["replay", "report.html", "--format", "json"]);
    assert_eq!(instructions(&of_report.stdout), [10.0, 20.0, 60.0, 3_000.0].map(Some));
}

#[test]
fn what_is_shorter_or_limited_by_time_is_counted_as_short_and_without_that_limit() {
    let place = Place::new();
    let done = run(&place, &counted(), "--exchanges 300 --budget 50 --runs 3");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let manifest = place.latest("instructions-manifest.json");
    assert!(manifest.contains("runs=1 exchanges=300 ") && !manifest.contains("budget"), "{manifest}");
}

#[test]
fn time_is_shown_where_the_boot_that_counts_fails_and_the_status_is_its_own() {
    let place = Place::new();
    let cut = counted();
    let done = run(&place, &cut[..cut.len() / 2], "");
    assert_eq!(done.status, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("error: no instructions: "), "{}", done.stderr);
    assert!(done.stdout.contains("fiber") && !done.stdout.contains("Instructions"), "{}", done.stdout);
    let again = place.call(&["replay", "runs/latest"]);
    assert_eq!(again.stdout, done.stdout);
    assert!(again.stderr.contains("instructions are not shown"), "{}", again.stderr);
}

#[test]
fn what_counted_something_else_is_not_taken_for_it() {
    let place = Place::new();
    for other in [timed(), golden::ended(golden::points::scale(1))] {
        let done = run(&place, &other, "");
        assert_eq!(done.status, Some(6), "{}", done.stderr);
        assert!(!done.stdout.contains("Instructions"), "{}", done.stdout);
        std::fs::remove_file(place.path("turns")).expect("turns were taken");
    }
}

#[test]
fn time_alone_is_one_boot() {
    let place = Place::new();
    let done = run(&place, &timed(), "--no-instructions");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(!place.path("runs/latest/instructions.log").exists());
    let turns = std::fs::read_to_string(place.path("turns")).expect("turns were taken");
    assert_eq!(turns.lines().count(), 1);
}
