//! A guest that is stopped while it measures, end to end: its run is void, and that is kept and shown.

mod common;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Done, Place, whole};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The log up to the first block of run 2, which comes behind the pause.
fn halves() -> (String, String) {
    let log = whole();
    let place = log.find(r#"{"block":{"run":2,"#).expect("run 2 is there");
    let (first, rest) = log.split_at(log[..place].rfind('\n').expect("a line before it") + 1);
    (first.to_owned(), rest.to_owned())
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
    let (first, rest) = halves();
    fs::create_dir(place.path("pause")).expect("a folder");
    place.write("pause/rest", &rest);
    let mut command = place.xtask(&first, "33");
    command.env("FAKE_PAUSE", place.path("pause")).args(["run", "--accel", "tcg"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("xtask starts");
    let pid = wait_for("QEMU's number", || {
        fs::read_to_string(place.path("pause/pid")).ok()?.trim().parse().ok().map(Pid::from_raw)
    });
    // What xtask has not looked at yet would be told to have come during the stop.
    let blocks = first.matches(r#"{"block":"#).count();
    let last = format!("block {blocks} of ");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let seen = stderr.by_ref().map_while(Result::ok).any(|line| line.starts_with(&last));
    assert!(seen, "`{last}` never came");
    kill(pid, Signal::SIGSTOP).expect("QEMU is stopped");
    // The watcher looks some fifty times a second; nothing tells from outside that it has.
    std::thread::sleep(Duration::from_millis(500));
    place.write("pause/go", "");
    kill(pid, Signal::SIGCONT).expect("QEMU goes on");
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
    assert_eq!(voids.iter().filter(stopped).count(), 1, "{voids:?}");
    assert_eq!(voids.iter().find(stopped).map(|void| &void["run"]), Some(&2.into()));
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout));
}

#[test]
fn monitor_of_a_qemu_without_one_is_said_not_to_be_heard() {
    let place = Place::new();
    let done = place.run(&whole(), "33", "");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("pauses not: QEMU's monitor did not open"), "{}", done.stdout);
}
