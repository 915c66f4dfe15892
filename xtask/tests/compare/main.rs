//! `compare`, end to end: what can be compared, what it comes to, and the exit status.

#[path = "../common/mod.rs"]
mod common;
mod conditions;
mod fail_on;
mod side;
mod verdict;

use std::fs;

use common::{Done, Place, golden};
use switchlab_records::{Block, Mode, Pass, Record, Subject, Unit};

/// A log of 6 runs on 12 CPUs whose handoffs of the batch pass are changed.
fn log_with(change: impl Fn(&mut Block)) -> String {
    changed(golden::classic(12, 6, 1_000), change)
}

fn changed(mut records: Vec<Record<'static>>, change: impl Fn(&mut Block)) -> String {
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.subject, block.pass) == (Subject::Handoff, Pass::Batch)
        {
            change(block);
        }
    }
    golden::ended(records)
}

/// Every handoff takes so many thousandths.
fn scaled(thousandths: u64) -> String {
    log_with(|block| block.ticks = block.ticks * thousandths / 1_000)
}

/// Counted instructions: a handoff of `mode` executes so many more.
fn counted(mode: Mode, more_in_a_switch: u64) -> String {
    // All runs are the same, as they are where instructions are counted.
    changed(golden::classic_in(Unit::Instructions, 12, 2, 1_000), |block| {
        let base = if block.mode == Mode::Switch { 30 } else { 200 };
        let more = if block.mode == mode { more_in_a_switch } else { 0 };
        block.ticks = (base + more) * block.exchanges * 2 + 45;
    })
}

/// A place with the run `a` as a baseline and `b` as the last run.
fn two(a: &str, b: &str) -> Place {
    let place = Place::new();
    for (log, words) in [(a, "--quiet --save-baseline a"), (b, "--quiet")] {
        let done = place.run(log, "33", words);
        assert_eq!(done.status, Some(0), "{}", done.stderr);
    }
    place
}

/// A place with two folders of boots, `a` and `b`: the logs of each.
fn two_of_boots(a: &[String], b: &[String]) -> Place {
    let place = Place::new();
    for (side, logs) in [("a", a), ("b", b)] {
        for (boot, log) in logs.iter().enumerate() {
            fs::create_dir_all(place.path(&format!("{side}/{boot}"))).expect("a folder");
            place.write(&format!("{side}/{boot}/serial.log"), log);
        }
    }
    place
}

/// Six boots that differ by some thousandths, each handoff of which takes `thousandths` at the least.
fn boots(thousandths: u64) -> [String; 6] {
    [0, 1, 2, 3, 4, 5].map(|boot| scaled(thousandths + 5 * boot))
}

fn compare(place: &Place, words: &str) -> Done {
    let words: Vec<_> = ["compare"].into_iter().chain(words.split_whitespace()).collect();
    place.call(&words)
}

fn json(place: &Place, words: &str) -> serde_json::Value {
    let done = compare(place, &format!("{words} --format json"));
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    serde_json::from_str(&done.stdout).expect("JSON")
}

fn refused(place: &Place, words: &str, named: &[&str]) {
    let done = compare(place, words);
    assert_eq!((done.status, &*done.stdout), (Some(2), ""), "{words}: {}", done.stderr);
    assert!(done.stderr.starts_with("error: "), "{words}: {}", done.stderr);
    for name in named {
        assert!(done.stderr.contains(name), "{words}: no `{name}` in: {}", done.stderr);
    }
}

/// Changes the manifest of the run in `folder`.
fn edit(place: &Place, folder: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = format!("{folder}/manifest.json");
    let text = fs::read_to_string(place.path(&path)).expect("there is one");
    let mut manifest = serde_json::from_str(&text).expect("JSON");
    change(&mut manifest);
    place.write(&path, &manifest.to_string());
}

/// Six runs as they are: enough for a verdict.
fn whole_of_six() -> String {
    log_with(|_| ())
}
