//! The heap, and machines of other sizes.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = vec![trial(parts, "memory::heap_hands_out_and_takes_back", |parts| {
        Case::new(parts, "heap").boot().passes()
    })];
    for size in ["64M", "5G"] {
        trials.push(trial(parts, format!("memory::{size}_is_enough"), move |parts| {
            Case::new(parts, "cpus_up").with(|spec| spec.memory = size.into()).boot().passes()
        }));
    }
    trials
}
