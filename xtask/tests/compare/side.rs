//! What may be a side: folders, baselines, boots, reports and logs; and what is none.

use std::fs;

use switchlab_records::FORMAT_VERSION;

use crate::common::{Place, golden, whole};
use crate::{compare, edit, json, refused, scaled, two, whole_of_six};

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
    // As it is while it goes on, and for ever where its process was killed.
    boots["end"] = serde_json::Value::Null;
    fs::write(&file, boots.to_string()).expect("written");
    refused(&place, "a runs/latest/boot-01", &["it has not ended; a run that is whole is expected"]);
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
fn logs_that_are_no_result_are_refused_by_name() {
    let place = two(&whole_of_six(), &whole_of_six());
    let failed = golden::ended(vec![golden::start(), golden::failure("handoffs: expected 4, found 3")]);
    let crashed = golden::log(&[golden::start(), golden::crash()]);
    let other_format =
        whole().replace(&format!("@sl {FORMAT_VERSION} "), &format!("@sl {} ", FORMAT_VERSION + 1));
    let named = format!("record format {}, this tool reads format {FORMAT_VERSION}", FORMAT_VERSION + 1);
    for (log, why) in [
        (&*failed, "the kernel says that it failed: handoffs: expected 4, found 3"),
        (&crashed, "page fault"),
        (&golden::log(&golden::classic(12, 2, 1_000)), "the end record is missing"),
        (&other_format, &*named),
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
fn manifest_of_another_format_is_refused() {
    let place = two(&whole_of_six(), &whole_of_six());
    edit(&place, "runs/latest", |manifest| manifest["format"] = 2.into());
    refused(
        &place,
        "a latest",
        &["B: runs/latest/manifest.json: a manifest of format 2, this tool reads format 1"],
    );
}
