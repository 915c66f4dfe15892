//! What another version wrote is named as such, where it is read: never misread, never left out
//! without a word.

mod common;

use common::{Done, Place, whole};
use switchlab_records::FORMAT_VERSION;

/// The log as a kernel of another format would begin each of its lines.
fn log_of_format(format: u32) -> String {
    let (ours, theirs) = (format!("@sl {FORMAT_VERSION} "), format!("@sl {format} "));
    let log = whole().replace(&ours, &theirs);
    assert!(log.contains(&theirs) && !log.contains(&ours));
    log
}

fn replay_of(log: &str) -> Done {
    let place = Place::new();
    place.write("log", log);
    place.call(&["replay", "log"])
}

#[test]
fn newer_kernels_log_is_refused_by_an_older_xtask() {
    let done = replay_of(&log_of_format(FORMAT_VERSION + 1));
    assert_eq!((done.status, &*done.stdout), (Some(6), ""), "{}", done.stderr);
    let named = format!(
        "error: the log is not valid: line 2: record format {}, this tool reads format {FORMAT_VERSION}; the kernel is newer: ",
        FORMAT_VERSION + 1
    );
    assert!(done.stderr.starts_with(&named), "{}", done.stderr);
}

#[test]
fn older_kernels_log_is_refused_by_a_newer_xtask() {
    let done = replay_of(&log_of_format(FORMAT_VERSION - 1));
    assert_eq!((done.status, &*done.stdout), (Some(6), ""), "{}", done.stderr);
    let named = format!(
        "error: the log is not valid: line 2: record format {}, this tool reads format {FORMAT_VERSION}; the kernel is older: ",
        FORMAT_VERSION - 1
    );
    assert!(done.stderr.starts_with(&named), "{}", done.stderr);
}

#[test]
fn kernel_of_another_format_is_refused_by_run_too() {
    let place = Place::new();
    let done = place.run(&log_of_format(FORMAT_VERSION + 1), "33", "");
    assert_eq!((done.status, &*done.stdout), (Some(6), ""), "{}", done.stderr);
    assert!(done.stderr.contains("the kernel is newer"), "{}", done.stderr);
}

/// A run in `runs/latest` whose manifest is changed.
fn with_manifest(change: impl FnOnce(String) -> String) -> (Place, Done) {
    let place = Place::new();
    let done = place.run(&whole(), "33", "--quiet --format json");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let manifest = change(place.latest("manifest.json"));
    place.write("runs/latest/manifest.json", &manifest);
    (place, done)
}

#[test]
fn manifest_of_another_format_is_named_and_the_log_is_shown_without_it() {
    for format in [0, 2] {
        let (place, ran) = with_manifest(|manifest| {
            assert!(manifest.starts_with("{\n  \"format\": 1,\n"), "{manifest}");
            manifest.replacen("\"format\": 1", &format!("\"format\": {format}"), 1)
        });
        let done = place.call(&["replay", "runs/latest", "--format", "json"]);
        assert_eq!((done.status, &done.stdout), (Some(0), &ran.stdout), "{}", done.stderr);
        let named = format!(
            "note: runs/latest/manifest.json: a manifest of format {format}, this tool reads format 1; read it with the xtask of its own sources; the conditions of the run are not shown\n"
        );
        assert_eq!(done.stderr, named);
    }
}

#[test]
fn manifest_that_is_none_is_named() {
    for text in ["", "{}", "{\"format\": 1}", "[1]", "\u{7f}ELF"] {
        let (place, ran) = with_manifest(|_| text.into());
        let done = place.call(&["replay", "runs/latest/serial.log", "--format", "json"]);
        assert_eq!((done.status, &done.stdout), (Some(0), &ran.stdout), "{}", done.stderr);
        assert!(done.stderr.starts_with("note: runs/latest/manifest.json: no manifest: "), "{}", done.stderr);
    }
}

#[test]
fn log_without_a_manifest_is_shown_without_a_word_about_it() {
    let done = replay_of(&whole());
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
}

#[test]
fn exported_figures_say_what_they_hang_on() {
    let place = Place::new();
    let done = place.run(&whole(), "33", "--quiet --format github");
    let figures: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    let extra = figures[0]["extra"].as_str().expect("text");
    assert!(extra.contains("\nQEMU: 99.0 (fake)\n") && extra.contains("\nAccelerator: tcg"), "{extra}");
    assert!(!extra.contains("Command"), "{extra}");
}
