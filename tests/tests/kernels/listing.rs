//! The listing of the loops: of the laboratory's kernel, without booting it.

use libtest_mimic::{Failed, Trial};
use switchlab_tests::{Parts, Verdict, trial};
use xtask::report::listing::{Listing, Role, Routine, of_file};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![trial(parts, "listing::loops_are_made_of_the_functions_that_a_handoff_takes", loops)]
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
        (Role::Interrupt, "ipi::wake_up_xapic", "iretq"),
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
