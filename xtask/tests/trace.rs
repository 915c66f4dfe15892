//! The trace of a run: when there is one, what it leaves, and what is said where it goes wrong.

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Done, Place, golden, traced, whole};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use switchlab_records::Unit;

const PASS: &str = "33";
const FAIL: &str = "35";

/// Counted instructions, as the golden machine has them.
fn counted() -> String {
    golden::ended(golden::classic_in(Unit::Instructions, 2, 1, 1_000))
}

fn run(place: &Place, log: &str, words: &[&str], trace_end: &str) -> Done {
    let mut command = place.xtask(log, PASS);
    command.env("FAKE_TRACE_END", trace_end).args(["run", "--accel", "tcg"]).args(words);
    Done::from(command.output().expect("xtask starts"))
}

#[test]
fn deterministic_run_shows_its_steps_and_replay_shows_them_again() {
    let place = Place::new();
    let done = run(&place, &counted(), &["--deterministic"], PASS);
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(
        done.stderr.contains("trace: 100 exchanges of each mode, by the marked kernel"),
        "{}",
        done.stderr
    );
    assert!(done.stdout.contains("\nWhy, in measured steps of one exchange"), "{}", done.stdout);
    assert_eq!(place.latest("trace.log"), traced());
    let manifest: serde_json::Value =
        serde_json::from_str(&place.latest("trace-manifest.json")).expect("JSON");
    let kernel = manifest["kernel"]["path"].as_str().expect("a path");
    let append = manifest["argv"].as_array().and_then(|argv| argv.last()).and_then(|word| word.as_str());
    assert!(kernel.ends_with("/marked") && append.expect("words").ends_with(" trace=100"), "{manifest}");
    let replayed = place.call(&["replay", "runs/latest", "--out", "again"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout));
    for name in ["steps.json", "trace.json"] {
        let again = fs::read_to_string(place.path("again").join(name)).expect("written");
        assert_eq!(again, place.latest(name), "{name}");
    }
}

#[test]
fn other_formats_have_the_results_alone() {
    let place = Place::new();
    let done = run(&place, &counted(), &["--deterministic", "--quiet", "--format", "json"], PASS);
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
    assert_eq!(done.stdout, place.latest("results.json"));
    assert!(place.path("runs/latest/steps.json").exists());
}

#[test]
fn run_in_time_traces_only_where_it_is_asked_to() {
    let place = Place::new();
    assert_eq!(run(&place, &whole(), &[], PASS).status, Some(0));
    assert!(!place.path("runs/latest/trace.log").exists());
    let mut command = place.xtask(&whole(), PASS);
    let timed = golden::ended(golden::traced(Unit::Time, 3));
    command.env("FAKE_TRACE", place.write("timed", &timed));
    let done =
        Done::from(command.args(["run", "--accel", "tcg", "--trace", "3"]).output().expect("xtask starts"));
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("less sure than the whole"), "{}", done.stdout);
}

#[test]
fn trace_that_goes_wrong_is_named_behind_the_results_and_has_the_last_word() {
    let wrong = |trace: &str, end, status, what: &str| {
        let place = Place::new();
        let mut command = place.xtask(&counted(), PASS);
        command.env("FAKE_TRACE", place.write("wrong", trace)).env("FAKE_TRACE_END", end);
        let done = Done::from(command.args(["run", "--deterministic"]).output().expect("xtask starts"));
        assert_eq!(done.status, Some(status), "{}", done.stderr);
        // What was measured is shown all the same.
        assert!(done.stdout.contains("Cross-Core Switch") && !done.stdout.contains("Why, in measured steps"));
        let error = done.stderr.lines().find(|line| line.starts_with("error: no steps: ")).expect("an error");
        assert!(error.contains(what), "{error}");
        assert!(done.stderr.contains("trace.log\n"), "{}", done.stderr);
        assert!(!place.path("runs/latest/steps.json").exists());
        let replayed = place.call(&["replay", "runs/latest"]);
        assert_eq!((replayed.status, &*replayed.stdout), (Some(status), &*done.stdout));
        assert!(replayed.stderr.starts_with("error: no steps: "), "{}", replayed.stderr);
    };
    let failed = golden::ended(vec![golden::start(), golden::failure("trace of cross-core: handoffs")]);
    wrong(&failed, FAIL, 1, "trace of cross-core: handoffs");
    wrong(&whole(), PASS, 6, "comes from the kernel `switchlab`");
    let cut = traced();
    wrong(&cut[..cut.len() - 30], PASS, 6, "cut");
    wrong(&golden::ended(golden::traced(Unit::Time, 3)), PASS, 6, "different units");
}

#[test]
fn marked_kernels_log_is_no_result() {
    let place = Place::new();
    let done = place.run(&traced(), PASS, "");
    assert_eq!(done.status, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("a kernel with marks in it measures nothing"), "{}", done.stderr);
    assert!(done.stdout.is_empty());
}

#[test]
fn trace_is_bounded_and_of_our_own_kernel() {
    let place = Place::new();
    for (words, named) in [
        (&["--trace", "5001"][..], "0..=5000"),
        (&["--trace", "all"], "all"),
        (&["--trace", "5", "--kernel", "kernel"], "--kernel"),
    ] {
        let done = run(&place, "", words, PASS);
        assert_eq!(done.status, Some(2), "{}", done.stderr);
        assert!(done.stderr.contains(named), "{}", done.stderr);
    }
    assert_eq!(place.runs(), 0);
}

#[test]
fn marked_kernel_that_is_not_given_is_missing() {
    let place = Place::new();
    let mut command = place.xtask(&counted(), PASS);
    let done =
        Done::from(command.env_remove("SWITCHLAB_MARKED").args(["run", "--deterministic"]).output().unwrap());
    assert_eq!(done.status, Some(5), "{}", done.stderr);
    assert!(done.stderr.contains("SWITCHLAB_MARKED"), "{}", done.stderr);
}

#[test]
fn several_boots_are_traced_once_behind_the_last() {
    let place = Place::new();
    let done = run(&place, &counted(), &["--deterministic", "--boots", "3", "--seed", "0"], PASS);
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(done.stderr.matches("trace: 100 exchanges of each mode").count(), 1, "{}", done.stderr);
    let (_, steps) = done.stdout.split_once("\nWhy, in measured steps of one exchange").expect("steps");
    // The golden machine's exchange takes 404 where it measures.
    assert!(steps.contains("404") && steps.contains("NOT exact"), "{steps}");
    assert!(
        place.path("runs/latest/trace.json").exists()
            && !place.path("runs/latest/boot-01/trace.log").exists()
    );
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(0), done.stdout));
}

#[test]
fn boots_in_time_trace_only_where_they_are_asked_to() {
    let place = Place::new();
    let done = run(&place, &whole(), &["--boots", "2"], PASS);
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(!done.stderr.contains("trace: ") && !place.path("runs/latest/trace.log").exists());
}

#[test]
fn trace_behind_several_boots_that_goes_wrong_has_the_last_word() {
    let place = Place::new();
    let mut command = place.xtask(&counted(), PASS);
    command.env("FAKE_TRACE", place.write("wrong", &whole()));
    let words = ["run", "--deterministic", "--boots", "3", "--seed", "0", "--trace", "3"];
    let done = Done::from(command.args(words).output().expect("xtask starts"));
    assert_eq!(done.status, Some(6), "{}", done.stderr);
    assert!(done.stderr.contains("error: no steps: "), "{}", done.stderr);
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(6), done.stdout));
}

#[test]
fn ctrl_c_in_the_trace_leaves_whole_results_and_says_that_the_trace_was_cut() {
    for words in [&["run", "--deterministic"][..], &["run", "--deterministic", "--boots", "2"]] {
        let place = Place::new();
        let cut = &traced()[..traced().len() / 2];
        let mut command = place.xtask(&counted(), PASS);
        command.env("FAKE_TRACE", place.write("cut", cut)).env("FAKE_TRACE_END", "hang").args(words);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("xtask starts");
        let log = place.path("runs/latest/trace.log");
        let start = Instant::now();
        while fs::read_to_string(&log).unwrap_or_default() != cut {
            if start.elapsed() > Duration::from_secs(60) {
                // It ends its QEMU, which else would outlive this test.
                let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT);
                let done = Done::from(child.wait_with_output().expect("ends"));
                panic!("the marked kernel never spoke: {}", done.stderr);
            }
            std::thread::yield_now();
        }
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).expect("a signal is sent");
        let done = Done::from(child.wait_with_output().expect("ends"));
        assert_eq!(done.status, Some(130), "{}", done.stderr);
        assert!(
            done.stderr.contains("the trace is cut, what was measured before it is whole"),
            "{}",
            done.stderr
        );
        let replayed = place.call(&["replay", "runs/latest"]);
        assert_eq!((replayed.status, &*replayed.stdout), (Some(130), &*done.stdout), "{}", replayed.stderr);
        assert!(replayed.stderr.starts_with("note: the trace was cut by Ctrl-C"), "{}", replayed.stderr);
        // The page has the results, says the same, and carries what replay needs.
        let report = place.call(&["report", "--out", "page.html"]);
        let page = fs::read_to_string(place.path("page.html")).expect("a page");
        assert_eq!(report.status, Some(0), "{}", report.stderr);
        assert!(page.contains("Not measured: the trace was cut by Ctrl-C."));
        let of_page = place.call(&["replay", "page.html"]);
        assert_eq!((of_page.status, of_page.stdout), (Some(130), done.stdout), "{}", of_page.stderr);
    }
}

#[test]
fn trace_that_outlasts_its_deadline_is_replayed_with_the_status_of_its_run() {
    let place = Place::new();
    let done = run(&place, &counted(), &["--deterministic", "--timeout", "1"], "hang");
    assert_eq!(done.status, Some(4), "{}", done.stderr);
    // It is the trace's deadline, behind a measurement that is whole.
    assert!(done.stdout.contains("Cross-Core Switch"), "{}", done.stdout);
    assert!(done.stderr.contains("error: no steps"), "{}", done.stderr);
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!((replayed.status, replayed.stdout), (Some(4), done.stdout), "{}", replayed.stderr);
}
