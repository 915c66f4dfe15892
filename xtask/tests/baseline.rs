//! Baselines, end to end: what `run --save-baseline` keeps, replaces and refuses.

mod common;

use std::fs;

use common::{Place, golden, whole};

#[test]
fn baseline_is_a_copy_of_the_run_that_can_be_replayed() {
    let place = Place::new();
    let done = place.run(&whole(), "33", "--save-baseline before");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("\nsaved: runs/baselines/before\n"), "{}", done.stderr);
    for name in ["serial.log", "manifest.json", "results.json", "results.csv"] {
        let kept = fs::read_to_string(place.path("runs/baselines/before").join(name)).expect("kept");
        assert_eq!(kept, place.latest(name), "{name}");
    }
    let replayed = place.call(&["replay", "runs/baselines/before"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout), "{}", replayed.stderr);
}

#[test]
fn baseline_of_the_same_name_is_replaced_with_a_note() {
    let place = Place::new();
    place.run(&whole(), "33", "--save-baseline before");
    let other = golden::ended(golden::classic(3, 1, 10));
    let done = place.run(&other, "33", "--save-baseline before");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("\nreplaced: runs/baselines/before\n"), "{}", done.stderr);
    let kept = fs::read_to_string(place.path("runs/baselines/before/serial.log")).expect("kept");
    assert_eq!(kept, other);
}

#[test]
fn run_that_did_not_pass_is_no_baseline_and_replaces_none() {
    let place = Place::new();
    place.run(&whole(), "33", "--save-baseline before");
    let cut = golden::log(&golden::classic(12, 2, 1_000));
    let done = place.run(&cut, "33", "--save-baseline before");
    assert_eq!(done.status, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("not saved: a baseline is a run that passed"), "{}", done.stderr);
    let kept = fs::read_to_string(place.path("runs/baselines/before/serial.log")).expect("kept");
    assert_eq!(kept, whole());
}

#[test]
fn name_that_is_none_is_refused_before_anything_starts() {
    for name in ["../out", "a/b", ".hidden", "latest", ""] {
        let place = Place::new();
        let done = place.call(&["run", "--save-baseline", name]);
        assert_eq!(done.status, Some(2), "{name}: {}", done.stderr);
        assert!(done.stderr.contains("--save-baseline"), "{name}: {}", done.stderr);
        assert_eq!(place.runs(), 0, "{name}: a guest was started");
    }
    let done = Place::new().call(&["run", "--save-baseline", "a", "--kernel", "kernel"]);
    assert_eq!(done.status, Some(2), "{}", done.stderr);
}

#[test]
fn baseline_that_cannot_be_written_is_named_and_the_run_is_kept() {
    let place = Place::new();
    fs::create_dir(place.path("runs")).expect("a folder");
    place.write("runs/baselines", "in the way");
    let done = place.run(&whole(), "33", "--save-baseline before");
    assert_eq!(done.status, Some(5), "{}", done.stderr);
    assert!(done.stderr.contains("saving the baseline `before`"), "{}", done.stderr);
    assert_eq!(place.latest("serial.log"), whole());
}
