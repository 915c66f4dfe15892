//! Blocks and their samples: what they have to be, and which are void.

use super::super::*;
use super::refused;
use crate::golden;
use crate::table::Report;
use switchlab_records::read_log;

use switchlab_core::counts;
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
fn crossings_that_can_not_be_are_no_result() {
    // Block 3 is of run 1, free.
    let more = refused(with_block(3, |block| block.crossings = Some(2_001)));
    let wrong =
        "run 1, free handoff batch: the kernel passed a wrong count of crossings: expected 0 to 2000, found ";
    assert_eq!(more, format!("{wrong}2001"));
    let none = refused(with_block(3, |block| block.crossings = None));
    assert_eq!(none, format!("{wrong}none told"));
    let bound = refused(with_block(0, |block| block.crossings = Some(0)));
    let wrong = "run 1, same-core handoff batch: the kernel passed a wrong count of crossings: expected none told, found 0";
    assert_eq!(bound, wrong);
}

#[test]
fn free_handoffs_are_exact_and_each_of_their_ipis_is_taken() {
    let lost = refused(with_block(3, |block| block.counts.handoffs -= 1));
    assert_eq!(
        lost,
        "run 1, free handoff batch: the kernel passed a wrong count of handoffs: expected 2000, found 1999"
    );
    let untaken = refused(with_block(3, |block| block.counts.ipis_taken -= 1));
    assert_eq!(
        untaken,
        "run 1, free handoff batch: the kernel passed a wrong count of ipis_taken: expected 3, found 2"
    );
    let not_called = refused(with_block(3, |block| block.expected.ipis_sent -= 1));
    let wrong =
        "run 1, free handoff batch: the kernel expected the wrong count of ipis_sent: expected 3, found 2";
    assert_eq!(not_called, wrong);
}

#[test]
fn blocks_that_can_not_be_are_no_result() {
    // Blocks 0 and 1 are of run 1, same-core and cross-core; block 16 is the first of run 2.
    let twice = refused(with_block(16, |block| {
        (block.run, block.mode) = (1, Mode::SameCore);
        block.counts = counts::expected(Subject::Handoff, Mode::SameCore, 1_000, &block.counts);
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
