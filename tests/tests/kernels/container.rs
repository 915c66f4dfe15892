//! Containers: what a process in one is kept from, and what it may use.

use libtest_mimic::Trial;
use switchlab_tests::{Case, End, Parts, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "container::what_a_container_keeps_from_a_process_is_stopped_and_named", |parts| {
            stopped(&Case::new(parts, "container_isolation").boot())
        }),
        trial(parts, "container::processes_are_kept_in_with_a_host_thread_for_each_cpu", |parts| {
            stopped(&Case::new(parts, "container_isolation").with_host_threads().boot())
        }),
        trial(parts, "container::who_is_out_of_time_waits_for_its_next_period_alone", |parts| {
            let end = Case::new(parts, "container_quota").in_instructions().boot();
            end.passes()?;
            for waits in ["throttles", "around", "between_calls"] {
                end.is(end.count(waits)? > 0, format_args!("waits: {waits}"))?;
            }
            Ok(())
        }),
    ]
}

/// How many were tried, of each kind.
fn stopped(end: &End) -> Verdict {
    end.passes()?;
    let kinds = [("limits", 5), ("filtered", 8), ("guessed", 8), ("opened", 9), ("paths", 10)];
    kinds.into_iter().try_for_each(|(kind, cases)| equal(kind, end.count(kind)?, cases))
}
