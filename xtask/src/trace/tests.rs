//! Facts about traces.

use switchlab_records::{Unit, read_log};

use super::*;
use crate::golden;

/// What the records say.
pub fn read(records: Vec<Record<'_>>) -> Result<Traced<'static>, String> {
    let text = golden::ended(records);
    let log = read_log(text.leak());
    assert_eq!(log.problem, None);
    Traced::from_log(&log)
}

fn golden_trace() -> Traced<'static> {
    read(golden::traced(Unit::Instructions, 3)).expect("a golden trace reads")
}

#[test]
fn path_follows_the_message_from_cpu_to_cpu() {
    let traced = golden_trace();
    for (mode, marks) in [(Mode::SameCore, 20), (Mode::CrossCore, 34)] {
        let exchanges = traced.mode(mode).unwrap().exchanges().unwrap();
        assert_eq!(exchanges.len(), 3);
        for exchange in &exchanges {
            assert_eq!((exchange.path.len(), exchange.beside), (marks + 1, 0));
            let [first, last] = [exchange.path[0], exchange.path[marks]];
            assert_eq!((first.cpu, first.mark), (0, Mark::HandoffBegins));
            assert_eq!((last.cpu, last.mark), (0, Mark::HandoffBegins));
            assert!(exchange.path.is_sorted_by_key(|event| event.ticks));
        }
        // Nothing lies between two exchanges.
        assert!(exchanges.windows(2).all(|pair| pair[0].path.last() == pair[1].path.first()));
    }
    let cross = traced.mode(Mode::CrossCore).unwrap().exchanges().unwrap();
    let changes = cross[1].path.windows(2).filter(|pair| pair[0].cpu != pair[1].cpu);
    let entered: Vec<_> = changes.map(|pair| pair[1].mark).collect();
    assert_eq!(entered, [Mark::InterruptEntered; 2]);
}

#[test]
fn work_beside_the_message_is_counted_and_not_on_its_way() {
    let mut traced = golden_trace();
    let cross = traced.modes.iter_mut().find(|mode| mode.trace.mode == Mode::CrossCore).unwrap();
    // The CPU that has sent blocks and halts only when the other has long entered its interrupt.
    let late: Vec<_> = cross.events.iter_mut().filter(|event| event.cpu == 0).collect();
    for event in late {
        if matches!(event.mark, Mark::Blocked | Mark::Picked | Mark::HaltBegins) {
            event.ticks += 150;
        }
    }
    cross.events.sort_by_key(|event| event.ticks);
    let exchanges = cross.exchanges().unwrap();
    assert!(exchanges.iter().all(|exchange| exchange.beside == 3));
    assert!(exchanges.iter().all(|exchange| exchange.path.len() == 35 - 3));
}

#[test]
fn trace_of_fewer_exchanges_than_it_says_is_an_error() {
    let mut traced = golden_trace();
    for mode in &mut traced.modes {
        mode.trace.exchanges += 2;
        let error = mode.exchanges().unwrap_err();
        assert!(error.contains("through 4 exchanges, of 5"), "{error}");
        mode.events.clear();
        assert!(mode.exchanges().unwrap_err().contains("through 0 exchanges"));
    }
}

#[test]
fn parts_that_contradict_themselves_are_an_error() {
    let broken = |change: fn(&mut Trace, &mut Vec<Marks>)| {
        let mut records = golden::traced(Unit::Instructions, 3);
        let trace = records.iter().position(|record| matches!(record, Record::Trace(_))).unwrap();
        let mut parts = Vec::new();
        while let Record::Marks(marks) = &records[trace + 1] {
            parts.push(marks.clone());
            records.remove(trace + 1);
        }
        let Record::Trace(header) = &mut records[trace] else { unreachable!() };
        change(header, &mut parts);
        for part in parts.into_iter().rev() {
            records.insert(trace + 1, Record::Marks(part));
        }
        read(records).map(|_| ()).unwrap_err()
    };
    for (what, error) in [
        ("has 2 parts, 1 came", broken(|_, parts| drop(parts.pop()))),
        ("part 2 of the trace of same-core came where part 1", broken(|_, parts| parts.swap(0, 1))),
        ("part 1 of the trace of same-core is of CPU 7", broken(|_, parts| parts[0].cpu = 7)),
        ("part 2 of the trace of same-core begins before", broken(|_, parts| parts[1].start_ticks = 1)),
        ("part 2 of the trace of same-core has no end", broken(|_, parts| parts[1].events[1].1 = u64::MAX)),
        (
            "part 1 of the trace of same-core: 19 is the number of no mark",
            broken(|_, parts| parts[0].events[3].0 = 19),
        ),
        (
            "the trace of same-core lasts 9007199254740993 ticks",
            broken(|_, parts| {
                // 2^53 is the most.
                let last = parts.pop().unwrap();
                let start_ticks = parts[0].start_ticks;
                let since = last.events.iter().map(|event| event.1).sum::<u64>();
                parts.push(Marks { start_ticks: start_ticks + (1 << 53) + 1 - since, ..last });
            }),
        ),
        (
            "a mark of the trace of same-core costs 4294967297 ticks",
            broken(|header, _| header.mark_ticks = (1 << 32) + 1),
        ),
        ("another unit", broken(|header, _| header.unit = Unit::Time)),
    ] {
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn measured_kernels_log_is_no_trace() {
    let error = read(golden::classic(2, 1, 1_000)).map(|_| ()).unwrap_err();
    assert!(error.contains("comes from the kernel `switchlab`"), "{error}");
    let mut marked = golden::traced(Unit::Instructions, 3);
    marked.retain(|record| !matches!(record, Record::Trace(_) | Record::Marks(_)));
    assert_eq!(read(marked).map(|_| ()).unwrap_err(), "there is no trace record");
}
