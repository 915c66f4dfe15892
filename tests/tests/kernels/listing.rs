//! The listing of the loops: of the laboratory's kernel, without booting it.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use switchlab_tests::{Parts, Verdict, trial};
use xtask::report::listing::{Listing, Role, Routine, of_file, of_loop};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "listing::loops_are_made_of_the_functions_that_a_handoff_takes", loops),
        trial(parts, "listing::no_measured_loop_has_code_of_the_heap_a_lock_or_a_text", nothing_foreign),
    ]
}

/// Each from the source function that it was written in, in the loops where it belongs.
fn loops(parts: &Parts) -> Verdict {
    let listing = of_file(&parts.laboratory, None)?;
    for (role, function, instruction) in [
        (Role::Asking, "switch::switch_context", "jmp qword ptr"),
        (Role::Asking, "interrupts::halt", "hlt"),
        (Role::Asking, "channel::send", "mov"),
        (Role::Answering, "switch::switch_context", "jmp qword ptr"),
        (Role::Answering, "interrupts::halt", "hlt"),
        (Role::Interrupt, "ipi::wake_up_xapic", "ret"),
        (Role::FloorAsking, "switch::exchange", "jmp r"),
        (Role::FloorAnswering, "switch::exchange", "jmp r"),
    ] {
        if !routines(&listing, role).any(|routine| has(routine, function, instruction)) {
            return Err(Failed::from(format!("no `{instruction}` of {function} in {role:?}: {listing:#?}")));
        }
    }
    // The IPI is sent by a function of its own, or by what it is inlined into.
    let sends = |routine: &Routine| has(routine, "apic::send", "mov");
    if !listing.routines.iter().any(sends) {
        return Err(Failed::from(format!("no routine sends the IPI: {listing:#?}")));
    }
    Ok(())
}

fn routines(listing: &Listing, role: Role) -> impl Iterator<Item = &Routine> {
    listing.routines.iter().filter(move |routine| routine.role == role)
}

fn has(routine: &Routine, function: &str, instruction: &str) -> bool {
    let groups = routine.groups.iter().filter(|group| group.function == function);
    groups.flat_map(|group| &group.instructions).any(|one| one.text.starts_with(instruction))
}

/// What is measured, by the functions that hold the loops. The batch pass's are listed beside the results.
const LOOPS: [(&str, &str); 12] = [
    ("experiments::exchange::hand_over", "probe::Batch"),
    ("experiments::exchange::hand_over", "probe::Sampler"),
    ("experiments::exchange::answer", "probe::Batch"),
    ("experiments::exchange::answer", "probe::Sampler"),
    ("experiments::exchange::hand_over_nothing", "probe::Batch"),
    ("experiments::exchange::hand_over_nothing", "probe::Sampler"),
    ("experiments::classic::floor::hand_over", "floor::Resume"),
    ("experiments::classic::floor::answer_for_ever", "probe::Batch"),
    ("experiments::ring::go_round", "probe::Batch"),
    ("experiments::ring::pass_on", "probe::Batch"),
    ("experiments::fan::go_round", "probe::Batch"),
    ("experiments::fan::answer", "probe::Batch"),
];

/// Source files that have no code in a measured loop: also where a compiler has made it part of another function.
const FOREIGN: [&str; 6] = [
    "kernel/src/console.rs",
    "kernel/src/foreign.rs",
    "kernel/src/lock.rs",
    "kernel/src/mm/",
    "kernel/src/report.rs",
    "kernel/records/",
];

/// Crates and modules whose functions no measured loop calls.
const FOREIGN_NAMES: [&str; 5] = ["alloc::", "fmt::", "linked_list_allocator::", "mutex::", "spin::"];

fn nothing_foreign(parts: &Parts) -> Verdict {
    for (path, arguments) in LOOPS {
        if let Some(foreign) = foreign(&parts.laboratory, path, arguments)? {
            return Err(Failed::from(format!("{path} with {arguments} comes to {foreign}")));
        }
    }
    // Where it is planted, it is found.
    let planted = parts.kernels.join("planted_foreign");
    for arguments in ["Allocates", "Locks", "Writes"] {
        for path in
            ["experiments::exchange::hand_over", "experiments::ring::pass_on", "experiments::fan::answer"]
        {
            if foreign(&planted, path, arguments)?.is_none() {
                return Err(Failed::from(format!("{path} with {arguments}: what is planted is not found")));
            }
        }
    }
    Ok(())
}

/// What is foreign in a loop and all that it calls.
fn foreign(kernel: &Path, path: &'static str, arguments: &'static str) -> Result<Option<String>, Failed> {
    let routines = of_loop(kernel, path, arguments)?;
    if routines.first().is_none_or(|routine| routine.groups.is_empty()) {
        return Err(Failed::from(format!("no loop in {path} with {arguments}")));
    }
    Ok(routines.iter().find_map(|routine| {
        let is_foreign = |file: &&str| FOREIGN.iter().any(|foreign| file.starts_with(foreign));
        let file = routine.groups.iter().filter_map(|group| group.file.as_deref()).find(is_foreign);
        let is_named = FOREIGN_NAMES.iter().any(|name| routine.name.contains(name));
        (is_named || file.is_some()).then(|| format!("{} ({file:?})", routine.name))
    }))
}
