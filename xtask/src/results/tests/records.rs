//! Records that a log has once, and that have to agree with each other.

use super::super::*;
use super::refused;
use crate::golden;
use crate::survey::Survey;
use switchlab_records::read_log;

#[test]
fn log_that_lacks_blocks_is_no_result() {
    let mut records = golden::classic(12, 2, 1_000);
    records.retain(|record| {
        !matches!(
            record,
            Record::Block(Block { run: 2, .. })
                | Record::Histogram(switchlab_records::Histogram { run: 2, .. })
        )
    });
    assert_eq!(refused(records), "the plan says 32 timed blocks, 16 came");
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

/// Tells a record from others.
type Is = fn(&Record<'_>) -> bool;

/// Why a log of either kind is refused in which a record stands twice.
fn refused_twice(mut records: Vec<Record<'static>>, is: Is) -> String {
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
    let cases: [(&str, Is); 4] = [
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
