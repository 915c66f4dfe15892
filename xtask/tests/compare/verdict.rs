//! What a comparison comes to: faster, slower, mixed, exact, none; and how it is shown.

use switchlab_records::Mode;

use crate::common::Place;
use crate::{compare, counted, edit, json, log_with, refused, scaled, two, whole_of_six};

#[test]
fn run_against_itself_shows_no_difference() {
    let place = two(&whole_of_six(), &whole_of_six());
    let done = compare(&place, "a latest");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout.matches("no difference shown").count(), 5, "{}", done.stdout);
    for word in ["slower", "faster", "mixed"] {
        assert!(!done.stdout.contains(word), "{}", done.stdout);
    }
}

#[test]
fn slower_run_is_called_slower() {
    let place = two(&whole_of_six(), &scaled(1_200));
    let done = compare(&place, "a latest");
    assert_eq!((done.status, &*done.stderr), (Some(0), ""));
    let verdict = "Verdict:   B is slower than A in same-core switch, cross-core switch, switch, free switch; of these boots, not yet of the builds\n";
    assert!(done.stdout.contains(verdict), "{}", done.stdout);
}

#[test]
fn faster_run_is_called_faster_and_a_mode_that_goes_the_other_way_makes_it_mixed() {
    let place = two(&scaled(1_200), &whole_of_six());
    assert_eq!(json(&place, "a latest")["verdict"]["word"], "faster");
    let mixed = log_with(|block| match block.mode {
        Mode::CrossCore => block.ticks = block.ticks * 12 / 10,
        _ => block.ticks = block.ticks * 8 / 10,
    });
    let place = two(&whole_of_six(), &mixed);
    let verdict = json(&place, "a latest")["verdict"].clone();
    assert_eq!(verdict["word"], "mixed");
    assert_eq!(
        verdict["sentence"],
        "mixed: B is slower than A in cross-core switch, faster in same-core switch, switch, free switch; of these boots, not yet of the builds"
    );
}

#[test]
fn planted_instructions_are_recovered_exactly_and_one_is_enough() {
    for more in [1, 10, 100] {
        let place = two(&counted(Mode::SameCore, 0), &counted(Mode::CrossCore, more));
        let found = json(&place, "a latest");
        assert_eq!((&found["unit"], &found["basis"]), (&"instructions".into(), &"exact".into()));
        let [same, cross, _] = [0, 1, 2].map(|row| found["rows"][row].clone());
        assert_eq!((&same["verdict"], &same["more_in_a_block"]), (&"equal".into(), &0.into()));
        assert_eq!((&cross["verdict"], &cross["more_in_a_block"]), (&"more".into(), &(more * 2_000).into()));
        let done = compare(&place, "a latest --fail-on slower");
        assert_eq!(done.status, Some(1), "{}", done.stderr);
        assert!(done.stdout.contains(&format!(" +{more}   more\n")), "{}", done.stdout);
        let verdict = " B executes more instructions than A in cross-core switch\n";
        assert!(done.stdout.contains(verdict), "{}", done.stdout);
        let back = compare(&place, "latest a --fail-on faster");
        assert!(back.status == Some(1) && back.stdout.contains(&format!(" -{more}   fewer\n")));
    }
    let place = two(&counted(Mode::SameCore, 0), &counted(Mode::SameCore, 0));
    let done = compare(&place, "a latest --fail-on any");
    assert_eq!(done.status, Some(0), "{}", done.stdout);
    assert!(
        done.stdout.contains(" B executes exactly as many instructions as A in same-core switch"),
        "{}",
        done.stdout
    );
}

#[test]
fn void_runs_are_out_and_counted() {
    // Run 2 is ten times as slow, and void.
    let slow = log_with(|block| {
        if block.run == 2 {
            block.ticks *= 10;
        }
    });
    let place = two(&whole_of_six(), &slow);
    let void = |run: u32, mode: &str| {
        serde_json::json!({
            "run": run, "position": 1, "mode": mode, "subject": "handoff", "pass": "batch",
            "reasons": [{ "reason": "stopped", "ms": 300 }],
        })
    };
    let watch = |voids: Vec<serde_json::Value>| {
        serde_json::json!({
            "process": "yes", "monitor": "yes", "blocks": 72, "unwatched_blocks": 0,
            "host_busy_percent": 1.0, "events": [], "guest_time": null, "voids": voids,
        })
    };
    // Whatever the host did meanwhile.
    edit(&place, "runs/baselines/a", |manifest| manifest["watch"] = watch(Vec::new()));
    edit(&place, "runs/latest", |manifest| manifest["watch"] = watch(vec![void(2, "same-core")]));
    let found = json(&place, "a latest");
    for row in found["rows"].as_array().expect("rows") {
        assert_eq!(
            (&row["runs"], &row["verdict"]),
            (&serde_json::json!([6, 5]), &"no difference shown".into())
        );
    }
    assert_eq!(found["warnings"], serde_json::json!(["1 of the 6 runs of B are void, and out of it"]));
    assert_eq!(found["b"]["void_runs"], 1);
    // The mode that stands alone takes no other with it.
    edit(&place, "runs/latest", |manifest| manifest["watch"] = watch(vec![void(2, "switch")]));
    let found = json(&place, "a latest");
    let runs: Vec<_> = found["rows"].as_array().expect("rows").iter().map(|row| &row["runs"][1]).collect();
    assert_eq!(runs, [6, 6, 5, 6]);
    edit(&place, "runs/latest", |manifest| {
        manifest["watch"] = watch((1..=6).map(|run| void(run, "same-core")).collect());
    });
    refused(&place, "a latest", &["all runs of B are void"]);
}

#[test]
fn host_that_was_much_busier_under_one_side_is_said_but_for_counted_instructions() {
    let shares = |place: &Place| {
        for (folder, percent) in [("runs/baselines/a", 2.0), ("runs/latest", 55.0)] {
            edit(place, folder, |manifest| manifest["watch"]["host_busy_percent"] = percent.into());
        }
        json(place, "a latest")["warnings"].to_string()
    };
    let said = "the host was busier under B: of its CPU time 2 % went to others under A, 55 % under B";
    let timed = shares(&two(&whole_of_six(), &whole_of_six()));
    assert!(timed.contains(said), "{timed}");
    let place = Place::new();
    for words in ["--save-baseline a", ""] {
        place.run(&counted(Mode::Switch, 0), "33", &format!("--quiet --deterministic {words}"));
    }
    let counted = shares(&place);
    assert!(!counted.contains("busier"), "{counted}");
}

#[test]
fn markdown_is_a_comment_that_a_change_can_have() {
    let place = two(&whole_of_six(), &scaled(1_200));
    let done = compare(&place, "a latest --format markdown");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert!(done.stdout.starts_with("**B is slower than A in same-core switch,"), "{}", done.stdout);
    assert!(done.stdout.contains("\n| One switch        |"), "{}", done.stdout);
    assert!(
        done.stdout.contains("\n- A: a: 1 boot, 6 runs; 1,000 exchanges a block, 12 CPUs, tcg"),
        "{}",
        done.stdout
    );
}
