//! The cases that boot a kernel, by subject.

mod clock;
mod container;
mod cpus;
mod deterministic;
mod failing;
mod faults;
mod foreign;
mod free;
mod hierarchy;
mod instructions;
mod listing;
mod loader;
mod machines;
mod memory;
mod policy;
mod ring_and_fan;
mod scale;
mod soak;
mod steps;
mod tasks;
mod user;
mod vm;
mod watchdog;
mod watched;
mod ways;

use libtest_mimic::{Arguments, Trial};
use switchlab_tests::Parts;

fn main() {
    let mut arguments = Arguments::from_args();
    // One guest at a time has the host to itself; two keep a small host busy without starving it.
    arguments.test_threads.get_or_insert(2);
    let parts = Parts::from_environment();
    if parts.is_none() {
        eprintln!("the kernels' cases are ignored here: `cargo xtask test` builds the kernels and runs them");
    }
    let subjects = [
        clock::trials,
        cpus::trials,
        tasks::trials,
        memory::trials,
        faults::trials,
        failing::trials,
        loader::trials,
        deterministic::trials,
        watched::trials,
        watchdog::trials,
        soak::trials,
        ways::trials,
        instructions::trials,
        listing::trials,
        machines::trials,
        steps::trials,
        scale::trials,
        ring_and_fan::trials,
        policy::trials,
        free::trials,
        hierarchy::trials,
        foreign::trials,
        vm::trials,
        user::trials,
        container::trials,
    ];
    let trials =
        subjects.iter().flat_map(|trials| trials(&parts)).map(|trial| tell(&arguments, trial)).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// Tells why a trial that was asked for is left out.
fn tell(arguments: &Arguments, trial: Trial) -> Trial {
    let fits = |filter: &String| match arguments.exact {
        true => trial.name() == filter,
        false => trial.name().contains(filter.as_str()),
    };
    let is_asked_for = arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits);
    let runs = arguments.ignored || arguments.include_ignored;
    if !trial.kind().is_empty() && is_asked_for && !runs && !arguments.list {
        eprintln!("left out: {}: {}", trial.name(), trial.kind());
    }
    trial.with_kind("")
}
