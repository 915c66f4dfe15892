//! Guests under SVM.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![trial(parts, "vm::guest_runs_with_and_without_nested_paging", runs)]
}

fn runs(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "vm_runs").boot();
    end.passes()?;
    equal("calls", end.count("calls")?, 2_000)
}
