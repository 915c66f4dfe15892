//! A guest that is stopped while it measures, end to end: its run is void, and that is kept and shown.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use common::{Done, Place, golden, whole};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The log up to the record that has `needle` in it, which comes behind the pause.
fn halves<'a>(log: &'a str, needle: &str) -> (&'a str, &'a str) {
    let place = log.find(needle).expect("it is there");
    log.split_at(log[..place].rfind('\n').expect("a line before it") + 1)
}

/// `run --accel tcg`, whose QEMU is at work between the halves: QEMU's number with it.
fn start(place: &Place, (first, rest): (&str, &str), words: &[&str]) -> (Child, Pid) {
    fs::create_dir(place.path("pause")).expect("a folder");
    place.write("pause/rest", rest);
    let mut command = place.xtask(first, "33");
    command.env("FAKE_PAUSE", place.path("pause")).args(["run", "--accel", "tcg"]).args(words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("xtask starts");
    let pid = wait_for("QEMU's number", || {
        fs::read_to_string(place.path("pause/pid")).ok()?.trim().parse().ok().map(Pid::from_raw)
    });
    (child, pid)
}

fn stop_a_while(place: &Place, pid: Pid) {
    kill(pid, Signal::SIGSTOP).expect("QEMU is stopped");
    // The watcher looks some fifty times a second; nothing tells from outside that it has.
    std::thread::sleep(Duration::from_millis(500));
    place.write("pause/go", "");
    kill(pid, Signal::SIGCONT).expect("QEMU goes on");
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what} never came");
        std::thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn run_in_which_qemu_was_stopped_is_void_and_replayed_so() {
    let place = Place::new();
    let log = whole();
    let (first, rest) = halves(&log, r#"{"block":{"run":2,"#);
    let (mut child, pid) = start(&place, (first, rest), &[]);
    // What xtask has not looked at yet would be told to have come during the stop.
    let blocks = first.matches(r#"{"block":"#).count();
    let last = format!("block {blocks} of ");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let seen = stderr.by_ref().map_while(Result::ok).any(|line| line.starts_with(&last));
    assert!(seen, "`{last}` never came");
    stop_a_while(&place, pid);
    let stderr: Vec<_> = stderr.map_while(Result::ok).collect();
    let done = Done::from(child.wait_with_output().expect("xtask ends"));
    assert_eq!(done.status, Some(0), "{stderr:?}");
    // A busy host may add voids of its own, for other reasons.
    let told = |line: &str| line.contains("run 2: ") && line.contains("stopped for ");
    assert!(done.stdout.lines().any(told), "{}", done.stdout);
    let of_run_2 = |line: &&str| line.starts_with(" 2 ") && line.ends_with(" void");
    assert_eq!(done.stdout.lines().filter(of_run_2).count(), 1, "{}", done.stdout);
    let manifest: serde_json::Value = serde_json::from_str(&place.latest("manifest.json")).expect("JSON");
    let voids = manifest["watch"]["voids"].as_array().expect("voids");
    let stopped = |void: &&serde_json::Value| {
        void["reasons"].as_array().is_some_and(|all| all.iter().any(|one| one["reason"] == "stopped"))
    };
    // Blocks that came with the first of run 2, faster than they can have been, share its verdict.
    let runs: Vec<_> = voids.iter().filter(stopped).map(|void| &void["run"]).collect();
    assert!(!runs.is_empty() && runs.iter().all(|run| **run == 2), "{voids:?}");
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout));
}

/// In a tracker's format, of one run, and that void.
fn all_void(words: &[&str]) -> (Place, Done) {
    let place = Place::new();
    let log = golden::ended(golden::classic(12, 1, 1_000));
    let needle = r#""mode":"cross-core","subject":"handoff","pass":"batch""#;
    let (child, pid) = start(&place, halves(&log, needle), words);
    stop_a_while(&place, pid);
    let done = Done::from(child.wait_with_output().expect("xtask ends"));
    assert_eq!((done.status, &*done.stdout), (Some(7), ""), "{}", done.stderr);
    assert!(done.stderr.contains("so there is no figure to track"), "{}", done.stderr);
    assert!(done.stderr.contains("\nnot saved: a baseline is a run that passed"), "{}", done.stderr);
    assert!(done.stderr.contains("\nkept: "), "{}", done.stderr);
    (place, done)
}

#[cfg(target_os = "linux")]
#[test]
fn tracker_gets_no_figure_of_what_is_void_and_all_else_is_left() {
    let (place, _) = all_void(&["--format", "bencher", "--save-baseline", "before"]);
    assert!(place.path("runs/latest/results.csv").exists());
    // The guest passed: its results are shown to people.
    assert_eq!(place.call(&["replay", "runs/latest"]).status, Some(0));
    assert_eq!(place.call(&["replay", "runs/latest", "--format", "github"]).status, Some(7));
}

#[cfg(target_os = "linux")]
#[test]
fn void_boots_are_noted_with_the_status_of_their_run() {
    let (place, _) = all_void(&["--format", "github", "--boots", "1", "--save-baseline", "before"]);
    let boots: serde_json::Value = serde_json::from_str(&place.latest("boots.json")).expect("JSON");
    assert_eq!((&boots["end"]["status"], boots["boots"].as_array().map(Vec::len)), (&7.into(), Some(1)));
    let replayed = place.call(&["replay", "runs/latest", "--format", "github"]);
    assert_eq!((replayed.status, &*replayed.stdout), (Some(7), ""));
    assert!(replayed.stderr.contains("note: all boots are void"), "{}", replayed.stderr);
}

#[test]
fn monitor_of_a_qemu_without_one_is_said_not_to_be_heard() {
    let place = Place::new();
    let done = place.run(&whole(), "33", "");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("pauses not: QEMU's monitor did not open"), "{}", done.stdout);
}
