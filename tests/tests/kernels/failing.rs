//! Kernels that must fail, each in its way: the harness has to tell them apart.

use std::time::Duration;

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "failing::assertion_is_a_failure", |parts| {
            Case::new(parts, "failed_assertion").boot().fails_with("two and two are 4")
        }),
        trial(parts, "failing::wrong_sequence_number_is_a_failure", |parts| {
            Case::new(parts, "wrong_number").boot().fails_with("sequence number: expected 1001, found 1000")
        }),
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
