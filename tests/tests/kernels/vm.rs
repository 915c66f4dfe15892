//! Guests under SVM: they run, what they may not do stops them, and their state is kept.

use std::time::Duration;

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, Timing, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "vm::guest_runs_with_and_without_nested_paging", runs),
        trial(parts, "vm::bad_guest_is_stopped_and_named_and_all_else_goes_on", |parts| {
            isolation(&case(parts, "vm_isolation"))
        }),
        trial(parts, "vm::bad_guest_is_stopped_and_named_in_deterministic_time", |parts| {
            isolation(&case(parts, "vm_isolation").with(|spec| spec.timing = Timing::Instructions))
        }),
        trial(parts, "vm::guests_find_their_registers_after_100_000_exits_of_each_kind", state),
        trial(parts, "vm::number_that_is_changed_on_its_way_is_reported_by_the_guest", |parts| {
            let end = case(parts, "vm_wrong_number").boot();
            end.passes()?;
            equal("changes that were found", end.count("found")?, 2 * (3 * 4 + 1))
        }),
        trial(parts, "vm::missing_extensions_are_named", missing),
    ]
}

/// A VMRUN takes 30 µs and more under emulation, and several times that where the host is busy.
const LONG: Duration = Duration::from_secs(300);

fn case(parts: &Parts, kernel: &str) -> Case {
    Case::new(parts, kernel).with(|spec| spec.deadline = LONG)
}

fn runs(parts: &Parts) -> Verdict {
    let end = case(parts, "vm_runs").boot();
    end.passes()?;
    equal("calls", end.count("calls")?, 2_000)
}

/// 17 cases and 8 pages of another guest, each with nested and with shadow tables.
fn isolation(case: &Case) -> Verdict {
    let end = case.boot();
    end.passes()?;
    equal("guests that were stopped", end.count("stopped")?, 2 * (17 + 8))?;
    for said in [
        "a guest reads outside its memory, Nested: it read 0x8000, which is none of its memory (#NPF)",
        "a guest reads outside its memory, Shadow: it read 0x8000, which is none of its memory (#PF)",
        "a guest writes its code, Nested: it wrote to 0x4000, which is none of its memory (#NPF)",
        "a guest writes to a port, Nested: it executed IN or OUT, port 0x3f8, which is not for guests",
        "a guest writes an MSR, Nested: it executed RDMSR or WRMSR, MSR 0xc0000082, which is not for guests",
        "a guest runs a guest, Nested: it executed VMRUN, which is not for guests",
        "a guest loops for ever, Nested: it did not give the CPU back within its quantum",
        "a guest faults three times, Shadow: a triple fault (shutdown)",
    ] {
        end.says(said)?;
    }
    Ok(())
}

/// Two guests, with nested and with shadow tables. A tick is an instruction, so that a guest gets as far between two of
/// them wherever this runs.
fn state(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "vm_state").in_instructions().with(|spec| spec.deadline = LONG).boot();
    end.passes()?;
    equal("exits of guests that halt", end.count("halts")?, 2 * 2 * 100_000)?;
    equal("exits by the machine's timer", end.count("interrupts")?, 2 * 2 * 100_000)
}

/// The experiment goes on without what the CPU does not have, and says so.
fn missing(parts: &Parts) -> Verdict {
    let boot = |cpu: &str| {
        let case = Case::laboratory(parts).with(|spec| {
            spec.cpu = cpu.into();
            spec.deadline = LONG;
            spec.append = "experiment=hierarchy runs=1 exchanges=100 warmup=10".into();
        });
        case.boot()
    };
    let end = boot("max,-svm");
    end.passes()?;
    end.says("\"absent\":{\"series\":\"vm\",\"at\":[],\"reason\":\"this CPU has no SVM")?;
    let end = boot("max,-npt");
    end.passes()?;
    end.says("\"absent\":{\"series\":\"vm\",\"at\":[],\"reason\":\"this CPU has SVM without nested paging")?;
    end.says("\"series\":\"vm-shadow\",\"at\":[[\"cpus\",1]],\"handoffs\":200")
}
