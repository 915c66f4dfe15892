//! Facts about `results`.

use super::cost::Resolution;
use super::*;
use crate::golden;
use crate::survey::Survey;
use crate::table::Report;
use switchlab_records::read_log;

#[test]
fn times_use_the_last_clock_and_switches_are_half_exchanges() {
    let text = golden::ended(golden::classic(12, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!((results.tsc_hz, results.unit), (Some(golden::TSC_HZ), "ns"));
    // 202 and 204 ticks a switch at 2 GHz; 2,000 switches in a block.
    let first = results.block(1, Mode::SameCore).unwrap();
    assert_eq!((first.total, first.switch), (202_000.0, 101.0));
    let mode = results.mode(Mode::SameCore).unwrap();
    assert_eq!((mode.blocks, mode.mean_total, mode.switch.raw), (2, 203_000.0, 101.5));
    assert_eq!(mode.switches_per_second, Some(9_852_217));
    assert_eq!(results.clock.apart_ppm, Some(10));
}

#[test]
fn json_and_csv_hold_every_block() {
    let text = golden::ended(golden::classic(12, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&results.json().unwrap()).unwrap();
    assert_eq!(json["blocks"].as_array().unwrap().len(), 24);
    assert_eq!(json["blocks"][12]["mode"], "cross-core");
    assert_eq!(json["blocks"][12]["counts"]["ipis_taken"], 2_000);
    let csv = results.csv().unwrap();
    assert_eq!(csv.lines().count(), 25);
    let row = "1,1,same-core,handoff,batch,1000,404000,202000,101,ns,2000,2000,0,0,0,";
    assert_eq!(csv.lines().nth(1), Some(row));
}

#[test]
fn skipped_mode_has_a_row_and_no_number() {
    let text = golden::ended(golden::classic(1, 1, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!(results.skipped(Mode::CrossCore), Some("one CPU"));
    assert!(results.mode(Mode::CrossCore).is_none());
    assert_eq!(results.csv().unwrap().lines().last(), Some(",,cross-core,,,,,,,,,,,,,one CPU"));
}

fn refused(records: Vec<Record<'_>>) -> String {
    Results::from_log(&read_log(&golden::ended(records))).unwrap_err()
}

#[test]
fn log_that_lacks_blocks_is_no_result() {
    let mut records = golden::classic(12, 2, 1_000);
    records.retain(|record| {
        !matches!(
            record,
            Record::Block(Block { run: 2, .. }) | Record::Histogram(records::Histogram { run: 2, .. })
        )
    });
    assert_eq!(refused(records), "the plan says 24 timed blocks, 12 came");
}

#[test]
fn log_without_plan_or_clock_is_no_result() {
    assert!(refused(vec![golden::start()]).contains("plan"));
    let mut records = golden::classic(12, 1, 1);
    records.retain(|record| !matches!(record, Record::Clock(_)));
    assert!(refused(records).contains("clock"));
}

/// The golden log, each record changed.
fn changed(mut change: impl FnMut(&mut Record<'_>)) -> String {
    let mut records = golden::classic(12, 2, 1_000);
    records.iter_mut().for_each(&mut change);
    refused(records)
}

#[test]
fn log_without_cpus_or_machine_is_no_result() {
    let without = |is: fn(&Record<'_>) -> bool| {
        let mut records = golden::classic(12, 2, 1_000);
        records.retain(|record| !is(record));
        refused(records)
    };
    assert!(without(|record| matches!(record, Record::Cpus(_))).contains("no cpus record"));
    assert!(without(|record| matches!(record, Record::Machine(_))).contains("no machine record"));
}

/// Why a log of either kind is refused in which a record stands twice.
fn refused_twice(mut records: Vec<Record<'static>>, is: fn(&Record<'_>) -> bool) -> String {
    let at = records.iter().position(is).unwrap();
    records.insert(at + 1, records[at].clone());
    let text = golden::ended(records);
    let log = read_log(&text);
    match Survey::is_survey(&log) {
        true => Survey::from_log(&log).map(|_| ()).unwrap_err(),
        false => Results::from_log(&log).map(|_| ()).unwrap_err(),
    }
}

#[test]
fn record_that_comes_twice_is_no_result() {
    let cases: [(&str, fn(&Record<'_>) -> bool); 4] = [
        ("start", |record| matches!(record, Record::Start(_))),
        ("plan", |record| matches!(record, Record::Plan(_))),
        ("cpus", |record| matches!(record, Record::Cpus(_))),
        ("machine", |record| matches!(record, Record::Machine(_))),
    ];
    for (name, is) in cases {
        let due = format!("there are two {name} records, and one is due");
        assert_eq!(refused_twice(golden::classic(12, 2, 1_000), is), due);
        assert_eq!(refused_twice(golden::points::ring(1), is), due);
    }
}

#[test]
fn clocks_are_compared_once_before_and_once_after() {
    let with = |change: fn(Vec<Record<'static>>, [Record<'static>; 2]) -> Vec<Record<'static>>| {
        let (clocks, others): (Vec<_>, Vec<_>) =
            golden::classic(12, 2, 1_000).into_iter().partition(|record| matches!(record, Record::Clock(_)));
        let Ok(clocks) = <[_; 2]>::try_from(clocks) else { unreachable!("two clock records") };
        refused(change(others, clocks))
    };
    assert_eq!(
        with(|mut all, [before, _]| {
            all.push(before);
            all
        }),
        "there is no clock record after the job"
    );
    assert_eq!(
        with(|mut all, [_, after]| {
            all.push(after);
            all
        }),
        "there is no clock record before the job"
    );
    assert!(
        with(|mut all, [before, after]| {
            all.extend([after, before]);
            all
        })
        .contains("stands before")
    );
    assert!(
        with(|mut all, [before, after]| {
            all.extend([before, after.clone(), after]);
            all
        })
        .contains("there are 3 clock records")
    );
}

#[test]
fn pair_that_does_not_exist_is_no_result() {
    let pair = |pair| {
        changed(|record| {
            if let Record::Plan(plan) = record {
                plan.pair = pair;
            }
        })
    };
    assert_eq!(pair([0, 12]), "the plan's pair names CPU 12, and 12 were up");
    assert_eq!(pair([90, 1]), "the plan's pair names CPU 90, and 12 were up");
    assert_eq!(pair([3, 3]), "cross-core blocks of CPU 3 with itself");
    let one_up = changed(|record| {
        if let Record::Cpus(cpus) = record {
            cpus.up = 1;
        }
    });
    assert_eq!(one_up, "the plan's pair names CPU 1, and 1 were up");
}

#[test]
fn parameters_that_contradict_the_plan_are_no_result() {
    let parameters = |told: &'static str| {
        changed(|record| {
            if let Record::Start(start) = record {
                start.parameters = told.into();
            }
        })
    };
    assert_eq!(parameters("runs=3 exchanges=1000"), "the start record says runs=3, the plan 2");
    assert_eq!(
        parameters("runs=2 exchanges=x\u{1b}"),
        "the start record says exchanges=x\\u001b, the plan 1000"
    );
}

#[test]
fn texts_of_a_log_are_shown_without_control_characters() {
    let mut records = golden::classic(1, 2, 1_000);
    for record in &mut records {
        match record {
            Record::Start(start) => {
                start.kernel = "a\u{9b}2J".into();
                start.command_line = "\u{1b}[2J".into();
            }
            Record::Machine(machine) => {
                machine.cpu = "CPU\u{1b}]0;title\u{7}\nMachine: forged".into();
                machine.hypervisor = "\u{7f}".into();
            }
            Record::Skipped(skipped) => skipped.reason = "one\rCPU".into(),
            _ => {}
        }
    }
    let text = golden::ended(records);
    let results = Results::from_log(&read_log(&text)).unwrap();
    let shown = Report::new(&results, None).text() + &results.json().unwrap() + &results.csv().unwrap();
    let control = |character: &char| character.is_control() && *character != '\n';
    assert_eq!(shown.chars().find(control), None);
    assert!(shown.contains("CPU\\u001b]0;title\\u0007\\u000aMachine: forged"), "{shown}");
    assert!(shown.contains("one\\u000dCPU"), "{shown}");
}

#[test]
fn wrong_count_is_no_result_even_where_the_kernel_passed_it() {
    let mut records = golden::classic(12, 1, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && block.counts.ipis_taken != 0
        {
            block.counts.ipis_taken -= 1;
        }
    }
    let why = refused(records.clone());
    assert_eq!(
        why,
        "run 1, cross-core handoff batch: the kernel passed a wrong count of ipis_taken: expected 2000, found 1999"
    );
    for record in &mut records {
        if let Record::Block(block) = record {
            block.expected.ipis_taken = block.counts.ipis_taken;
        }
    }
    assert!(refused(records).contains("expected the wrong count"));
}

#[test]
fn net_is_raw_less_the_null_loop() {
    let text = golden::ended(golden::classic(12, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    let switch = results.mode(Mode::Switch).unwrap().switch;
    // 30 and 3 ticks at 2 GHz.
    assert_eq!((switch.raw, switch.overhead, switch.net), (15.0, 1.5, 13.5));
    assert_eq!(switch.resolution, Resolution::Resolved);
    assert_eq!(switch.texts(results.ruler), ["15.00ns", "1.50ns", "13.50ns"]);
}

#[test]
fn net_that_is_smaller_than_its_overheads_spread_is_below_resolution() {
    let mut records = golden::classic(12, 2, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.subject, block.pass, block.mode) == (Subject::Null, Pass::Batch, Mode::Switch)
        {
            // The null loop takes 10 and 58 ticks a switch, more than the handoff's 30.
            block.ticks = if block.run == 1 { 20_000 } else { 116_000 };
        }
    }
    let text = golden::ended(records);
    let results = Results::from_log(&read_log(&text)).unwrap();
    let mode = results.mode(Mode::Switch).unwrap();
    assert_eq!((mode.switch.net, mode.switch.resolution), (-2.0, Resolution::Below));
    assert_eq!(mode.switch.texts(results.ruler)[2], "-2.00ns (below resolution)");
    assert_eq!(mode.sampled.as_ref().unwrap().apart_percent, None);
}

#[test]
fn resolution_of_one_run_is_unknown_but_for_instructions() {
    for (unit, resolution, word, net) in [
        (Unit::Time, Resolution::UnknownOneRun, "unknown-one-run", "13.50ns"),
        (Unit::Instructions, Resolution::Resolved, "resolved", "27.00"),
    ] {
        let text = golden::ended(golden::classic_in(unit, 12, 1, 1_000));
        let results = Results::from_log(&read_log(&text)).unwrap();
        let mode = results.mode(Mode::Switch).unwrap();
        assert_eq!((mode.switch.resolution, &*mode.switch.texts(results.ruler)[2]), (resolution, net));
        let sampled = mode.sampled.as_ref().unwrap();
        // How far the passes are apart can be told all the same.
        assert_eq!((sampled.switch.resolution, sampled.apart_percent), (resolution, Some(0.0)));
        let json: serde_json::Value = serde_json::from_str(&results.json().unwrap()).unwrap();
        assert_eq!(json["modes"][2]["switch"]["resolution"], word);
    }
}

#[test]
fn net_of_one_run_that_is_not_above_zero_is_below_any_resolution() {
    let mut records = golden::classic(12, 1, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.subject, block.pass, block.mode) == (Subject::Null, Pass::Batch, Mode::Switch)
        {
            block.ticks = 60_000;
        }
    }
    let text = golden::ended(records);
    let results = Results::from_log(&read_log(&text)).unwrap();
    let switch = results.mode(Mode::Switch).unwrap().switch;
    assert_eq!((switch.net, switch.resolution), (0.0, Resolution::Below));
}

#[test]
fn net_that_is_nothing_to_the_last_decimal_is_below_resolution_and_no_share_of_it_is_told() {
    let mut records = golden::classic(12, 2, 1_000);
    for record in &mut records {
        if let Record::Clock(clock) = record {
            clock.tsc_hz = 1 << 62;
        }
    }
    let text = golden::ended(records);
    let results = Results::from_log(&read_log(&text)).unwrap();
    for mode in &results.modes {
        assert_eq!((mode.switch.net, mode.switch.resolution), (0.0, Resolution::Below));
        assert_eq!(mode.sampled.as_ref().unwrap().apart_percent, None);
    }
    let shown = Report::new(&results, None).text();
    assert!(!shown.contains("NaN") && shown.contains("below resolution"), "{shown}");
}

#[test]
fn percentiles_are_those_of_all_runs() {
    let text = golden::ended(golden::classic(12, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    let sampled = results.mode(Mode::SameCore).unwrap().sampled.clone().unwrap();
    assert_eq!(sampled.samples, 200);
    // 424 and 428 ticks an exchange; buckets of 8 ticks there: 424 to 431 is one. Ten times as many
    // fall into 4,224 to 4,351 (2 GHz: half of it is nanoseconds).
    assert_eq!((sampled.min, sampled.p50, sampled.p99, sampled.max), (213.5, 213.5, 213.5, 2_143.5));
    // Nets: 203 - 3 and 203 - 3 ticks, 10 more in each of the sampled pass.
    assert_eq!(sampled.apart_percent, Some(0.0));
    assert!(!sampled.disagrees());
    // 20 ticks of 2 GHz: ten in each switch.
    assert_eq!(sampled.sample_costs, 10.0);
}

#[test]
fn passes_that_differ_are_said_to_disagree() {
    let mut records = golden::classic(12, 1, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && (block.subject, block.pass, block.mode) == (Subject::Handoff, Pass::Sampled, Mode::Switch)
        {
            block.ticks += 2 * block.exchanges * 2;
        }
    }
    let text = golden::ended(records);
    let results = Results::from_log(&read_log(&text)).unwrap();
    let sampled = results.mode(Mode::Switch).unwrap().sampled.clone().unwrap();
    // 29 instead of 27 ticks.
    assert_eq!((sampled.apart_percent, sampled.disagrees()), (Some(7.41), true));
}

#[test]
fn instructions_have_no_time() {
    let text = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!((results.unit, results.tsc_hz, results.clock.is_suspect()), ("instructions", None, false));
    let mode = results.mode(Mode::SameCore).unwrap();
    assert_eq!((mode.switch.raw, mode.switches_per_second), (202.0, None));
    let json = results.json().unwrap();
    assert!(!json.contains("\"ns\""), "{json}");
}

#[test]
fn samples_that_do_not_belong_to_their_block_are_no_result() {
    let mut missing = golden::classic(12, 1, 1_000);
    let place = missing.iter().position(|record| matches!(record, Record::Histogram(_))).unwrap();
    missing.remove(place);
    assert_eq!(refused(missing), "run 1, same-core handoff sampled: 0 samples, 100 were due");
    let mut misplaced = golden::classic(12, 1, 1_000);
    misplaced.swap(place, place - 2);
    assert!(refused(misplaced).contains("does not belong to the block before it"));
    let mut short = golden::classic(12, 1, 1_000);
    if let Record::Histogram(histogram) = &mut short[place] {
        histogram.buckets.pop();
    }
    assert_eq!(refused(short), "run 1, same-core handoff sampled: 99 samples, 100 were due");
    let mut foreign = golden::classic(12, 1, 1_000);
    if let Record::Histogram(histogram) = &mut foreign[place] {
        histogram.buckets.push((2_000, 1));
    }
    assert!(refused(foreign).ends_with("bucket 2000, of 1920 that there are"));
}

/// A classic log, the samples of whose first sampled block are these, and whose ticks.
fn sampled(unit: Unit, ticks: u64, buckets: &[(u16, u64)]) -> Vec<Record<'static>> {
    let mut records = golden::classic_in(unit, 12, 1, 1_000);
    let place = records.iter().position(|record| matches!(record, Record::Histogram(_))).unwrap();
    if let Record::Histogram(histogram) = &mut records[place] {
        histogram.buckets = buckets.to_vec();
    }
    if let Record::Block(block) = &mut records[place - 1] {
        block.ticks = ticks;
    }
    records
}

#[test]
fn samples_that_can_not_add_up_to_their_block_are_no_result() {
    let holds = |records| Results::from_log(&read_log(&golden::ended(records))).is_ok();
    // Bucket 149 is from 424 to 431.
    let (few, many) = ([(149, 100)], [(10, 100)]);
    // All but one are within the block.
    assert!(holds(sampled(Unit::Instructions, 99 * 424, &few)));
    assert_eq!(
        refused(sampled(Unit::Instructions, 99 * 424 - 1, &few)),
        "run 1, same-core handoff sampled: its samples take 42400 ticks at least, 424 of them the longest, and \
         the block took 41975"
    );
    // One that began long before the block is allowed.
    assert!(holds(sampled(Unit::Time, 99 * 424, &[(149, 99), (1_000, 1)])));
    // The block goes on for some instructions after the last sample.
    assert!(holds(sampled(Unit::Instructions, 2_000, &many)));
    assert_eq!(
        refused(sampled(Unit::Instructions, 2_001, &many)),
        "run 1, same-core handoff sampled: its samples take 1000 ticks at most, and the block took 2001"
    );
    // In time there is no bound: the host may do anything.
    assert!(holds(sampled(Unit::Time, u64::MAX / 2, &many)));
}

#[test]
fn block_that_goes_on_behind_its_samples_is_void_and_the_log_is_not() {
    // 5 ms of a clock of 2 GHz are what it may.
    for (ticks, void) in [(10_001_000, false), (10_001_001, true)] {
        let mut records = golden::classic(12, 2, 1_000);
        let place = records.iter().position(|record| matches!(record, Record::Histogram(_))).unwrap();
        let as_it_was = golden::ended(records.clone());
        let before = Results::from_log(&read_log(&as_it_was)).unwrap();
        let (Record::Histogram(histogram), [.., Record::Block(block)]) = ({
            let (head, tail) = records.split_at_mut(place);
            (&mut tail[0], head)
        }) else {
            panic!("a block before its histogram")
        };
        histogram.buckets = vec![(10, 100)];
        block.ticks = ticks;
        let text = golden::ended(records);
        let results = Results::from_log(&read_log(&text)).unwrap();
        let sampled = |results: &Results<'_>| {
            let mode = results.mode(Mode::SameCore).unwrap();
            (mode.switch.raw, mode.sampled.as_ref().unwrap().samples)
        };
        let (switch, samples) = sampled(&before);
        let left = if void { samples - 100 } else { samples };
        assert_eq!(sampled(&results), (switch, left), "the other blocks stay");
        let said = "run 1: same-core, sampled went on for 5.00ms behind its last sample";
        let due: &[&str] = if void { &[said] } else { &[] };
        assert_eq!(results.overruns().collect::<Vec<_>>(), due);
        let shown = Report::new(&results, None).text();
        assert_eq!(
            shown.lines().any(|line| line.starts_with("Void:") && line.ends_with(said)),
            void,
            "{shown}"
        );
        assert_eq!(results.json().unwrap().contains("overrun_ticks"), void);
    }
}

fn watch(voids: serde_json::Value) -> Watch {
    serde_json::from_value(serde_json::json!({
        "process": "yes", "monitor": "yes", "blocks": 36, "unwatched_blocks": 0,
        "host_busy_percent": 1.0, "events": [], "guest_time": null, "voids": voids,
    }))
    .unwrap()
}

fn stopped(run: u32, mode: &str, pass: &str) -> serde_json::Value {
    serde_json::json!({
        "run": run, "position": 1, "mode": mode, "subject": "handoff", "pass": pass,
        "reasons": [{ "reason": "stopped", "ms": 300 }],
    })
}

#[test]
fn costs_are_without_what_is_void() {
    let text = golden::ended(golden::classic(12, 3, 1_000));
    let results = || Results::from_log(&read_log(&text)).unwrap();
    let raw = |results: &Results<'_>| {
        let mode = results.mode(Mode::SameCore).unwrap();
        (mode.switch.raw, mode.blocks, mode.sampled.as_ref().unwrap().samples)
    };
    // 202, 204, 206 ticks a switch at 2 GHz.
    assert_eq!(raw(&results()), (102.0, 3, 300));
    // A run that is out takes all its blocks along; a sampled block goes alone.
    let one =
        watch(serde_json::json!([stopped(3, "cross-core", "batch"), stopped(1, "same-core", "sampled")]));
    let counted = results().without_void(Some(&one)).unwrap();
    assert_eq!((raw(&counted), counted.is_all_void()), ((101.5, 2, 100), false));
    let all = watch((1..=3).map(|run| stopped(run, "same-core", "batch")).collect());
    let none = results().without_void(Some(&all)).unwrap();
    assert_eq!((raw(&none), none.is_all_void()), ((102.0, 3, 300), true));
}

/// A classic log whose `n`-th block is changed.
fn with_block(n: usize, change: impl FnOnce(&mut Block)) -> Vec<Record<'static>> {
    let mut records = golden::classic(12, 2, 1_000);
    let blocks = records.iter_mut().filter_map(|record| match record {
        Record::Block(block) => Some(block),
        _ => None,
    });
    change(blocks.into_iter().nth(n).unwrap());
    records
}

#[test]
fn blocks_that_can_not_be_are_no_result() {
    // Blocks 0 and 1 are of run 1, same-core and cross-core.
    let twice = refused(with_block(12, |block| {
        (block.run, block.mode) = (1, Mode::SameCore);
        block.counts = counts::expected(Subject::Handoff, Mode::SameCore, 1_000);
        block.expected = block.counts;
    }));
    assert_eq!(twice, "run 1, same-core handoff batch: there are two blocks of it");
    let beyond = refused(with_block(0, |block| block.run = 9));
    assert_eq!(beyond, "run 9, same-core handoff batch: the plan has runs 1 to 2");
    let timeless = refused(with_block(1, |block| block.ticks = 0));
    assert_eq!(timeless, "run 1, cross-core handoff batch: it took no ticks");
    let mut skipped = golden::classic(12, 1, 1_000);
    skipped.push(Record::Skipped(Skipped { mode: Mode::Switch, reason: "none".into() }));
    assert_eq!(refused(skipped), "run 1, switch handoff batch: it was skipped as well");
}
