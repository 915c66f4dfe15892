//! Experiments with many points, from the command line: what is shown, kept, refused, and read again.

mod common;

use common::{Done, Place, golden, whole};
use switchlab_records::{Record, Unit};

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
        (
            "--experiment policy --tasks 65537",
            "the kernel's heap, of 128 MiB at most, is made for 65,536 tasks",
        ),
        ("--experiment policy --tasks 65537", "leave the number out, or give one between these"),
        ("--experiment policy --tasks 1", "1 is not in 2..=65536"),
        ("--experiment policy --tasks 1", "a switch takes two"),
        ("--experiment policy --tasks many", "a number in 2..=65536 is expected"),
        ("--experiment policy --budget 0", "0 is not in 1..=60000"),
        ("--experiment ring --ways sleep", "of halt, spin, spin-pause, spin-halt, mwait"),
        ("--experiment rings", "ring"),
        ("--experiment ring --pair 0,12", "CPU 12 is absent"),
    ] {
        refused(&run(words), told);
    }
}

#[test]
fn points_in_time_are_not_compared() {
    let place = Place::new();
    place.write("points.log", &matrix());
    place.write("classic.log", &whole());
    let done = place.call(&["compare", "points.log", "classic.log"]);
    refused(
        &done,
        "points.log: it is of matrix, which measures at many points, in time: points are compared where",
    );
}

/// Ways to wait, counted; the first series takes so many instructions more in all.
fn counted(more: u64) -> String {
    let mut records = golden::points::wait(1);
    let mut first = None;
    for record in &mut records {
        match record {
            Record::Plan(plan) => plan.unit = Unit::Instructions,
            Record::Point(point) if *first.get_or_insert(point.series.clone()) == point.series => {
                point.ticks += more;
            }
            _ => {}
        }
    }
    golden::ended(records)
}

#[test]
fn counted_points_are_kept_by_a_name_and_compared_to_the_instruction() {
    let place = Place::new();
    let run = |log: &str, words: &str| {
        let done = place.run(log, "33", &format!("--quiet --deterministic --experiment ring {words}"));
        assert_eq!(done.status, Some(0), "{}", done.stderr);
    };
    run(&counted(0), "--save-baseline before");
    run(&counted(0), "");
    let same = place.call(&["compare", "before", "latest", "--fail-on", "any"]);
    assert_eq!(same.status, Some(0), "{}", same.stderr);
    assert!(same.stdout.contains("B executes exactly as many instructions as A in "), "{}", same.stdout);
    assert!(same.stdout.contains(" One handoff "), "{}", same.stdout);
    run(&counted(100), "");
    let more = place.call(&["compare", "before", "latest", "--fail-on", "slower"]);
    assert_eq!(more.status, Some(1), "{}", more.stderr);
    assert!(
        more.stdout.contains("B executes more instructions than A in halt from 0 to 1"),
        "{}",
        more.stdout
    );
    let rows = more.stdout.lines().filter(|line| line.ends_with("   equal")).count();
    assert_eq!(rows, 2, "{}", more.stdout);
    place.write("classic.log", &golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000)));
    refused(&place.call(&["compare", "before", "classic.log"]), "A is of wait, B of classic");
    place.write("ring.log", &counted_ring());
    refused(&place.call(&["compare", "before", "ring.log"]), "no common point: A is of wait, B of ring");
}

fn counted_ring() -> String {
    let mut records = golden::points::ring(1);
    for record in &mut records {
        if let Record::Plan(plan) = record {
            plan.unit = Unit::Instructions;
        }
    }
    golden::ended(records)
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
