//! Kernels that must fail, each in its way: the harness has to tell them apart.

use std::time::Duration;

use libtest_mimic::Trial;
use switchlab_records::{Record, read_log};
use switchlab_tests::{Case, Parts, Verdict, equal, trial};
use xtask::results::Results;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "failing::assertion_is_a_failure", |parts| {
            Case::new(parts, "failed_assertion").boot().fails_with("two and two are 4")
        }),
        trial(parts, "failing::case_that_there_is_not_is_a_failure", |parts| {
            Case::new(parts, "no_such_case").boot().fails_with("names no case of this kernel by case=NAME")
        }),
        trial(parts, "failing::wrong_sequence_number_is_a_failure", |parts| {
            Case::new(parts, "wrong_number").boot().fails_with("sequence number: expected 500, found 501")
        }),
        trial(parts, "failing::wrong_number_in_a_ring_a_fan_or_a_pair_of_free_tasks_is_told", wrong_hops),
        trial(parts, "failing::null_loop_that_hands_over_has_no_result", null_loops),
        trial(parts, "failing::triple_fault_is_a_crash", |parts| {
            let end = Case::new(parts, "triple_fault").boot();
            end.crashes_with("reset")?;
            end.has_status(0)
        }),
        trial(parts, "failing::hang_ends_at_the_deadline", |parts| {
            Case::new(parts, "hangs").with(|spec| spec.deadline = Duration::from_secs(3)).boot().times_out()
        }),
        trial(parts, "failing::missing_end_record_is_an_invalid_log", |parts| {
            Case::new(parts, "no_end").boot().has_invalid_log("end record")
        }),
        trial(parts, "failing::qemu_that_cannot_start_is_named", |parts| {
            let end = Case::new(parts, "heap").with(|spec| spec.memory = "nonsense".into()).boot();
            end.is(matches!(end.0.outcome, xtask::exit::Outcome::NotStarted(_)), "a QEMU that did not start")
        }),
    ]
}

/// On three CPUs, so around two, then three; one consumer, then two. A number is wrong once, in the first of the
/// points, and the second is as it should be. A pair of free tasks is of no use behind it, so there the first point
/// is the last.
fn wrong_hops(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "wrong_hop").boot();
    let log = read_log(&end.0.log_text);
    let wrong: Vec<_> = log.failures().filter(|failure| failure.contains("sequence number")).collect();
    equal(
        "failures",
        wrong,
        [
            "run 1, token around 2 CPUs: at place 1 of the ring: sequence number: expected 58, found 1000",
            "run 1, token around 2 CPUs: at place 0 of the ring: sequence number: expected 57, found 1000",
            "run 1, fan of 1 consumers: consumer 0: sequence number: expected 58, found 1000",
            "run 1, fan of 1 consumers: producer: sequence number: expected 58, found 1000",
            "run 1, round-robin, pair 0 of 1: sequence number: expected 58, found 1000",
            "run 1, round-robin, pair 0 of 1: sequence number: expected 58, found 1000",
        ]
        .into(),
    )?;
    let points = log.records.iter().filter(|record| matches!(record, Record::Point(_))).count();
    equal("points, two of each ring and fan, one of each contest", points, 4 * 2 + 2)?;
    end.fails_with("sequence number")
}

/// Each null loop counts its handoff, and the kernel and the host both refuse it.
fn null_loops(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "handing_null").boot();
    end.fails_with("run 1, same-core null batch: handoffs: expected 0, found 1")?;
    end.says("run 1, cross-core null batch: handoffs: expected 0, found 1")?;
    end.says("run 1, switch null batch: handoffs: expected 0, found 1")?;
    end.says("run 1, free null batch: handoffs: expected 0, found 1")?;
    let log = read_log(&end.0.log_text);
    let why = Results::from_log(&log).err().unwrap_or_default();
    let named = why.contains("null batch: the kernel passed a wrong count of handoffs: expected 0, found 1");
    end.is(named, format_args!("no result for its null loop; why there is none: `{why}`"))
}
