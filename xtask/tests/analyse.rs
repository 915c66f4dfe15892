//! `analyse` as people call it: a file in, a verdict out; or what is wrong with the file.

mod common;

use std::path::Path;

use common::{Done, Place};

const ORIGINAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/original.csv");

fn analyse(text: &[u8], words: &[&str]) -> Done {
    let place = Place::new();
    std::fs::write(place.path("runs.csv"), text).expect("a file");
    place.call(&[&["analyse", "runs.csv"], words].concat())
}

fn refused(text: &[u8], words: &[&str], named: &[&str]) {
    let done = analyse(text, words);
    assert_eq!(done.status, Some(2), "{words:?}: {}{}", done.stdout, done.stderr);
    assert_eq!(done.stdout, "", "{words:?}");
    for name in named {
        assert!(done.stderr.contains(name), "no `{name}` in: {}", done.stderr);
    }
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
}

fn json(done: &Done) -> serde_json::Value {
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    serde_json::from_str(&done.stdout).expect("JSON")
}

#[test]
fn original_experiment_shows_no_difference() {
    let done = Place::new().call(&["analyse", ORIGINAL]);
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
    let sentence = "no difference shown: multi is 1.04 times single (95 % interval 0.93 to 1.40), p 0.25";
    assert_eq!(done.stdout.lines().nth(2), Some(sentence), "{}", done.stdout);
    insta::assert_snapshot!(done.stdout.replace(ORIGINAL, "original.csv"));
}

#[test]
fn original_experiment_shows_no_difference_in_json_and_markdown() {
    let place = Place::new();
    let analysis = json(&place.call(&["analyse", ORIGINAL, "--format", "json"]));
    let comparison = &analysis["comparisons"][0];
    assert_eq!(comparison["verdict"], "no difference shown");
    let end = |name| (comparison["interval"][name].as_f64().unwrap() * 100.0).round();
    assert_eq!((end("low"), end("high")), (93.0, 140.0));
    assert_eq!((&analysis["runs"], &analysis["columns"][1]["unit"]), (&5.into(), &"ns".into()));
    assert_eq!(analysis["columns"][1]["outliers"]["high_severe"], 1);
    let done = place.call(&["analyse", ORIGINAL, "--format", "markdown"]);
    insta::assert_snapshot!(done.stdout.replace(ORIGINAL, "original.csv"));
}

#[test]
fn same_seed_gives_the_same_output_to_the_byte() {
    let text = b"a,b\n1,1.1\n2,2.3\n3,2.9\n4,4.5\n5,5.2\n6,6.1\n7,7.9\n";
    let interval =
        |seed| json(&analyse(text, &["--format", "json", "--seed", seed]))["comparisons"].to_string();
    assert_eq!(interval("7"), interval("7"));
    assert_ne!(interval("7"), interval("8"));
}

#[test]
fn each_column_is_held_against_the_base_that_is_named() {
    let rows: String =
        (0..8).map(|run| format!("{},{},{}\n", 10 + run % 3, 20 + run % 3, 5 + run % 2)).collect();
    let text = format!("slow [us],slowest (us),fast_us\n{rows}");
    let sentences = |words: &[&str]| {
        let done = analyse(text.as_bytes(), words);
        let lines: Vec<String> =
            done.stdout.lines().skip(2).take_while(|line| !line.is_empty()).map(str::to_owned).collect();
        lines
    };
    let all = sentences(&[]);
    assert!(all[0].starts_with("slowest is slower: 1.91 times slow (95 % interval "), "{all:?}");
    assert!(all[1].starts_with("fast is faster: 0.500 times slow (95 % interval "), "{all:?}");
    let one = sentences(&["--base", "fast", "--against", "slowest (us)", "--independent"]);
    assert_eq!(one.len(), 1);
    assert!(one[0].starts_with("slowest is slower: 3.82 times fast (95 % interval "), "{one:?}");
    assert!(one[0].ends_with(')'), "pairs without pairs: {one:?}");
}

#[test]
fn units_of_time_are_converted_before_they_are_compared() {
    let done = analyse(b"a (ms),b (us)\n1,1000\n1,1000\n1,1000\n1,1000\n1,1000\n", &["--format", "json"]);
    let comparison = &json(&done)["comparisons"][0];
    assert_eq!((&comparison["ratio"], &comparison["verdict"]), (&1.0.into(), &"no difference shown".into()));
}

#[test]
fn one_run_is_summarised_and_has_no_verdict() {
    let done = analyse(b"run,single (ms),multi (ms)\n1,639.96,896.70\n", &[]);
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
    assert!(done.stdout.contains("not enough runs: 1 run of multi and single"), "{}", done.stdout);
    assert!(done.stdout.contains(" single   639.96ms"), "{}", done.stdout);
    assert!(!done.stdout.contains("faster") && !done.stdout.contains("slower"), "{}", done.stdout);
    let comparison = &json(&analyse(b"a,b\n1,2\n", &["--format", "json"]))["comparisons"][0];
    assert_eq!((&comparison["verdict"], &comparison["interval"]), (&"not enough runs".into(), &().into()));
}

#[test]
fn drift_is_named_with_its_size() {
    let rows: String = (0..12).map(|run| format!("{},{}\n", 100 + 3 * run, 100 + run % 2)).collect();
    let done = analyse(format!("warming_ms,steady_ms\n{rows}").as_bytes(), &[]);
    assert!(done.stdout.contains("rising 3.00ms a run, p <0.001"), "{}", done.stdout);
    assert!(done.stdout.contains("none shown, p "), "{}", done.stdout);
}

#[test]
fn file_that_is_no_table_of_runs_is_refused_by_name() {
    refused(b"", &[], &["runs.csv", "empty"]);
    refused(b"a (ms),b (ms)\n1,2\n3\n", &[], &["line 3", "`b (ms)` is missing"]);
    refused(b"a,b\n1,fast\n", &[], &["line 2", "`b`", "`fast` is not a number"]);
    refused(b"a,b\n1,NaN\n", &[], &["line 2", "`NaN` is not a finite number"]);
    refused(b"a,b\n1,-2\n", &[], &["line 2", "`-2` is negative"]);
    refused(b"a,b\n1,0\n", &[], &["line 2", "`0` is zero"]);
    refused(b"1,2\n3,4\n", &[], &["line 1 holds numbers"]);
    refused(b"a,a\n1,2\n", &[], &["both named `a`"]);
    refused(b"a,\xff\n1,2\n", &[], &["line 1: not UTF-8"]);
    refused(b"a,b\n", &[], &["no run"]);
}

#[test]
fn file_that_cannot_be_read_is_named() {
    let place = Place::new();
    for (path, reason) in [("no-such.csv", "No such file"), (".", "Is a directory")] {
        let done = place.call(&["analyse", path]);
        assert_eq!((done.status, &*done.stdout), (Some(2), ""), "{}", done.stderr);
        assert!(done.stderr.contains(path) && done.stderr.contains(reason), "{}", done.stderr);
    }
    if Path::new("/dev/zero").exists() {
        let done = place.call(&["analyse", "/dev/zero"]);
        assert_eq!(done.status, Some(2));
        assert!(done.stderr.contains("longer than 1 MiB"), "{}", done.stderr);
    }
}

#[test]
fn columns_that_cannot_be_compared_are_refused() {
    let text = b"run,a (ms),b,c (ticks)\n1,2,3,4\n";
    refused(text, &[], &["`a (ms)` is a time and `b` is without a unit", "--against"]);
    refused(text, &["--against", "c"], &["`c (ticks)` is in ticks"]);
    refused(text, &["--base", "d"], &["--base d", "`a (ms)`, `b`, `c (ticks)`"]);
    refused(text, &["--base", "run"], &["--base run", "numbers of the runs"]);
    refused(text, &["--base", "a", "--against", "a"], &["--against a", "is the base"]);
    refused(text, &["--against", "b", "--against", "b"], &["named twice"]);
}

#[test]
fn numbers_out_of_range_are_refused() {
    for words in [["--resamples", "0"], ["--resamples", "2000000"], ["--seed", "x"]] {
        refused(b"a,b\n1,2\n", &words, &[words[0], words[1]]);
    }
}
