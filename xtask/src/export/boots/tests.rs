//! Figures over boots: what each is, and when it has an interval.

use serde_json::{Value, json};
use switchlab_records::{Block, Pass, Record, Subject};

use super::*;
use crate::export::tests::{NAMES, check_bencher, check_github};
use crate::golden;
use crate::report::testing;
use crate::rigorous::{BootEntry, Boots, Goal, folder_name};

/// Boots of 3 runs whose handoffs take so many percent of the golden machine's.
fn of_boots<T>(unit: Unit, cpus: u32, percents: &[u64], use_them: impl FnOnce(&Findings<'_>) -> T) -> T {
    let results: Vec<_> =
        percents.iter().zip(1..).map(|(percent, boot)| read(unit, cpus, *percent, boot, &[])).collect();
    of(&results, use_them)
}

fn of<T>(results: &[BootResult], use_them: impl FnOnce(&Findings<'_>) -> T) -> T {
    let boots = Boots::new("classic", 7, Goal::Boots { boots: results.len() as u32 });
    use_them(&Findings::new(&boots, results))
}

fn read(unit: Unit, cpus: u32, percent: u64, number: u32, void_runs: &[u32]) -> BootResult {
    let mut records = golden::classic_in(unit, cpus, 3, 1_000);
    for record in &mut records {
        if let Record::Block(Block { subject: Subject::Handoff, pass: Pass::Batch, ticks, .. }) = record {
            *ticks = *ticks * percent / 100;
        }
    }
    let entry = BootEntry { number, folder: folder_name(number), seed: 7 };
    let manifest = testing::manifest_with_voids(void_runs);
    BootResult::of_log(&entry, &golden::ended(records), Some(&manifest)).unwrap()
}

fn bencher_of(findings: &Findings<'_>) -> Value {
    let exported: Value = serde_json::from_str(&bencher(findings).unwrap().unwrap()).unwrap();
    check_bencher(&exported);
    exported
}

fn github_of(findings: &Findings<'_>) -> Value {
    let exported: Value = serde_json::from_str(&github(findings).unwrap().unwrap()).unwrap();
    check_github(&exported);
    exported
}

const SIX: [u64; 6] = [100, 110, 120, 130, 140, 150];

#[test]
fn figure_is_the_median_of_the_boots_with_its_interval() {
    let exported = of_boots(Unit::Time, 12, &SIX, bencher_of);
    // 204 ticks at 2 GHz are the median of 3 runs, so 125 % of 102 ns; the interval is that of 6 boots.
    let figure = &exported["same-core switch"]["latency"];
    assert_eq!(figure["value"], 127.5);
    let interval = Bootstrap::default().median(&SIX.map(|percent| 1.02 * percent as f64)).unwrap();
    for (key, due) in [("lower_value", interval.low), ("upper_value", interval.high)] {
        assert!(figure[key].as_f64().is_some_and(|value| (value - due).abs() < 0.01), "{figure}: {due}");
    }
    assert!(interval.low < 110.0 && interval.high > 145.0, "{interval:?}");
}

#[test]
fn names_are_those_of_one_boot_and_say_what_they_are_of() {
    let exported = of_boots(Unit::Time, 12, &SIX, github_of);
    let names: Vec<_> = exported.as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, NAMES);
    let extra = exported[0]["extra"].as_str().unwrap();
    let what = "median of 6 boots, with its 95 % interval, each the median of its runs of 1,000 exchanges, raw, of one switch (half an exchange)\n";
    assert!(extra.starts_with(what) && extra.contains("\nHost: ") && !extra.contains("Command"), "{extra}");
    assert_eq!(exported[0]["unit"], "ns");
    // All boots have the same samples, and that is an interval too.
    assert_eq!((&exported[6]["value"], &exported[6]["range"]), (&json!(217.5), &json!("± 0.000")));
}

#[test]
fn few_boots_have_no_interval() {
    let exported = of_boots(Unit::Time, 12, &SIX[..4], bencher_of);
    assert_eq!(exported["same-core switch"], json!({ "latency": { "value": 117.3 } }));
    let exported = of_boots(Unit::Time, 12, &SIX[..4], github_of);
    assert!(exported.as_array().unwrap().iter().all(|entry| entry.get("range").is_none()));
    assert!(exported[0]["extra"].as_str().unwrap().starts_with("median of 4 boots, each the median"));
}

#[test]
fn void_boots_are_out_and_none_left_is_nothing_to_track() {
    let mut results: Vec<_> = (1..=5).map(|boot| read(Unit::Time, 12, 100, boot, &[])).collect();
    results.push(read(Unit::Time, 12, 900, 6, &[1, 2, 3]));
    let exported = of(&results, github_of);
    assert_eq!(exported[0]["value"], 102.0);
    for index in [0, 4] {
        let extra = exported[index]["extra"].as_str().unwrap();
        assert!(extra.starts_with("median of 5 boots, "), "{extra}");
    }
    let void = &results[5..];
    assert!(of(void, |findings| bencher(findings).unwrap().is_none() && github(findings).unwrap().is_none()));
    assert!(of(&[], |findings| bencher(findings).unwrap().is_none()));
}

#[test]
fn instructions_are_a_measure_of_their_own_and_a_skipped_mode_is_left_out() {
    let exported = of_boots(Unit::Instructions, 1, &[100, 100], bencher_of);
    assert_eq!(exported["same-core switch"], json!({ "instructions": { "value": 204.0 } }));
    assert!(exported.get("cross-core switch").is_none());
    assert_eq!(exported.as_object().unwrap().len(), 15);
    assert_eq!(of_boots(Unit::Instructions, 1, &[100, 100], github_of)[0]["unit"], "instructions");
}
