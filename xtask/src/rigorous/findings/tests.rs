//! Facts about `findings`: logs as the kernel would write them, in findings out.

use super::*;
use crate::golden;
use crate::rigorous::{End, folder_name};
use crate::watch::{Void, VoidReason, Watched};
use switchlab_records::{Record, read_log};

/// A boot of three runs, whose cross-core blocks took `percent` of what they usually do.
fn log(percent: u64) -> String {
    let mut records = golden::classic(12, 3, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.mode, block.subject) == (Mode::CrossCore, Subject::Handoff)
        {
            block.ticks = block.ticks * percent / 100;
        }
    }
    golden::ended(golden::fitted(records))
}

fn entry(number: u32) -> BootEntry {
    BootEntry { number, folder: folder_name(number), seed: u64::from(number) * 7 }
}

fn manifest(void_runs: &[u32]) -> Manifest {
    let void = |run: &u32| Void {
        run: *run,
        position: 1,
        mode: Mode::SameCore,
        subject: Subject::Handoff,
        pass: Pass::Batch,
        reasons: vec![VoidReason::Stopped { ms: 300 }],
    };
    let watch = Watch {
        process: Watched::Yes,
        monitor: Watched::Yes,
        blocks: 36,
        unwatched_blocks: 0,
        host_busy_percent: Some(1.0),
        outside: crate::watch::Outside::default(),
        events: Vec::new(),
        guest_time: None,
        voids: void_runs.iter().map(void).collect(),
        void_points: Vec::new(),
        point_times: Vec::new(),
    };
    let file = serde_json::json!({ "path": "file", "sha256": "0" });
    let facts = serde_json::json!({
        "format": 1,
        "started": "2026-11-24T12:00:00.000Z",
        "argv": ["qemu-system-x86_64"],
        "qemu": { "path": "qemu-system-x86_64", "version": "99.0" },
        "accelerator": { "argument": "tcg,thread=single", "name": "tcg", "why": "as asked for" },
        "guest": { "cpus": 12, "cpu": "max", "memory": "256M" },
        "host": {
            "system": "linux x86_64", "cpu": "a CPU", "cpus": 2, "pinned_to": null,
            "oversubscribed": true, "floor": null,
        },
        "revision": null, "toolchain": null, "loader": file, "kernel": file, "ending": null,
    });
    Manifest { watch: Some(watch), ..serde_json::from_value(facts).expect("a manifest") }
}

fn boot(number: u32, percent: u64, void_runs: &[u32]) -> BootResult {
    let text = log(percent);
    let results = Results::from_log(&read_log(&text)).unwrap();
    BootResult::new(&entry(number), &results, Some(&manifest(void_runs))).unwrap()
}

fn boots(count: u32) -> Boots {
    let mut boots = Boots::new("classic", 7, Goal::Boots { boots: count });
    boots.boots = (1..=count).map(entry).collect();
    boots.end = Some(End { status: 0, outcome: "pass".into() });
    boots
}

#[test]
fn value_of_a_boot_is_the_median_of_its_runs_that_are_not_void() {
    let text = log(100);
    let results = Results::from_log(&read_log(&text)).unwrap();
    let switch = |run, mode| results.block(run, mode).unwrap().switch;
    let all = boot(1, 100, &[]);
    assert_eq!(all.pair(), Some((switch(2, Mode::SameCore), switch(2, Mode::CrossCore))));
    // A run goes as a whole: of the other mode too, though only one of its blocks is void.
    let without = boot(1, 100, &[1, 2]);
    assert_eq!(without.pair(), Some((switch(3, Mode::SameCore), switch(3, Mode::CrossCore))));
    assert_eq!(without.void_runs, [1, 2]);
    let void = boot(1, 100, &[1, 2, 3]);
    assert_eq!((void.pair(), void.switch), (None, None));
}

#[test]
fn boots_are_compared_as_pairs_and_void_ones_are_out() {
    let boots = boots(8);
    let mut results: Vec<_> = (1..=7).map(|number| boot(number, 100 + u64::from(number), &[])).collect();
    results.push(boot(8, 100_000, &[1, 2, 3]));
    let findings = Findings::new(&boots, &results);
    assert_eq!((findings.tally.boots, findings.tally.counted), (8, 7));
    let comparison = findings.comparison.as_ref().unwrap();
    assert_eq!((comparison.base_runs, comparison.other_runs), (7, 7));
    let median = boot(4, 104, &[]).pair().map(|(same, cross)| cross / same).unwrap();
    assert!((comparison.ratio - median).abs() < 1e-9, "{comparison:?}");
    assert_eq!(findings.step(), Step::Complete);
    let shown = findings.report().text();
    assert!(shown.contains(" 1 of 8: out of the verdict"), "{shown}");
    assert!(shown.contains("all 3: void"), "{shown}");
}

#[test]
fn no_boot_that_counts_is_no_verdict() {
    let boots = boots(1);
    let findings_of = |results: &[BootResult]| Findings::new(&boots, results).report().text();
    let void = findings_of(&[boot(1, 100, &[1, 2, 3])]);
    assert!(void.contains(" none: no boot has both modes"), "{void}");
    let rows = |name: &str| void.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(rows(" 1 ").contains("102ns") && rows(" 1 ").ends_with("all 3: void"), "{void}");
    assert!(!rows(" Median").contains("ns"), "{void}");
    assert!(findings_of(&[]).contains("Verdict:"));
}

#[test]
fn what_no_ratio_can_be_had_of_is_named_with_its_boot() {
    let boots = boots(6);
    let mut results: Vec<_> = (1..=6).map(|number| boot(number, 100, &[])).collect();
    // Void boots are no pairs, and are counted all the same.
    results[0] = boot(1, 100, &[1, 2, 3]);
    results[3].cross_core = Some(0.0);
    let findings = Findings::new(&boots, &results);
    let why = "a switch of boot 4 took 0 ns, and no ratio can be had of that";
    let shown = findings.report().text();
    assert!(shown.contains(&format!(" none: {why}\n")), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&findings.json().unwrap()).unwrap();
    assert_eq!((&json["comparison"], &json["no_verdict"]), (&serde_json::Value::Null, &why.into()));
    results[3].cross_core = Some(1.0);
    let json = Findings::new(&boots, &results).json().unwrap();
    assert!(!json.contains("no_verdict"), "{json}");
}

#[test]
fn one_cpu_has_values_and_no_verdict() {
    let text = golden::ended(golden::classic(1, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    let boot = BootResult::new(&entry(1), &results, None).unwrap();
    assert!(boot.same_core.is_some() && boot.cross_core.is_none());
    let boots = boots(1);
    let shown = Findings::new(&boots, &[boot]).report().text();
    assert!(shown.contains(" none: cross-core is skipped: one CPU"), "{shown}");
}

#[test]
fn csv_has_one_header_and_the_boot_before_each_row() {
    let boots = boots(2);
    let results = [boot(1, 100, &[]), boot(2, 101, &[])];
    let csv = Findings::new(&boots, &results).csv().unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert!(lines[0].starts_with("boot,seed,run,position,mode,"), "{}", lines[0]);
    assert_eq!(lines.iter().filter(|line| line.starts_with("boot,")).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.starts_with("1,7,")).count(), 48);
    assert_eq!(lines.iter().filter(|line| line.starts_with("2,14,")).count(), 48);
}

#[test]
fn report_has_a_row_for_each_boot() {
    let boots = boots(6);
    let results: Vec<_> = (1..=6).map(|number| boot(number, 99 + u64::from(number), &[])).collect();
    insta::assert_snapshot!(Findings::new(&boots, &results).report().text());
}

#[test]
fn suspect_clock_of_one_boot_stands_above_all() {
    let boots = boots(2);
    let mut results = [boot(1, 100, &[]), boot(2, 101, &[])];
    results[1].clock_suspect = true;
    let shown = Findings::new(&boots, &results).report().text();
    assert!(shown.lines().next().unwrap().ends_with("[clock: suspect]"), "{shown}");
    assert!(shown.contains("Clock suspect:    in 1 boot (2); "), "{shown}");
}

#[test]
fn run_that_ended_early_says_so() {
    let mut boots = boots(5);
    boots.boots.truncate(2);
    boots.end = Some(End { status: 130, outcome: "interrupted in boot 3".into() });
    let results = [boot(1, 100, &[]), boot(2, 101, &[])];
    let shown = Findings::new(&boots, &results).report().text();
    assert!(shown.starts_with("classic, CPUs 0 and 1 of 12: 2 of 5 boots, "), "{shown}");
    assert!(shown.contains(" interrupted in boot 3\n"), "{shown}");
    assert!(shown.contains("not enough runs"), "{shown}");
}

#[test]
fn counted_instructions_are_exact_and_get_no_verdict() {
    let counted = |first: u64, second: u64| {
        let results: Vec<_> = [first, second]
            .into_iter()
            .zip(1..)
            .map(|(ticks, number)| {
                let mut records = golden::classic_in(Unit::Instructions, 12, 1, 1_000);
                for record in &mut records {
                    if let Record::Block(block) = record
                        && (block.subject, block.pass) == (Subject::Handoff, Pass::Batch)
                        && block.mode != Mode::Switch
                    {
                        block.ticks = 2_000 * if block.mode == Mode::SameCore { 100 } else { ticks };
                    }
                }
                BootResult::of_log(&entry(number), &golden::ended(records), None).unwrap()
            })
            .collect();
        let mut boots = Boots::new("classic", 1, Goal::Boots { boots: 2 });
        boots.boots = vec![entry(1), entry(2)];
        let findings = Findings::new(&boots, &results);
        (findings.comparison.is_none(), findings.report().text())
    };
    let (is_exact, text) = counted(170, 170);
    let line =
        "a cross-core switch executes 1.70 times the instructions of a same-core one, in each of 2 boots";
    assert!(is_exact && text.contains(line), "{text}");
    assert!(!text.contains("Verdict") && !text.contains("slower"), "{text}");
    let (_, text) = counted(170, 171);
    assert!(text.contains("the counts DIFFER between 2 boots"), "{text}");
}

#[test]
fn drift_over_the_boots_is_named_and_its_absence_is_not() {
    let boots = boots(8);
    let text = |percents: [u64; 8]| {
        let results: Vec<_> =
            (1..).zip(percents).map(|(number, percent)| boot(number, percent, &[])).collect();
        Findings::new(&boots, &results).report().text()
    };
    let rising = text([100, 102, 104, 106, 108, 110, 112, 114]);
    assert!(rising.contains("cross-core rises from boot to boot (p <0.001)"), "{rising}");
    assert!(!rising.contains("same-core rises"), "{rising}");
    let still = text([100, 102, 101, 103, 100, 102, 101, 103]);
    assert!(!still.contains("Drift:"), "{still}");
}
