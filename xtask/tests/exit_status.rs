//! Every exit status of `run`, end to end, and what is said with it.

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Done, Place, golden, whole};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PASS: &str = "33";
const FAIL: &str = "35";
const PANIC: &str = "37";
const LOADER: &str = "39";

/// On 1, 3, 4 and 6: the reason in one line, the last lines, the command line, the log's path.
fn explains(place: &Place, done: &Done, status: i32, reason: &str) {
    assert_eq!(done.status, Some(status), "{}", done.stderr);
    let first = done.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(first.contains(reason), "{first}");
    assert!(done.stderr.contains("\ncommand: "), "{}", done.stderr);
    assert!(done.stderr.contains("serial.log\n"), "{}", done.stderr);
    assert!(done.stdout.is_empty(), "{}", done.stdout);
    assert!(!place.path("runs/latest/results.json").exists());
    let manifest: serde_json::Value = serde_json::from_str(&place.latest("manifest.json")).expect("JSON");
    assert_eq!(manifest["ending"]["status"], status);
}

#[test]
fn pass_shows_the_table_and_leaves_its_folder() {
    let place = Place::new();
    let done = place.run(&whole(), PASS, "");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("Cross-Core Switch") && done.stdout.contains("QEMU:"), "{}", done.stdout);
    assert!(done.stderr.contains("\n$ ") && done.stderr.contains("12 of 12 CPUs up"), "{}", done.stderr);
    assert_eq!(place.latest("serial.log"), whole());
    assert!(place.latest("results.csv").starts_with("run,position,mode,subject,pass,"));
    let results: serde_json::Value = serde_json::from_str(&place.latest("results.json")).expect("JSON");
    assert_eq!(results["blocks"].as_array().map(Vec::len), Some(32));
    let manifest: serde_json::Value = serde_json::from_str(&place.latest("manifest.json")).expect("JSON");
    assert_eq!(manifest["qemu"]["version"], "99.0 (fake)");
    assert_eq!(manifest["kernel"]["sha256"].as_str().map(str::len), Some(64));
}

#[test]
fn quiet_pass_shows_the_results_alone() {
    let place = Place::new();
    let done = place.run(&whole(), PASS, "--quiet --format json");
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
    assert_eq!(done.stdout, place.latest("results.json"));
}

#[test]
fn deterministic_run_leaves_the_log_that_qemu_wrote_itself() {
    let place = Place::new();
    let mut command = place.xtask(&whole(), PASS);
    let done =
        Done::from(command.args(["run", "--deterministic", "--trace=0"]).output().expect("xtask starts"));
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains(" -icount shift=0,sleep=off ") && done.stderr.contains("12 of 12 CPUs up"));
    assert!(done.stdout.contains("instructions of all CPUs, run one at a time"), "{}", done.stdout);
    assert_eq!(place.latest("serial.log"), whole());
    assert!(!place.path("runs/latest/trace.log").exists());
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout));
}

#[test]
fn failed_check_is_1() {
    let place = Place::new();
    let log = golden::ended(vec![golden::start(), golden::failure("handoffs: expected 4, found 3")]);
    explains(&place, &place.run(&log, FAIL, ""), 1, "handoffs: expected 4, found 3");
}

#[test]
fn panic_is_3() {
    let place = Place::new();
    let log = golden::log(&[golden::start(), golden::crash()]);
    explains(&place, &place.run(&log, PANIC, ""), 3, "page fault (vector 14");
}

#[test]
fn refusal_of_the_loader_is_3() {
    let place = Place::new();
    explains(&place, &place.run("not an ELF64\n", LOADER, ""), 3, "refused the kernel: not an ELF64");
}

#[test]
fn reset_is_3_even_behind_a_whole_log() {
    let place = Place::new();
    explains(&place, &place.run(&whole(), "0", ""), 3, "triple fault");
    // The log is whole, so the manifest alone knows it.
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, &*replayed.stdout), (Some(3), ""), "{}", replayed.stderr);
    assert!(replayed.stderr.contains("triple fault"), "{}", replayed.stderr);
}

#[test]
fn killed_qemu_is_3_even_behind_a_whole_log() {
    let place = Place::new();
    explains(&place, &place.run(&whole(), "kill", ""), 3, "SIGKILL");
}

#[test]
fn foreign_status_is_3() {
    let place = Place::new();
    explains(&place, &place.run(&whole(), "2", ""), 3, "status 2");
}

#[test]
fn deadline_is_4_and_the_log_is_kept() {
    let place = Place::new();
    let done = place.run("still here\n", "hang", "--timeout 1");
    explains(&place, &done, 4, "deadline");
    assert_eq!(place.latest("serial.log"), "still here\n");
    says_that_nobody_answers(&place, &done);
}

#[test]
fn qemu_that_complains_and_ends_is_5() {
    let place = Place::new();
    let mut command = place.xtask("", "1");
    command.env("FAKE_STDERR", "qemu: no such machine").args(["run", "--accel", "tcg"]);
    let done = Done::from(command.output().expect("starts"));
    assert_eq!(done.status, Some(5), "{}", done.stderr);
    assert!(
        done.stderr.contains("error: QEMU did not start the guest: qemu: no such machine\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn log_without_its_end_is_6() {
    let place = Place::new();
    let cut = golden::log(&golden::classic(12, 2, 1_000));
    explains(&place, &place.run(&cut, PASS, ""), 6, "end record is missing");
}

#[test]
fn empty_log_is_6() {
    let place = Place::new();
    explains(&place, &place.run("", PASS, ""), 6, "no record in it");
}

#[test]
fn garbled_log_is_6() {
    let place = Place::new();
    let garbled = whole().replacen("\"ticks\":", "\"ticks\":1", 1);
    explains(&place, &place.run(&garbled, PASS, ""), 6, "wrong checksum");
}

#[test]
fn ctrl_c_is_130_and_the_log_is_kept() {
    let place = Place::new();
    let mut command = place.xtask("started\n", "hang");
    let child = command
        .args(["run", "--accel", "tcg", "--out", "here"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let log = place.path("here/latest/serial.log");
    let start = Instant::now();
    while std::fs::read_to_string(&log).unwrap_or_default() != "started\n" {
        assert!(start.elapsed() < Duration::from_secs(60), "the guest never spoke");
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("a signal is sent");
    let done = Done::from(child.wait_with_output().expect("ends"));
    assert_eq!(done.status, Some(130), "{}", done.stderr);
    assert!(done.stderr.contains("interrupted"), "{}", done.stderr);
    assert_eq!(std::fs::read_to_string(&log).expect("kept"), "started\n");
}

#[test]
fn ctrl_c_for_xtask_alone_is_130_and_ends_the_build_with_all_that_it_started() {
    let place = Place::new();
    for words in [&["host", "--quiet"], &["bench", "--quiet"]] {
        let noted = place.path(&format!("pids-of-{}", words[0]));
        let mut command = place.xtask("", "0");
        command.env("CARGO", place.cargo()).env("FAKE_PIDS", &noted);
        let child =
            command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let start = Instant::now();
        let pids = loop {
            if let Ok(pids) = std::fs::read_to_string(&noted) {
                break pids;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{words:?}: no build was started");
            std::thread::yield_now();
        };
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("a signal is sent");
        let done = Done::from(child.wait_with_output().expect("ends"));
        assert_eq!((done.status, &*done.stdout), (Some(130), ""), "{words:?}: {}", done.stderr);
        assert!(done.stderr.contains("the build was ended"), "{words:?}: {}", done.stderr);
        for pid in pids.split_whitespace() {
            // One whose parent has ended is dead before somebody waits for it.
            let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            while !(stat().is_empty() || stat().contains(") Z ")) {
                assert!(start.elapsed() < Duration::from_secs(120), "{words:?} left behind: {}", stat());
                std::thread::yield_now();
            }
        }
        assert_eq!(place.runs(), 0, "{words:?}");
    }
}

#[test]
fn foreign_kernels_serial_and_status_are_passed_through() {
    let place = Place::new();
    for (end, status) in [("0", 0), ("7", 7), ("33", 33), ("35", 35)] {
        let done = place.run("any words\n", end, "--kernel kernel --quiet");
        assert_eq!((done.status, &*done.stdout), (Some(status), "any words\n"), "{}", done.stderr);
        assert_eq!(place.latest("serial.log"), "any words\n");
    }
    // Its status is 0, and it is no pass when its log is read again.
    assert_eq!(place.run(&whole(), "0", "--kernel kernel --quiet").status, Some(0));
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, &*replayed.stdout), (Some(3), ""), "{}", replayed.stderr);
    let done = place.run("any words\n", "hang", "--kernel kernel --timeout 1");
    assert_eq!(done.status, Some(4), "{}", done.stderr);
    says_that_nobody_answers(&place, &done);
}

/// A QEMU without a monitor can not be asked what its guest does.
fn says_that_nobody_answers(place: &Place, done: &Done) {
    let unknown = "what each CPU did is not known: QEMU's monitor: ";
    assert!(done.stderr.contains(unknown), "{}", done.stderr);
    assert!(place.latest("hang.txt").starts_with(unknown));
}

#[test]
fn runs_at_once_do_not_collide() {
    let place = Place::new();
    let start = || {
        let mut command = place.xtask(&whole(), PASS);
        command.args(["run", "--accel", "tcg", "--quiet"]).stdout(Stdio::null()).spawn().expect("starts")
    };
    let children = [(); 4].map(|()| start());
    for mut child in children {
        assert!(child.wait().expect("ends").success());
    }
    assert_eq!(place.runs(), 4);
    assert_eq!(place.latest("serial.log"), whole());
}
