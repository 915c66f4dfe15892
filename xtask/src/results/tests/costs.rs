//! What a mode costs: raw, overhead, net, and its resolution.

use super::super::cost::Resolution;
use super::super::*;
use crate::golden;
use crate::table::Report;
use switchlab_records::read_log;

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
