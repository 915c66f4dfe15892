//! What differs between two sides: refused, warned of, or said.

use std::fs;

use switchlab_records::{Mode, Record, Unit};

use crate::common::golden;
use crate::{compare, counted, edit, json, refused, two, two_of_boots, whole_of_six};

#[test]
fn units_that_differ_are_refused() {
    let place = two(&whole_of_six(), &counted(Mode::SameCore, 0));
    refused(&place, "a latest", &["the unit differs: A ns, B instructions"]);
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
                plan.blocks /= 4;
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
        serde_json::json!([
            "cross-core was measured by B alone",
            "switch was measured by B alone",
            "free was measured by B alone",
        ])
    );
    // What B has more is no gap; what it lacks is one, where something is to count.
    let six = |log: String| [(); 6].map(|()| log.clone());
    let place = two_of_boots(&six(only(Mode::SameCore)), &six(whole_of_six()));
    assert_eq!(compare(&place, "a b --fail-on slower").status, Some(0));
    assert_eq!(compare(&place, "b a").status, Some(0));
    let gap = compare(&place, "b a --fail-on slower");
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
