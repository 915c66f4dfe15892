//! Experiments with many points, from the command line: what is shown, kept, refused, and read again.

mod common;

use common::{Done, Place, golden, whole};

fn matrix() -> String {
    golden::ended(golden::points::matrix(12, 1))
}

fn refused(done: &Done, told: &str) {
    assert_eq!((done.status, &*done.stdout), (Some(2), ""), "{}", done.stderr);
    assert!(done.stderr.contains(told), "{}", done.stderr);
}

#[test]
fn run_shows_and_keeps_points_and_replay_gives_the_same_bytes() {
    let place = Place::new();
    for format in ["table", "json", "csv", "markdown", "bencher", "github"] {
        let ran = place.run(&matrix(), "33", &format!("--quiet --experiment ring --format {format}"));
        assert_eq!(ran.status, Some(0), "{format}: {}", ran.stderr);
        let again = place.call(&["replay", "runs/latest", "--format", format]);
        assert_eq!((again.status, &again.stdout), (Some(0), &ran.stdout), "{format}: {}", again.stderr);
    }
    let csv = place.latest("results.csv");
    assert_eq!(csv.lines().count(), 1 + 2 * 12 * 11);
    assert!(place.latest("results.json").contains("\"cells\""));
}

#[test]
fn progress_tells_each_point_and_what_is_absent() {
    let place = Place::new();
    let done = place.run(&golden::ended(golden::points::wait(1)), "33", "--experiment ring");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("wait: 3 points in 1 run"), "{}", done.stderr);
    assert!(
        done.stderr.contains("point 3 of 3: run 1 spin-halt from 0 to 1: 4.50µs one way, all done"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("mwait absent: this CPU has no MONITOR"), "{}", done.stderr);
}

#[test]
fn options_that_compare_modes_are_refused_with_what_works_instead() {
    let place = Place::new();
    let run = |words: &str| place.run(&matrix(), "33", &format!("--quiet --experiment ring {words}"));
    refused(
        &run("--boots"),
        "--boots with --experiment ring: boots are compared by the modes of classic; --runs N",
    );
    refused(&run("--trace 5"), "--trace with --experiment ring");
    refused(&run("--save-baseline mine"), "--save-baseline with --experiment ring");
    refused(&run("--samples 5"), "--samples with --experiment ring");
    refused(&run("--tasks 8"), "--tasks with --experiment ring");
    assert_eq!(place.runs(), 0, "refused before anything is started");
}

#[test]
fn numbers_beyond_what_the_kernel_takes_are_refused_with_what_is_allowed() {
    let place = Place::new();
    let run = |words: &str| place.run(&matrix(), "33", &format!("--quiet {words}"));
    for (words, told) in [
        ("--experiment policy --tasks 65537", "65537 is not in 2..=65536"),
        ("--experiment policy --tasks 1", "1 is not in 2..=65536"),
        ("--experiment policy --budget 0", "0 is not in 1..=60000"),
        ("--experiment ring --ways sleep", "of halt, spin, spin-pause, spin-halt, mwait"),
        ("--experiment rings", "ring"),
        ("--experiment ring --pair 0,12", "CPU 12 is absent"),
    ] {
        refused(&run(words), told);
    }
}

#[test]
fn comparison_with_an_experiment_of_points_is_refused_by_name() {
    let place = Place::new();
    place.write("points.log", &matrix());
    place.write("classic.log", &whole());
    let done = place.call(&["compare", "points.log", "classic.log"]);
    refused(
        &done,
        "points.log: it is of matrix, which measures at many points; the modes of classic are compared",
    );
}

#[test]
fn log_whose_points_are_not_all_there_has_no_result() {
    let mut records = golden::points::matrix(4, 1);
    let last = records.len() - 2;
    records.remove(last);
    let place = Place::new();
    let done = place.run(&golden::ended(records), "33", "--quiet --experiment ring");
    assert_eq!((done.status, &*done.stdout), (Some(6), ""), "{}", done.stderr);
    assert!(done.stderr.contains("the plan says 24 points, 23 came"), "{}", done.stderr);
}

#[test]
fn report_of_a_run_carries_its_log_and_replay_reads_it_back() {
    let place = Place::new();
    let ran = place.run(&matrix(), "33", "--quiet --experiment ring --format csv");
    let done = place.call(&["report", "runs/latest", "--out", "page.html"]);
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let again = place.call(&["replay", "page.html", "--format", "csv"]);
    assert_eq!((again.status, again.stdout), (Some(0), ran.stdout), "{}", again.stderr);
}
