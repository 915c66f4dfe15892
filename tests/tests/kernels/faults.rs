//! Faults are reported with what is needed to find their cause, and end the machine.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, Verdict, equal, trial};

const PAGE: u64 = 4096;
const DOUBLE_FAULT: u8 = 8;
const PAGE_FAULT: u8 = 14;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "faults::stack_overflow_meets_the_guard_page", |parts| guard_page(parts, "guard_page")),
        trial(parts, "faults::overflow_of_the_smallest_stack_meets_its_guard_page", |parts| {
            guard_page(parts, "small_guard_page")
        }),
        trial(parts, "faults::double_fault_has_a_stack_of_its_own", double_fault),
        trial(parts, "faults::what_comes_at_any_instruction_has_a_stack_of_its_own_on_each_cpu", |parts| {
            let end = Case::new(parts, "interrupt_stacks").boot();
            end.passes()?;
            equal("stacks", end.count("stacks")?, 3 * 3)
        }),
        trial(parts, "faults::page_fault_names_everything", page_fault),
        trial(parts, "faults::panic_says_its_piece_whatever_lock_is_held", |parts| {
            let end = Case::new(parts, "panics").boot();
            end.crashes_with("the lock is held")?;
            let crash = end.crash()?;
            equal("CPU", crash.cpu, 1)?;
            end.is(crash.location.contains("panics.rs:"), "the panic's place")
        }),
        trial(parts, "faults::panic_of_a_cpu_that_has_no_data_yet_is_reported_as_its_own", |parts| {
            let end = Case::new(parts, "panics_early").boot();
            end.crashes_with("GDT")?;
            equal("CPU", end.crash()?.cpu, 1)
        }),
        trial(parts, "faults::of_two_panics_one_is_reported", |parts| {
            let end = Case::new(parts, "panics_twice").boot();
            end.crashes_with("has had enough")?;
            equal("crash records", end.0.log_text.matches("{\"crash\":").count(), 1)
        }),
    ]
}

fn guard_page(parts: &Parts, kernel: &str) -> Verdict {
    let end = Case::new(parts, kernel).boot();
    end.crashes_with("stack overflow into its guard page")?;
    let (guard, crash) = (end.count("guard_page")?, end.crash()?);
    equal("page of CR2", crash.cr2 / PAGE * PAGE, guard)?;
    equal("vector", crash.vector, Some(DOUBLE_FAULT))?;
    equal("CPU", crash.cpu, 1)
}

fn double_fault(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "double_fault").boot();
    end.crashes_with("double fault")?;
    let crash = end.crash()?;
    equal("vector", crash.vector, Some(DOUBLE_FAULT))?;
    equal("stack pointer", crash.rsp, 0x1000)
}

fn page_fault(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "page_fault").boot();
    end.crashes_with("page fault")?;
    let crash = end.crash()?;
    equal("vector", crash.vector, Some(PAGE_FAULT))?;
    equal("CR2", crash.cr2, 0xdead_b000)?;
    // A write, by the supervisor, to a page that is not there.
    equal("error code", crash.error_code, 2)?;
    equal("CPU", crash.cpu, 1)?;
    equal("task", crash.task.map(u64::from), Some(end.count("task")?))
}
