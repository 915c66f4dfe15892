//! Containers: what a process in one is kept from, and what it may use.

use libtest_mimic::Trial;
use switchlab_tests::{Case, End, Parts, Verdict, equal, trial};

/// What is kept from a process, the kernel that tries it, and how often.
const KEPT: [(&str, &str, u64); 6] = [
    ("pages_over_a_limit_are_refused_and_its_group_is_named", "container_memory", 5),
    ("calls_that_the_filter_keeps_out_are_stopped_and_named", "container_filter", 8),
    ("ids_of_another_namespace_are_nobodys", "container_ids", 8),
    ("names_of_another_namespace_are_nobodys", "container_names", 9),
    ("paths_lead_nowhere_else", "container_files", 10),
    ("parts_that_are_not_there_are_calls_that_are_not", "container_without_parts", 18),
];

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = vec![
        trial(parts, "container::who_is_out_of_time_waits_for_its_next_period_alone", |parts| {
            let end = Case::new(parts, "container_quota").in_instructions().boot();
            end.passes()?;
            for waits in ["throttles", "around", "between_calls"] {
                end.is(end.count(waits)? > 0, format_args!("waits: {waits}"))?;
            }
            Ok(())
        }),
        trial(parts, "container::each_part_keeps_in_beside_every_combination_of_the_others", |parts| {
            let end = Case::new(parts, "container_parts").in_instructions().boot();
            // Of 24 combinations; and the ids of fellows, where there are some.
            kept(&end, 24 * 11 + 12)
        }),
        trial(parts, "container::registers_survive_100000_ticks", |parts| {
            let end = Case::new(parts, "container_state").in_instructions().boot();
            end.passes()?;
            let met = end.count("met")?;
            end.is(met >= 100_000, format_args!("100,000 ticks of each that met its patterns, not {met}"))
        }),
    ];
    for (fact, kernel, cases) in KEPT {
        trials.push(trial(parts, format!("container::{fact}"), move |parts| {
            kept(&Case::new(parts, kernel).boot(), cases)
        }));
        let name = format!("container::{fact}_with_a_host_thread_for_each_cpu");
        trials.push(trial(parts, name, move |parts| {
            kept(&Case::new(parts, kernel).with_host_threads().boot(), cases)
        }));
    }
    trials
}

/// So many were tried, beside two others that went on.
fn kept(end: &End, cases: u64) -> Verdict {
    end.passes()?;
    equal("cases", end.count("cases")?, cases)
}
