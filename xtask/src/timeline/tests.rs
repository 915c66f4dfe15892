//! Facts about timelines, read back from the file as a viewer does.

use std::collections::{BTreeMap, BTreeSet};

use switchlab_records::Unit;

use super::*;
use crate::golden;
use crate::trace::tests::read;

const EXCHANGES: u64 = 3;

fn file(unit: Unit) -> Value {
    let traced = read(golden::traced(unit, EXCHANGES)).unwrap();
    serde_json::from_str(&Timeline::new(&traced).unwrap().json().unwrap()).expect("the file is JSON")
}

fn events<'a>(file: &'a Value, kind: &str) -> Vec<&'a Value> {
    let events = file["traceEvents"].as_array().unwrap();
    events.iter().filter(|event| event["ph"] == kind).collect()
}

/// Nanoseconds.
fn ns(value: &Value) -> u64 {
    (value.as_f64().unwrap() * 1_000.0).round() as u64
}

fn track(event: &Value) -> (u64, u64) {
    (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap())
}

/// Name, beginning and end of each slice, by track.
type Slices<'a> = BTreeMap<(u64, u64), Vec<(&'a str, u64, u64)>>;

fn slices(file: &Value) -> Slices<'_> {
    let mut tracks = Slices::new();
    for slice in events(file, "X") {
        let (from, length) = (ns(&slice["ts"]), ns(&slice["dur"]));
        tracks.entry(track(slice)).or_default().push((slice["name"].as_str().unwrap(), from, from + length));
    }
    tracks
}

#[test]
fn each_mode_is_a_process_and_each_cpu_a_track() {
    let file = file(Unit::Instructions);
    let named = |what: &str| {
        let names = events(&file, "M").into_iter().filter(|event| event["name"] == what);
        names.map(|name| (track(name), name["args"]["name"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(named("process_name"), [((1, 0), "guest, same-core"), ((2, 0), "guest, cross-core")]);
    assert_eq!(
        named("thread_name"),
        [((1, 0), "CPU 0"), ((2, 0), "CPU 0, asks"), ((2, 1), "CPU 1, answers")]
    );
    let tracks: Vec<_> = slices(&file).into_keys().collect();
    assert_eq!(tracks, [(1, 0), (2, 0), (2, 1)]);
}

#[test]
fn slices_of_a_track_nest() {
    for unit in [Unit::Instructions, Unit::Time] {
        for (track, slices) in slices(&file(unit)) {
            let mut open: Vec<(&str, u64, u64)> = Vec::new();
            for slice @ (name, from, to) in slices {
                assert!(from < to, "{name} of {track:?} takes no time");
                while open.last().is_some_and(|outer| outer.2 <= from) {
                    open.pop();
                }
                if let Some(outer) = open.last() {
                    assert!(outer.1 <= from && to <= outer.2, "{slice:?} sticks out of {outer:?}");
                }
                open.push(slice);
            }
        }
    }
}

#[test]
fn tasks_cover_a_track_and_steps_cover_the_tasks() {
    for (_, slices) in slices(&file(Unit::Instructions)) {
        let is_task = |name: &str| ["asking task", "answering task"].contains(&name);
        let around = |name: &str| is_task(name) || ["halt", "wake_up handler"].contains(&name);
        let length = |of: &dyn Fn(&str) -> bool| -> u64 {
            slices.iter().filter(|slice| of(slice.0)).map(|slice| slice.2 - slice.1).sum()
        };
        let whole = slices.iter().map(|slice| slice.2).max().unwrap();
        assert_eq!(length(&is_task), whole);
        assert_eq!(length(&|name| !around(name)), whole);
    }
}

#[test]
fn each_switch_changes_the_task() {
    let file = file(Unit::Instructions);
    let slices = &slices(&file)[&(1, 0)];
    let tasks: Vec<_> = slices.iter().map(|slice| slice.0).filter(|name| name.ends_with("task")).collect();
    assert_eq!(tasks.len() as u64, 2 * EXCHANGES + 1);
    assert!(tasks.iter().step_by(2).all(|name| *name == "asking task"));
    assert!(tasks.iter().skip(1).step_by(2).all(|name| *name == "answering task"));
}

#[test]
fn each_ipi_is_an_arrow_from_the_icr_write_to_the_handler() {
    let file = file(Unit::Instructions);
    let slices = slices(&file);
    let (tails, heads) = (events(&file, "s"), events(&file, "f"));
    // In each exchange one there and one back.
    assert_eq!([tails.len() as u64, heads.len() as u64], [2 * EXCHANGES; 2]);
    let ids: BTreeSet<_> = tails.iter().map(|tail| tail["id"].as_u64()).collect();
    assert_eq!(ids.len(), tails.len());
    let innermost = |event: &Value| {
        let at = ns(&event["ts"]);
        let around = slices[&track(event)].iter().filter(|slice| slice.1 < at && at < slice.2);
        around.min_by_key(|slice| slice.2 - slice.1).unwrap().0
    };
    for tail in tails {
        let head = heads.iter().find(|head| head["id"] == tail["id"]).expect("an arrow has a head");
        assert!(ns(&tail["ts"]) < ns(&head["ts"]));
        assert_ne!(track(tail), track(head));
        assert_eq!(head["bp"], "e");
        assert_eq!((innermost(tail), innermost(head)), ("ICR write", "interrupt handler"));
    }
}

#[test]
fn halt_is_around_the_handler_and_the_handler_around_its_steps() {
    let file = file(Unit::Instructions);
    for track in [(2, 0), (2, 1)] {
        let slices = &slices(&file)[&track];
        let named = |name: &'static str| slices.iter().filter(move |slice| slice.0 == name);
        let within = |inner: &(&str, u64, u64), outer: &'static str| {
            named(outer).any(|outer| outer.1 <= inner.1 && inner.2 <= outer.2)
        };
        let handlers: Vec<_> = named("wake_up handler").collect();
        assert_eq!(handlers.len() as u64, EXCHANGES);
        assert!(handlers.iter().all(|handler| within(handler, "halt")));
        for step in ["interrupt handler", "EOI"] {
            assert_eq!(named(step).count() as u64, EXCHANGES);
            assert!(named(step).all(|step| within(step, "wake_up handler")));
        }
    }
    // The CPU that answers is halted when the window begins, and when it ends.
    let answering = &slices(&file)[&(2, 1)];
    let (from, to) = (0, answering.iter().map(|slice| slice.2).max().unwrap());
    let halts = || answering.iter().filter(|slice| slice.0 == "halt");
    assert!(halts().any(|halt| halt.1 == from) && halts().any(|halt| halt.2 == to));
}

#[test]
fn instructions_are_said_to_be_no_time() {
    let (counted, timed) = (file(Unit::Instructions), file(Unit::Time));
    assert!(counted["otherData"]["unit"].as_str().unwrap().contains("one instruction of any CPU"));
    assert_eq!(timed["otherData"]["unit"], "time, by the TSC");
    assert_eq!(counted["displayTimeUnit"], "ns");
    // 2 GHz: a tick is half a nanosecond, and was a microsecond.
    let end = |file: &Value| slices(file)[&(1, 0)].iter().map(|slice| slice.2).max().unwrap();
    let marks = 20 * golden::MARK_TICKS;
    assert_eq!(end(&counted), EXCHANGES * (golden::TRACED[0] + marks) * 1_000);
    assert_eq!(end(&timed), EXCHANGES * (golden::TRACED[0] + marks) / 2);
}

#[test]
fn arrows_in_time_have_the_bound_of_their_offset() {
    let timed = file(Unit::Time);
    let [one_way] = &timed["otherData"]["one_way"].as_array().unwrap()[..] else { panic!("{timed}") };
    assert_eq!((&one_way["mode"], &one_way["counters"]["to"]), (&"cross-core".into(), &1.into()));
    assert_eq!(one_way["counters"]["apart"]["off_by_at_most_ns"], 1_700.5);
    let told = "one way between CPUs 0 and 1 is off by 1.70µs at most";
    assert!(one_way["note"].as_str().unwrap().contains(told), "{one_way}");
    for end in [events(&timed, "s"), events(&timed, "f")].concat() {
        assert!(end["args"]["one_way"].as_str().unwrap().starts_with(told), "{end}");
    }
    let counted = file(Unit::Instructions);
    assert!(counted["otherData"].get("one_way").is_none());
    assert!(events(&counted, "s").iter().all(|end| end.get("args").is_none()));
}
