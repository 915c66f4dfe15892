//! Facts about `results`.

use super::*;
use crate::golden;
use switchlab_records::read_log;

#[test]
fn times_use_the_last_clock_and_switches_are_half_exchanges() {
    let text = golden::ended(golden::classic(12, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!(results.tsc_hz, golden::TSC_HZ);
    // 202 and 204 ticks a switch at 2 GHz; 2,000 switches in a block.
    let first = results.block(1, Mode::SameCore).unwrap();
    assert_eq!((first.time_ns, first.switch_ps, first.switch_ns(results.tsc_hz)), (202_000, 101_000, 101));
    let mode = results.mode(Mode::SameCore).unwrap();
    assert_eq!((mode.blocks, mode.mean_time_ns, mode.mean_switch_ps), (2, 203_000, 101_500));
    assert_eq!(mode.switches_per_second, 9_852_217);
    assert_eq!(results.clocks_apart_ppm, Some(10));
}

#[test]
fn json_and_csv_hold_every_block() {
    let text = golden::ended(golden::classic(12, 2, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&results.json().unwrap()).unwrap();
    assert_eq!(json["blocks"].as_array().unwrap().len(), 6);
    assert_eq!(json["blocks"][3]["mode"], "cross-core");
    assert_eq!(json["blocks"][3]["counts"]["ipis_taken"], 2_000);
    let csv = results.csv().unwrap();
    assert_eq!(csv.lines().count(), 7);
    assert_eq!(csv.lines().nth(1), Some("1,1,same-core,1000,404000,202000,101000,2000,2000,0,0,0,"));
}

#[test]
fn skipped_mode_has_a_row_and_no_number() {
    let text = golden::ended(golden::classic(1, 1, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!(results.skipped(Mode::CrossCore), Some("one CPU"));
    assert!(results.mode(Mode::CrossCore).is_none());
    assert_eq!(results.csv().unwrap().lines().last(), Some(",,cross-core,,,,,,,,,,one CPU"));
}

fn refused(records: Vec<Record<'_>>) -> String {
    Results::from_log(&read_log(&golden::ended(records))).unwrap_err()
}

#[test]
fn log_that_lacks_blocks_is_no_result() {
    let mut records = golden::classic(12, 2, 1_000);
    records.retain(|record| !matches!(record, Record::Block(block) if block.run == 2));
    assert_eq!(refused(records), "the plan says 6 timed blocks, 3 came");
}

#[test]
fn log_without_plan_or_clock_is_no_result() {
    assert!(refused(vec![golden::start()]).contains("plan"));
    let mut records = golden::classic(12, 1, 1);
    records.retain(|record| !matches!(record, Record::Clock(_)));
    assert!(refused(records).contains("clock"));
}

#[test]
fn wrong_count_is_no_result_even_where_the_kernel_passed_it() {
    let mut records = golden::classic(12, 1, 1_000);
    for record in &mut records {
        if let Record::Block(block) = record
            && block.mode == Mode::CrossCore
        {
            block.counts.ipis_taken -= 1;
        }
    }
    let why = refused(records.clone());
    assert_eq!(
        why,
        "run 1, cross-core: the kernel passed a wrong count of ipis_taken: expected 2000, found 1999"
    );
    for record in &mut records {
        if let Record::Block(block) = record {
            block.expected.ipis_taken = block.counts.ipis_taken;
        }
    }
    assert!(refused(records).contains("expected the wrong count"));
}
