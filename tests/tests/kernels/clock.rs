//! The clock is qualified: offsets between CPUs, steps back.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, TcgThread, Timing, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "clock::planted_offset_is_found_within_its_bound", |parts| {
            offsets_found(&Case::new(parts, "clock_offset"))
        }),
        trial(parts, "clock::planted_offset_is_found_with_a_host_thread_for_each_cpu", |parts| {
            offsets_found(&Case::new(parts, "clock_offset").with(|spec| spec.tcg_thread = TcgThread::Multi))
        }),
        trial(parts, "clock::planted_offset_is_found_in_deterministic_time", |parts| {
            offsets_found(&Case::new(parts, "clock_offset").with(|spec| {
                spec.timing = Timing::Instructions;
            }))
        }),
        trial(parts, "clock::offset_is_found_without_rdtscp", |parts| {
            offsets_found(&Case::new(parts, "clock_offset").with(|spec| spec.cpu = "qemu64".into()))
        }),
    ]
}

fn offsets_found(case: &Case) -> Verdict {
    let end = case.boot();
    end.passes()?;
    equal("pairs of three CPUs", end.count("pairs")?, 3)
}
