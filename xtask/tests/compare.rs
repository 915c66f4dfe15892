//! `compare`, end to end: what can be compared, what it comes to, and the exit status.

mod common;

use std::fs;

use common::{Done, Place, golden, whole};
use switchlab_records::{Block, FORMAT_VERSION, Mode, Pass, Record, Subject, Unit};

/// A log of 6 runs on 12 CPUs whose handoffs of the batch pass are changed.
fn log_with(change: impl Fn(&mut Block)) -> String {
    changed(golden::classic(12, 6, 1_000), change)
}

fn changed(mut records: Vec<Record<'static>>, change: impl Fn(&mut Block)) -> String {
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.subject, block.pass) == (Subject::Handoff, Pass::Batch)
        {
            change(block);
        }
    }
    golden::ended(records)
}

/// Every handoff takes so many thousandths.
fn scaled(thousandths: u64) -> String {
    log_with(|block| block.ticks = block.ticks * thousandths / 1_000)
}

/// Counted instructions: a handoff of `mode` executes so many more.
fn counted(mode: Mode, more_in_a_switch: u64) -> String {
    // All runs are the same, as they are where instructions are counted.
    changed(golden::classic_in(Unit::Instructions, 12, 2, 1_000), |block| {
        let base = if block.mode == Mode::Switch { 30 } else { 200 };
        let more = if block.mode == mode { more_in_a_switch } else { 0 };
        block.ticks = (base + more) * block.exchanges * 2 + 45;
    })
}

/// A place with the run `a` as a baseline and `b` as the last run.
fn two(a: &str, b: &str) -> Place {
    let place = Place::new();
    for (log, words) in [(a, "--quiet --save-baseline a"), (b, "--quiet")] {
        let done = place.run(log, "33", words);
        assert_eq!(done.status, Some(0), "{}", done.stderr);
    }
    place
}

fn compare(place: &Place, words: &str) -> Done {
    let words: Vec<_> = ["compare"].into_iter().chain(words.split_whitespace()).collect();
    place.call(&words)
}

fn json(place: &Place, words: &str) -> serde_json::Value {
    let done = compare(place, &format!("{words} --format json"));
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    serde_json::from_str(&done.stdout).expect("JSON")
}

fn refused(place: &Place, words: &str, named: &[&str]) {
    let done = compare(place, words);
    assert_eq!((done.status, &*done.stdout), (Some(2), ""), "{words}: {}", done.stderr);
    assert!(done.stderr.starts_with("error: "), "{words}: {}", done.stderr);
    for name in named {
        assert!(done.stderr.contains(name), "{words}: no `{name}` in: {}", done.stderr);
    }
}

/// Changes the manifest of the run in `folder`.
fn edit(place: &Place, folder: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = format!("{folder}/manifest.json");
    let text = fs::read_to_string(place.path(&path)).expect("there is one");
    let mut manifest = serde_json::from_str(&text).expect("JSON");
    change(&mut manifest);
    place.write(&path, &manifest.to_string());
}

#[test]
fn run_against_itself_shows_no_difference() {
    let place = two(&whole_of_six(), &whole_of_six());
    let done = compare(&place, "a latest --fail-on any");
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout.matches("no difference shown").count(), 4, "{}", done.stdout);
    for word in ["slower", "faster", "mixed"] {
        assert!(!done.stdout.contains(word), "{}", done.stdout);
    }
}

fn whole_of_six() -> String {
    log_with(|_| ())
}

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
fn faster_run_is_called_faster_and_a_mode_that_goes_the_other_way_makes_it_mixed() {
    let place = two(&scaled(1_200), &whole_of_six());
    assert_eq!(json(&place, "a latest")["verdict"]["word"], "faster");
    assert_eq!(compare(&place, "a latest --fail-on faster").status, Some(1));
    assert_eq!(compare(&place, "a latest --fail-on slower").status, Some(0));
    assert_eq!(compare(&place, "a latest --fail-on faster --threshold 20").status, Some(0));
    let mixed = log_with(|block| match block.mode {
        Mode::CrossCore => block.ticks = block.ticks * 12 / 10,
        _ => block.ticks = block.ticks * 8 / 10,
    });
    let place = two(&whole_of_six(), &mixed);
    let verdict = json(&place, "a latest")["verdict"].clone();
    assert_eq!(verdict["word"], "mixed");
    assert_eq!(
        verdict["sentence"],
        "mixed: B is slower than A in cross-core switch, faster in same-core switch, switch; of these boots, not yet of the builds"
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
        let back = compare(&place, "latest a --fail-on faster");
        assert!(back.status == Some(1) && back.stdout.contains(&format!(" -{more}   fewer\n")));
    }
    let place = two(&counted(Mode::SameCore, 0), &counted(Mode::SameCore, 0));
    let done = compare(&place, "a latest --fail-on any");
    assert_eq!(done.status, Some(0), "{}", done.stdout);
    assert!(done.stdout.contains("equal between A and B in same-core switch"), "{}", done.stdout);
}

#[test]
fn what_is_named_may_be_a_folder_a_baseline_a_run_or_a_log() {
    let place = two(&whole_of_six(), &scaled(1_200));
    place.write("by-itself.log", &scaled(1_200));
    for b in ["latest", "runs/latest", "runs/latest/serial.log", "./runs/latest/"] {
        for a in ["a", "runs/baselines/a", "runs/baselines/a/serial.log"] {
            assert_eq!(json(&place, &format!("{a} {b}"))["verdict"]["word"], "slower", "{a} {b}");
        }
    }
    // One thing by two ways is one thing.
    assert_eq!(compare(&place, "by-itself.log by-itself.log --out .").status, Some(0));
    let found = json(&place, "a by-itself.log");
    assert_eq!(found["verdict"]["word"], "slower");
    let warning =
        "B has no manifest: accelerator, QEMU, host and kernel are not known, and neither is what is void";
    assert_eq!(found["warnings"], serde_json::json!([warning]));
}

#[test]
fn name_of_nothing_and_name_of_two_things_are_refused() {
    let place = two(&whole_of_six(), &whole_of_six());
    refused(&place, "gone latest", &["A: gone: neither", "baselines are: a"]);
    refused(&place, "a no/such.log", &["B: no/such.log: neither"]);
    refused(&Place::new(), "a b", &["A: a: neither", "run --save-baseline NAME"]);
    fs::create_dir(place.path("a")).expect("a folder");
    refused(&place, "a latest", &["A: a: names more than one thing", "a/ or runs/baselines/a/"]);
    refused(&place, "./a latest", &["A: ./a: no serial.log in it"]);
}

#[test]
fn folder_of_boots_is_compared_by_its_boots() {
    let place = Place::new();
    for (side, thousandths) in [("before", 1_000), ("after", 1_200)] {
        for boot in 0..6_u64 {
            fs::create_dir_all(place.path(&format!("{side}/boots/{boot}"))).expect("a folder");
            place.write(&format!("{side}/boots/{boot}/serial.log"), &scaled(thousandths + 5 * boot));
        }
    }
    let found = json(&place, "before after");
    assert_eq!((&found["basis"], &found["verdict"]["word"]), (&"boots".into(), &"slower".into()));
    assert_eq!((&found["a"]["boots"], &found["a"]["runs"]), (&6.into(), &36.into()));
    assert_eq!(found["rows"][0]["runs"], serde_json::json!([6, 6]));
    // Of boots, percentiles have an interval too.
    assert_eq!(found["information"][0]["verdict"], "no difference shown");
    assert_eq!(json(&place, "before before")["verdict"]["word"], "no difference shown");
    let one = compare(&place, "before after/boots/0");
    assert!(one.stdout.contains("ONE BOOT"), "{}", one.stdout);
    let both = compare(&place, "before after").stdout;
    assert!(!both.contains("ONE BOOT") && !both.contains("of these boots"), "{both}");
    // One that is cut is named, and is not left out.
    place.write("after/boots/3/serial.log", &golden::log(&golden::classic(12, 6, 1_000)));
    refused(
        &place,
        "before after",
        &["after/boots/3/serial.log: the log is not valid: the end record is missing"],
    );
}

#[test]
fn run_of_many_boots_is_a_baseline_like_any_other() {
    let place = Place::new();
    for words in
        ["--quiet --boots 5 --runs 6 --exchanges 1000 --save-baseline a", "--quiet --boots 6 --runs 6"]
    {
        let done = place.run(&whole_of_six(), "33", words);
        assert_eq!(done.status, Some(0), "{}", done.stderr);
    }
    let found = json(&place, "a latest");
    assert_eq!(
        (&found["basis"], &found["verdict"]["word"]),
        (&"boots".into(), &"no difference shown".into())
    );
    assert_eq!((&found["a"]["boots"], &found["b"]["boots"]), (&5.into(), &6.into()));
    // A boot that has gone, and a run that was cut, are named.
    fs::remove_dir_all(place.path("runs/latest/boot-03")).expect("a boot");
    refused(&place, "a latest", &["it had 6 boots, 5 are there", "a run that is whole"]);
    let file = place.path("runs/baselines/a/boots.json");
    let mut boots: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("boots.json")).expect("JSON");
    boots["end"] = serde_json::json!({ "status": 130, "outcome": "interrupted" });
    fs::write(&file, boots.to_string()).expect("written");
    refused(&place, "a runs/latest/boot-01", &["it ended early, after 5 of its boots: interrupted"]);
}

#[test]
fn report_is_compared_by_the_run_that_it_carries() {
    let place = two(&whole_of_six(), &scaled(1_200));
    let call = |words: &[&str]| {
        let done = place.call(words);
        assert_eq!(done.status, Some(0), "{}", done.stderr);
    };
    call(&["report", "runs/latest", "--out", "one.html"]);
    assert_eq!(json(&place, "a one.html")["rows"], json(&place, "a latest")["rows"]);
    call(&["report", "runs/latest", "runs/baselines/a", "--out", "two.html"]);
    refused(&place, "a two.html", &["B: two.html: a report of 2 runs"]);
}

#[test]
fn boots_of_different_things_are_no_side() {
    let place = Place::new();
    let other = golden::ended(golden::classic(3, 6, 1_000));
    for (boot, log) in [("1", whole_of_six()), ("2", other)] {
        fs::create_dir_all(place.path(&format!("mixed/{boot}"))).expect("a folder");
        place.write(&format!("mixed/{boot}/serial.log"), &log);
    }
    place.write("log", &whole_of_six());
    refused(&place, "log mixed", &["the boots of mixed differ in the number of CPUs: 12 and 3"]);
}

#[test]
fn units_that_differ_are_refused() {
    let place = two(&whole_of_six(), &counted(Mode::SameCore, 0));
    refused(&place, "a latest", &["the unit differs: A ns, B instructions"]);
}

#[test]
fn logs_that_are_no_result_are_refused_by_name() {
    let place = two(&whole_of_six(), &whole_of_six());
    let failed = golden::ended(vec![golden::start(), golden::failure("handoffs: expected 4, found 3")]);
    let crashed = golden::log(&[golden::start(), golden::crash()]);
    let other_format =
        whole().replace(&format!("@sl {FORMAT_VERSION} "), &format!("@sl {} ", FORMAT_VERSION + 1));
    for (log, why) in [
        (&*failed, "the kernel says that it failed: handoffs: expected 4, found 3"),
        (&crashed, "page fault"),
        (&golden::log(&golden::classic(12, 2, 1_000)), "the end record is missing"),
        (&other_format, "record format 3, this tool reads format 2"),
        (&whole().replacen("\"run\":1", "\"run\":7", 1), "wrong checksum"),
        (&golden::ended(vec![golden::start()]), "there is no plan record"),
        ("", "no record in it"),
        ("\u{7f}ELF", "no record in it"),
    ] {
        place.write("log", log);
        refused(&place, "a log", &["B: log: ", why]);
        refused(&place, "log a", &["A: log: ", why]);
    }
}

#[test]
fn run_that_ended_badly_behind_a_whole_log_is_refused() {
    let place = two(&whole_of_six(), &whole_of_six());
    place.run(&whole_of_six(), "0", "--quiet");
    refused(&place, "a latest", &["B: runs/", ": the guest crashed"]);
}

#[test]
fn nothing_in_common_is_refused_and_what_one_has_alone_is_said() {
    let only = |mode: Mode| {
        let mut records = golden::classic(12, 6, 1_000);
        records.retain(|record| match record {
            Record::Block(block) => block.mode == mode,
            Record::Histogram(histogram) => histogram.mode == mode,
            _ => true,
        });
        for record in &mut records {
            if let Record::Plan(plan) = record {
                plan.blocks /= 3;
            }
        }
        golden::ended(records)
    };
    let place = two(&only(Mode::SameCore), &only(Mode::CrossCore));
    refused(&place, "a latest", &["no common mode: A has same-core, B has cross-core"]);
    let place = two(&only(Mode::SameCore), &whole_of_six());
    let found = json(&place, "a latest");
    assert_eq!(found["rows"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        found["warnings"],
        serde_json::json!(["cross-core was measured by B alone", "switch was measured by B alone"])
    );
    // What B has more is no gap; what it lacks is one, where something is to count.
    assert_eq!(compare(&place, "a latest --fail-on slower").status, Some(0));
    assert_eq!(compare(&place, "latest a").status, Some(0));
    let gap = compare(&place, "latest a --fail-on slower");
    assert_eq!(gap.status, Some(2), "{}", gap.stderr);
    assert!(gap.stderr.contains("--fail-on: B has no cross-core; B has no switch"), "{}", gap.stderr);
}

#[test]
fn accelerator_and_cpus_that_differ_are_refused_unless_that_is_asked_for() {
    let place = two(&whole_of_six(), &golden::ended(golden::classic(3, 6, 1_000)));
    refused(&place, "a latest", &["the number of CPUs differs: A 12, B 3", "--allow-different cpus"]);
    let found = json(&place, "a latest --allow-different cpus");
    assert_eq!(found["warnings"], serde_json::json!(["the number of CPUs differs: A 12, B 3"]));
    edit(&place, "runs/latest", |manifest| manifest["accelerator"]["argument"] = "kvm".into());
    refused(&place, "a latest --allow-different cpus", &["the accelerator differs: A tcg, B kvm"]);
    assert_eq!(compare(&place, "a latest --allow-different cpus,accelerator").status, Some(0));
    // Without a manifest the guest's own word is taken.
    for file in ["runs/baselines/a/manifest.json", "runs/latest/manifest.json"] {
        fs::remove_file(place.path(file)).expect("removed");
    }
    assert_eq!(compare(&place, "a latest --allow-different cpus").status, Some(0));
}

#[test]
fn exchanges_that_differ_are_a_warning_in_time_and_refused_in_instructions() {
    let place = two(&whole_of_six(), &golden::ended(golden::classic(12, 6, 2_000)));
    let found = json(&place, "a latest");
    assert_eq!(found["warnings"], serde_json::json!(["the number of exchanges differs: A 1,000, B 2,000"]));
    let longer = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 2_000));
    let place = two(&golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000)), &longer);
    refused(&place, "a latest", &["the number of exchanges differs", "--allow-different exchanges"]);
    assert_eq!(json(&place, "a latest --allow-different exchanges")["rows"][0]["verdict"], "equal");
}

#[test]
fn conditions_that_differ_are_said() {
    let place = two(&whole_of_six(), &whole_of_six());
    assert_eq!(json(&place, "a latest")["warnings"], serde_json::json!([]));
    edit(&place, "runs/latest", |manifest| {
        manifest["accelerator"]["name"] = "tcg, a thread for each vCPU".into();
        manifest["qemu"]["version"] = "98.0".into();
        manifest["guest"]["cpu"] = "qemu64".into();
        manifest["host"]["cpu"] = "another".into();
        manifest["kernel"]["sha256"] = "0123456789abcdef".into();
    });
    let found = json(&place, "a latest");
    let warnings = found["warnings"].as_array().expect("a list");
    let named =
        ["the thread mode differs", "the QEMU version differs", "the CPU model differs", "the host differs"];
    assert_eq!(warnings.len(), named.len(), "{warnings:?}");
    for (warning, name) in warnings.iter().zip(named) {
        assert!(warning.as_str().is_some_and(|warning| warning.starts_with(name)), "{warning}");
    }
    assert!(
        found["kernel"].as_str().is_some_and(|kernel| kernel.contains("B SHA-256 0123456789ab")),
        "{found}"
    );
    let shown = compare(&place, "a latest").stdout;
    assert!(shown.contains("Warning:   the QEMU version differs: A 99.0 (fake), B 98.0\n"), "{shown}");
}

#[test]
fn manifest_whose_hashes_are_no_hashes_is_shown_as_it_is() {
    let place = two(&whole_of_six(), &whole_of_six());
    // Each of two bytes, and none begins where 12 bytes end.
    let text = format!("x{}", "\u{e9}".repeat(20));
    edit(&place, "runs/latest", |manifest| {
        manifest["kernel"]["sha256"] = text.clone().into();
        manifest["revision"] = serde_json::json!({ "commit": text, "dirty": false });
    });
    let short = format!("x{}", "\u{e9}".repeat(11));
    let compared = compare(&place, "a latest");
    assert_eq!(compared.status, Some(0), "{}", compared.stderr);
    assert!(
        compared.stdout.contains(&format!("B SHA-256 {short}, sources {short}\n")),
        "{}",
        compared.stdout
    );
    let replayed = place.call(&["replay", "runs/latest"]);
    assert_eq!(replayed.status, Some(0), "{}", replayed.stderr);
    assert!(replayed.stdout.contains(&short) && !replayed.stdout.contains(&text), "{}", replayed.stdout);
}

#[test]
fn manifest_of_another_format_is_refused() {
    let place = two(&whole_of_six(), &whole_of_six());
    edit(&place, "runs/latest", |manifest| manifest["format"] = 2.into());
    refused(
        &place,
        "a latest",
        &["B: runs/latest/manifest.json: a manifest of format 2, this tool reads format 1"],
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
    assert_eq!(runs, [6, 6, 5]);
    edit(&place, "runs/latest", |manifest| {
        manifest["watch"] = watch((1..=6).map(|run| void(run, "same-core")).collect());
    });
    refused(&place, "a latest", &["all runs of B are void"]);
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
