//! The rules of the two schemas, as assertions, and the names that trackers know.

use serde_json::Value;
use switchlab_records::read_log;

use super::*;
use crate::golden;

fn text(unit: Unit, cpus: u32) -> String {
    golden::ended(golden::classic_in(unit, cpus, 2, 1_000))
}

fn exported(text: &str, export: impl FnOnce(&Results<'_>) -> anyhow::Result<String>) -> Value {
    let results = Results::from_log(&read_log(text)).unwrap();
    let exported = export(&results).unwrap();
    assert!(exported.ends_with("}\n") || exported.ends_with("]\n"), "{exported}");
    serde_json::from_str(&exported).unwrap()
}

/// What the schema <https://bencher.dev/bmf.json> asks for, and the lengths of names.
pub(super) fn check_bencher(exported: &Value) {
    for (name, measures) in exported.as_object().expect("an object of benchmarks") {
        assert!((1..=1024).contains(&name.len()), "{name}");
        let measures = measures.as_object().expect("an object of measures");
        assert!(!measures.is_empty());
        for (measure, metric) in measures {
            assert!((1..=64).contains(&measure.len()), "{measure}");
            let metric = metric.as_object().expect("an object");
            assert!(metric.contains_key("value"), "value is required");
            for (key, number) in metric {
                assert!(["value", "lower_value", "upper_value"].contains(&&**key), "{key}");
                assert!(number.as_f64().is_some_and(f64::is_finite), "{name} {key}: {number}");
            }
        }
    }
}

/// What the action asks of each entry; and a range is read by it only in this form.
pub(super) fn check_github(exported: &Value) {
    for entry in exported.as_array().expect("an array") {
        let entry = entry.as_object().expect("of objects");
        for key in ["name", "unit"] {
            assert!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{key}");
        }
        assert!(entry["value"].as_f64().is_some_and(f64::is_finite));
        for key in entry.keys() {
            assert!(["name", "unit", "value", "range", "extra"].contains(&&**key), "{key}");
        }
        for key in ["range", "extra"] {
            assert!(entry.get(key).is_none_or(Value::is_string), "{key}");
        }
        if let Some(range) = entry.get("range").and_then(Value::as_str) {
            let number = range.strip_prefix("± ").expect("plus and minus");
            assert!(number.len() > 1 && number.parse::<f64>().is_ok_and(|range| range >= 0.0), "{range}");
        }
    }
}

pub(super) const NAMES: [&str; 20] = [
    "same-core switch",
    "cross-core switch",
    "switch",
    "free switch",
    "same-core exchange p50",
    "same-core exchange p90",
    "same-core exchange p99",
    "same-core exchange p99.9",
    "cross-core exchange p50",
    "cross-core exchange p90",
    "cross-core exchange p99",
    "cross-core exchange p99.9",
    "switch exchange p50",
    "switch exchange p90",
    "switch exchange p99",
    "switch exchange p99.9",
    "free exchange p50",
    "free exchange p90",
    "free exchange p99",
    "free exchange p99.9",
];

#[test]
fn bencher_has_each_figure_by_its_name_and_the_schema_holds() {
    let exported = exported(&text(Unit::Time, 12), bencher);
    check_bencher(&exported);
    let mut names: Vec<_> = exported.as_object().unwrap().keys().map(String::as_str).collect();
    let mut due = NAMES;
    names.sort_unstable();
    due.sort_unstable();
    assert_eq!(names, due);
    // 202 and 204 ticks a switch at 2 GHz.
    assert_eq!(
        exported["same-core switch"],
        serde_json::json!({ "latency": { "value": 101.5, "lower_value": 101.0, "upper_value": 102.0 } })
    );
    assert_eq!(exported["same-core exchange p99"], serde_json::json!({ "latency": { "value": 213.5 } }));
}

#[test]
fn github_has_each_figure_by_its_name_and_the_actions_rules_hold() {
    let exported = exported(&text(Unit::Time, 12), |results| github(results, None));
    check_github(&exported);
    let names: Vec<_> = exported.as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, NAMES);
    assert_eq!(
        exported[0],
        serde_json::json!({
            "name": "same-core switch",
            "unit": "ns",
            "value": 101.5,
            "range": "± 0.500",
            "extra": "mean of 2 runs of 1,000 exchanges, raw, of one switch (half an exchange)",
        })
    );
    assert!(exported[4].get("range").is_none(), "{}", exported[4]);
}

#[test]
fn instructions_are_a_measure_of_their_own() {
    let text = text(Unit::Instructions, 12);
    let bencher = exported(&text, bencher);
    check_bencher(&bencher);
    for (name, measures) in bencher.as_object().unwrap() {
        let measures: Vec<_> = measures.as_object().unwrap().keys().collect();
        assert_eq!(measures, ["instructions"], "{name}");
    }
    assert_eq!(bencher["same-core switch"]["instructions"]["value"], 203.0);
    let github = exported(&text, |results| github(results, None));
    check_github(&github);
    assert!(github.as_array().unwrap().iter().all(|entry| entry["unit"] == "instructions"));
}

#[test]
fn skipped_mode_is_left_out_and_is_no_zero() {
    let exported = exported(&text(Unit::Time, 1), bencher);
    check_bencher(&exported);
    assert_eq!(exported.as_object().unwrap().len(), 15);
    assert!(exported.get("cross-core switch").is_none());
}

#[test]
fn one_run_has_no_spread() {
    let text = golden::ended(golden::classic(12, 1, 1_000));
    let bencher = exported(&text, bencher);
    assert_eq!(bencher["switch"], serde_json::json!({ "latency": { "value": 15.0 } }));
    assert!(exported(&text, |results| github(results, None))[2].get("range").is_none());
}

#[test]
fn documents_that_break_the_rules_are_seen() {
    for text in [r#"{"a":{"latency":{"lower_value":1.0}}}"#, r#"{"a":{"latency":{"value":null}}}"#, "[]"] {
        let exported = serde_json::from_str(text).unwrap();
        assert!(std::panic::catch_unwind(|| check_bencher(&exported)).is_err(), "{text}");
    }
    for text in
        [r#"[{"name":"a","unit":"ns","value":"1"}]"#, r#"[{"name":"a","unit":"ns","value":1,"range":"±1"}]"#]
    {
        let exported = serde_json::from_str(text).unwrap();
        assert!(std::panic::catch_unwind(|| check_github(&exported)).is_err(), "{text}");
    }
}
