//! What `--fail-on` counts, and the exit status.

use switchlab_records::Mode;

use crate::common::whole;

use crate::{compare, json, log_with, refused, scaled, two, whole_of_six};

#[test]
fn slower_run_is_called_slower_and_fails_only_what_counts_it() {
    let place = two(&whole_of_six(), &scaled(1_200));
    let done = compare(&place, "a latest");
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
    let verdict = "Verdict:   B is slower than A in same-core switch, cross-core switch, switch; of these boots, not yet of the builds\n";
    assert!(done.stdout.contains(verdict), "{}", done.stdout);
    for (words, status) in [
        ("--fail-on none", 0),
        ("--fail-on slower", 1),
        ("--fail-on any", 1),
        ("--fail-on faster", 0),
        ("--fail-on slower --threshold 10", 1),
        ("--fail-on slower --threshold 30", 0),
    ] {
        let done = compare(&place, &format!("a latest {words}"));
        assert_eq!(done.status, Some(status), "{words}: {}", done.stderr);
        assert_eq!(done.stderr.is_empty(), status == 0, "{words}: {}", done.stderr);
    }
    let done = compare(&place, "a latest --fail-on slower --threshold 10");
    let counted = "counted by --fail-on: a difference by more than 10 % in same-core switch, cross-core switch, switch\n";
    assert_eq!(done.stderr, counted);
}

#[test]
fn interval_that_reaches_back_over_the_threshold_does_not_count() {
    // 5 % slower, in runs that differ by some percent.
    let slower = log_with(|block| {
        if block.mode == Mode::SameCore {
            block.ticks = block.ticks * 105 / 100;
        }
    });
    let place = two(&whole_of_six(), &slower);
    let row = json(&place, "a latest")["rows"][0].clone();
    assert_eq!((&row["name"], &row["verdict"]), (&"same-core switch".into(), &"slower".into()));
    let low = row["interval"]["low"].as_f64().expect("an end");
    assert!(1.0 < low && low < 1.04 && row["ratio"].as_f64() > Some(1.04), "{row}");
    assert_eq!(compare(&place, "a latest --fail-on slower --threshold 4").status, Some(0));
}

#[test]
fn too_few_runs_have_no_verdict_and_fail_what_asks_for_one() {
    let place = two(&whole(), &whole());
    let done = compare(&place, "a latest");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(
        done.stdout.contains("no verdict: A has 2, B has 2 to compare, and a verdict takes 5"),
        "{}",
        done.stdout
    );
    let done = compare(&place, "a latest --fail-on slower");
    assert_eq!(done.status, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("--fail-on: no verdict"), "{}", done.stderr);
}

#[test]
fn options_that_cannot_be_are_refused() {
    let place = two(&whole_of_six(), &whole_of_six());
    for (words, name) in [
        ("a latest --threshold 5", "--fail-on"),
        ("a latest --fail-on slower --threshold -1", "--threshold"),
        ("a latest --fail-on slower --threshold 100", "0 to below 100"),
        ("a latest --fail-on slower --threshold NaN", "0 to below 100"),
        ("a latest --fail-on sometimes", "slower"),
        ("a latest --allow-different everything", "accelerator"),
        ("a", "<B>"),
    ] {
        refused(&place, words, &[name]);
    }
}
