//! Rigorous mode, end to end: many boots of a fake QEMU, in one folder, and read again.
//!
//! Most of them count instructions, since then a busy host makes nothing void.

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Done, Place, golden, whole};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use switchlab_records::{Mode, Record};

const PASS: &str = "33";

/// `run` with these words, without the trace that counted instructions else get; the boots from `turn` on
/// end by `then`.
fn run_until(place: &Place, words: &str, turn: u32, then: &str) -> std::process::Command {
    let mut command = place.xtask(&whole(), PASS);
    command.env("FAKE_TURNS", place.path("turns"));
    command.env("FAKE_TURN", turn.to_string()).env("FAKE_THEN", then);
    command.args(["run", "--deterministic", "--trace", "0"]).args(words.split_whitespace());
    command
}

fn run(place: &Place, words: &str) -> Done {
    Done::from(run_until(place, words, 1_000, PASS).output().expect("xtask starts"))
}

fn boots(place: &Place) -> Value {
    serde_json::from_str(&place.latest("boots.json")).expect("JSON")
}

/// A log whose cross-core blocks take `factor` times as long.
fn log_of(factor: u64) -> String {
    let mut records = golden::classic(12, 2, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && block.mode == Mode::CrossCore
        {
            block.ticks *= factor;
        }
    }
    golden::ended(records)
}

#[test]
fn each_boot_has_its_folder_and_its_seed() {
    let place = Place::new();
    let done = run(&place, "--boots 3 --seed 5");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let boots = boots(&place);
    assert_eq!((&boots["seed"], &boots["end"]["status"]), (&5.into(), &0.into()));
    let mut seeds = Vec::new();
    for (index, boot) in ["boot-01", "boot-02", "boot-03"].into_iter().enumerate() {
        assert_eq!(place.latest(&format!("{boot}/serial.log")), whole());
        assert!(!place.latest(&format!("{boot}/results.csv")).is_empty());
        let entry = &boots["boots"][index];
        assert_eq!(entry["folder"], boot);
        let manifest: Value =
            serde_json::from_str(&place.latest(&format!("{boot}/manifest.json"))).expect("JSON");
        let words = manifest["argv"].as_array().and_then(|argv| argv.last()?.as_str()).expect("-append");
        assert!(words.ends_with(&format!(" unit=instructions seed={}", entry["seed"])), "{words}");
        seeds.push(entry["seed"].clone());
    }
    seeds.dedup();
    assert_eq!(seeds.len(), 3);
    let again = run(&place, "--boots 3 --seed 5 --quiet");
    assert_eq!(again.stderr, "");
    assert_eq!(self::boots(&place)["boots"], boots["boots"], "the same seed gives the same seeds");
}

#[test]
fn folder_is_replayed_to_the_byte() {
    let place = Place::new();
    for format in ["table", "json", "csv", "markdown", "bencher", "github"] {
        let done = run(&place, &format!("--boots 6 --quiet --format {format}"));
        assert_eq!(done.status, Some(0), "{}", done.stderr);
        let replayed = place.call(&["replay", "runs/latest", "--format", format, "--out", "again"]);
        assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout), "{}", replayed.stderr);
        for name in ["results.json", "results.csv"] {
            let again = fs::read_to_string(place.path("again").join(name)).expect("written");
            assert_eq!(again, place.latest(name));
        }
    }
}

#[test]
fn watched_boots_are_replayed_with_what_was_seen() {
    let place = Place::new();
    let done = place.run(&whole(), PASS, "--boots 2 --quiet");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("Watched:"), "{}", done.stdout);
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout), "{}", replayed.stderr);
}

#[test]
fn option_alone_is_ten_boots_and_the_drawn_seed_is_said_and_kept() {
    let place = Place::new();
    let done = run(&place, "--boots");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let boots = boots(&place);
    assert_eq!(boots["boots"].as_array().map(Vec::len), Some(10));
    assert!(done.stderr.contains(&format!("\nseed: {}\n", boots["seed"])), "{}", done.stderr);
    assert!(done.stdout.contains(&format!("shuffled by seed {}", boots["seed"])), "{}", done.stdout);
}

#[test]
fn boot_that_fails_ends_it_with_its_status_and_what_is_whole_is_kept() {
    let place = Place::new();
    let done = Done::from(run_until(&place, "--boots 5", 3, "0").output().expect("xtask starts"));
    assert_eq!((done.status, &*done.stdout), (Some(3), ""), "{}", done.stderr);
    assert!(
        done.stderr.contains("triple fault") && done.stderr.contains("boot-03/serial.log"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("2 boots are whole and kept: cargo xtask replay "), "{}", done.stderr);
    let boots = boots(&place);
    assert_eq!(boots["boots"].as_array().map(Vec::len), Some(2));
    assert_eq!(boots["end"]["status"], 3);
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!(replayed.status, Some(3), "{}", replayed.stderr);
    assert!(
        replayed.stdout.contains("2 of 5 boots") && replayed.stdout.contains("Ended early:"),
        "{}",
        replayed.stdout
    );
}

#[test]
fn ctrl_c_keeps_the_boots_that_are_whole() {
    let place = Place::new();
    let mut command = run_until(&place, "--boots 5", 3, "hang");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("xtask starts");
    let log = place.path("runs/latest/boot-03/serial.log");
    let start = Instant::now();
    while fs::read_to_string(&log).unwrap_or_default() != whole() {
        assert!(start.elapsed() < Duration::from_secs(60), "boot 3 never spoke");
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("a signal is sent");
    let done = Done::from(child.wait_with_output().expect("ends"));
    assert_eq!((done.status, &*done.stdout), (Some(130), ""), "{}", done.stderr);
    assert!(
        done.stderr.contains("interrupted") && done.stderr.contains("2 boots are whole"),
        "{}",
        done.stderr
    );
    assert_eq!(boots(&place)["end"]["outcome"], "interrupted in boot 3");
    assert_eq!(fs::read_to_string(&log).expect("kept"), whole());
}

#[test]
fn narrow_interval_ends_it_when_enough_boots_count() {
    let place = Place::new();
    let done = run(&place, "--until-stable 5");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(boots(&place)["boots"].as_array().map(Vec::len), Some(10));
    assert!(done.stdout.contains("5 % asked for, after 10 boots: reached"), "{}", done.stdout);
}

#[test]
fn interval_that_stays_wide_is_7_with_the_results_and_what_would_do() {
    let place = Place::new();
    let mut command = run_until(&place, "--until-stable 5 --boots 6 --max-boots 8", 1_000, PASS);
    for turn in 1..=8_u64 {
        place.write(&format!("log-to-say.{turn}"), &log_of(1 + turn % 4));
    }
    let done = Done::from(command.output().expect("xtask starts"));
    assert_eq!(done.status, Some(7), "{}", done.stderr);
    assert_eq!(boots(&place)["boots"].as_array().map(Vec::len), Some(8));
    let said = done.stdout.lines().find(|line| line.starts_with("Stability:")).expect("it is said");
    assert!(
        said.contains("not reached with --max-boots 8; about ") && said.ends_with("would do at this spread"),
        "{said}"
    );
    assert!(done.stdout.contains("Verdict:") && !done.stdout.contains("Ended early"), "{}", done.stdout);
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(7), done.stdout), "{}", replayed.stderr);
}

#[test]
fn tracker_is_told_how_boots_ended_before_one_was_whole() {
    let place = Place::new();
    let done = Done::from(run_until(&place, "--boots 2", 1, "0").output().expect("xtask starts"));
    assert_eq!(done.status, Some(3), "{}", done.stderr);
    let replay = |format| {
        let done = place.call(&["replay", "runs/latest", "--format", format]);
        assert_eq!(done.stdout, "");
        assert!(done.stderr.contains("no boot is whole"), "{}", done.stderr);
        assert!(!done.stderr.contains("void"), "{}", done.stderr);
        done
    };
    for format in ["bencher", "github"] {
        let done = replay(format);
        assert_eq!(done.status, Some(3));
        assert!(done.stderr.contains("note: boot 1 ended it, with status 3"), "{}", done.stderr);
    }
    let mut boots = boots(&place);
    boots["end"] = Value::Null;
    place.write("runs/latest/boots.json", &boots.to_string());
    let done = replay("bencher");
    assert_eq!(done.status, Some(6));
    assert!(done.stderr.contains("note: the run has not ended"), "{}", done.stderr);
}

#[test]
fn boot_whose_log_is_gone_is_named_by_replay() {
    let place = Place::new();
    assert_eq!(run(&place, "--boots 2 --quiet").status, Some(0));
    fs::remove_file(place.path("runs/latest/boot-02/serial.log")).expect("removed");
    let done = place.call(&["replay", "runs/latest"]);
    assert_eq!((done.status, &*done.stdout), (Some(6), ""), "{}", done.stderr);
    assert!(done.stderr.contains("boot-02/serial.log"), "{}", done.stderr);
}
