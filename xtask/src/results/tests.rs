//! Facts about `results`.

mod blocks;
mod costs;
mod records;

use super::*;
use crate::golden;
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
    assert_eq!(json["blocks"].as_array().unwrap().len(), 32);
    assert_eq!(json["blocks"][16]["mode"], "cross-core");
    assert_eq!(json["blocks"][16]["counts"]["ipis_taken"], 2_000);
    let csv = results.csv().unwrap();
    assert_eq!(csv.lines().count(), 33);
    let row = "1,1,same-core,handoff,batch,1000,404000,202000,101,ns,2000,2000,0,0,0,,";
    assert_eq!(csv.lines().nth(1), Some(row));
    let free = "1,4,free,handoff,batch,1000,800000,400000,200,ns,2000,2000,3,3,3,2,";
    assert_eq!(csv.lines().nth(4), Some(free));
    let placement = serde_json::json!({
        "crossings": 4, "handoffs": 4_000, "share": 0.001, "by_the_others": 105.391, "free": 200.0,
    });
    assert_eq!(json["placement"], placement);
}

#[test]
fn skipped_mode_has_a_row_and_no_number() {
    let text = golden::ended(golden::classic(1, 1, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!(results.skipped(Mode::CrossCore), Some("one CPU"));
    assert!(results.mode(Mode::CrossCore).is_none());
    assert_eq!(results.csv().unwrap().lines().last(), Some(",,cross-core,,,,,,,,,,,,,,one CPU"));
}

fn refused(records: Vec<Record<'_>>) -> String {
    Results::from_log(&read_log(&golden::ended(records))).unwrap_err()
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
fn instructions_have_no_time() {
    let text = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000));
    let results = Results::from_log(&read_log(&text)).unwrap();
    assert_eq!((results.unit, results.tsc_hz, results.clock.is_suspect()), ("instructions", None, false));
    let mode = results.mode(Mode::SameCore).unwrap();
    assert_eq!((mode.switch.raw, mode.switches_per_second), (202.0, None));
    let json = results.json().unwrap();
    assert!(!json.contains("\"ns\""), "{json}");
}
