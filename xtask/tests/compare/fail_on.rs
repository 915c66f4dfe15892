//! What `--fail-on` counts, what it refuses, and the exit status.

use std::fs;

use switchlab_records::Mode;

use crate::common::whole;
use crate::{boots, compare, counted, json, log_with, refused, scaled, two, two_of_boots, whole_of_six};

#[test]
fn slower_build_fails_only_what_counts_it() {
    let place = two_of_boots(&boots(1_000), &boots(1_200));
    for (words, status) in [
        ("", 0),
        ("--fail-on none", 0),
        ("--fail-on slower", 1),
        ("--fail-on any", 1),
        ("--fail-on faster", 0),
        ("--fail-on slower --threshold 10", 1),
        ("--fail-on slower --threshold 30", 0),
    ] {
        let done = compare(&place, &format!("a b {words}"));
        assert_eq!(done.status, Some(status), "{words}: {}", done.stderr);
        assert_eq!(done.stderr.is_empty(), status == 0, "{words}: {}", done.stderr);
        assert!(done.stdout.contains("Verdict:"), "{}", done.stdout);
    }
    let done = compare(&place, "a b --fail-on slower --threshold 10");
    let counted = "counted by --fail-on: a difference by more than 10 % in same-core switch, cross-core switch, switch, free switch\n";
    assert_eq!(done.stderr, counted);
    for (words, status) in
        [("--fail-on faster", 1), ("--fail-on slower", 0), ("--fail-on faster --threshold 20", 0)]
    {
        let done = compare(&place, &format!("b a {words}"));
        assert_eq!(done.status, Some(status), "{words}: {}", done.stderr);
    }
    assert_eq!(compare(&place, "a a --fail-on any").status, Some(0));
}

#[test]
fn interval_that_reaches_back_over_the_threshold_does_not_count() {
    // 5 % slower, in boots that differ by some percent.
    let spread = |percent: u64| {
        [0, 1, 2, 3, 4, 5].map(|boot| {
            log_with(|block| {
                if block.mode == Mode::SameCore {
                    block.ticks = block.ticks * (percent * 10 + 5 * boot) / 1_000;
                }
            })
        })
    };
    let place = two_of_boots(&spread(100), &spread(105));
    let row = json(&place, "a b")["rows"][0].clone();
    assert_eq!((&row["name"], &row["verdict"]), (&"same-core switch".into(), &"slower".into()));
    let low = row["interval"]["low"].as_f64().expect("an end");
    assert!(1.0 < low && low < 1.04 && row["ratio"].as_f64() > Some(1.04), "{row}");
    assert_eq!(compare(&place, "a b --fail-on slower").status, Some(1));
    assert_eq!(compare(&place, "a b --fail-on slower --threshold 4").status, Some(0));
}

#[test]
fn times_of_one_boot_are_shown_and_are_no_exit_status() {
    let place = two(&whole_of_six(), &scaled(1_200));
    let refusal = |words: &str, who: &str| {
        let done = compare(&place, words);
        assert_eq!(done.status, Some(2), "{words}: {}", done.stderr);
        assert!(done.stdout.contains("Verdict:"), "{}", done.stdout);
        assert!(done.stderr.starts_with(&format!("error: --fail-on: {who}")), "{}", done.stderr);
        assert!(
            done.stderr.contains("`run --boots`") && done.stderr.contains("18 of 120"),
            "{}",
            done.stderr
        );
    };
    // Whichever way it goes: what is not shown need not be so either.
    for fail_on in ["slower", "faster", "any"] {
        refusal(&format!("a latest --fail-on {fail_on}"), "A and B are one boot each, and");
    }
    refusal("a a --fail-on any", "A and B are one boot each, and");
    for (boot, log) in boots(1_000).iter().enumerate() {
        fs::create_dir_all(place.path(&format!("many/{boot}"))).expect("a folder");
        place.write(&format!("many/{boot}/serial.log"), log);
    }
    refusal("many latest --fail-on slower", "B is one boot, and");
    refusal("latest many --fail-on slower", "A is one boot, and");
    assert_eq!(compare(&place, "a latest --fail-on none").status, Some(0));
    // What is counted is exact.
    let place = two(&counted(Mode::SameCore, 0), &counted(Mode::SameCore, 1));
    assert_eq!(compare(&place, "a latest --fail-on slower").status, Some(1));
    assert_eq!(compare(&place, "latest a --fail-on slower").status, Some(0));
}

#[test]
fn too_few_boots_have_no_verdict_and_fail_what_asks_for_one() {
    let [first, second, ..] = boots(1_000);
    let place = two_of_boots(&[first.clone(), second.clone()], &[first, second]);
    let done = compare(&place, "a b");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let verdict = "no verdict: A has 2, B has 2 to compare, and a verdict takes 5";
    assert!(done.stdout.contains(verdict), "{}", done.stdout);
    let done = compare(&place, "a b --fail-on slower");
    assert_eq!(done.status, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("--fail-on: no verdict"), "{}", done.stderr);
    let done = compare(&two(&whole(), &whole()), "a latest");
    assert!(done.status == Some(0) && done.stdout.contains(verdict), "{}", done.stdout);
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
