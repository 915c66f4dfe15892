//! Processes: ring 3, address spaces, system calls, and what becomes of who misuses them.

use libtest_mimic::Trial;
use switchlab_tests::{BootSpec, Case, End, Parts, TcgThread, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "user::what_a_process_must_not_do_ends_it_alone", |parts| {
            let end = Case::new(parts, "user_isolation").boot();
            end.passes()?;
            equal("privileged instructions", end.count("privileged")?, 21)?;
            equal("tries at another's vectors", end.count("vectors_of_another")?, 4)
        }),
        trial(
            parts,
            "user::what_a_process_must_not_do_ends_it_alone_with_a_host_thread_for_each_cpu",
            |parts| Case::new(parts, "user_isolation").with_host_threads().boot().passes(),
        ),
        trial(parts, "user::bad_pointers_are_refused_and_nothing_leaks", |parts| {
            let end = Case::new(parts, "user_pointers").boot();
            end.passes()?;
            equal("ranges that are refused", end.count("bad_ranges")?, 14)
        }),
        // A CPU with none of them: no STAC, no CLAC, and isolation all the same.
        trial(parts, "user::bad_pointers_are_refused_without_smap_smep_and_umip", |parts| {
            let end = Case::new(parts, "user_pointers").with(without_protection).boot();
            end.passes()?;
            equal("protection", end.count("has_protection")?, 0)
        }),
        trial(parts, "user::what_a_process_must_not_do_ends_it_alone_without_smap_smep_and_umip", |parts| {
            Case::new(parts, "user_isolation").with(without_protection).boot().passes()
        }),
        trial(parts, "user::who_waits_for_a_dead_process_is_told", |parts| {
            told(&Case::new(parts, "user_gone").boot())
        }),
        trial(parts, "user::who_waits_for_a_dead_process_is_told_with_a_host_thread_for_each_cpu", |parts| {
            told(&Case::new(parts, "user_gone").with_host_threads().boot())
        }),
        trial(parts, "user::registers_survive_100_000_interrupts", |parts| {
            kept(&Case::new(parts, "user_state").in_instructions().boot())
        }),
        trial(parts, "user::registers_of_threads_survive_100_000_interrupts", |parts| {
            let end = Case::new(parts, "user_threads").in_instructions().boot();
            kept(&end)?;
            upper_halves(&end)?;
            // The first thread's, the kernel's as it ends, and both again for the other.
            end.is(end.count("loads")? <= 4, "no load of CR3 between threads of one address space")
        }),
        trial(
            parts,
            "user::registers_and_vectors_survive_100_000_interrupts_across_address_spaces",
            |parts| {
                let end = Case::new(parts, "user_vectors").in_instructions().boot();
                kept(&end)?;
                upper_halves(&end)?;
                end.is(
                    end.count("loads")? >= 2 * end.count("ticks")?,
                    "a load of CR3 for each interrupt of each",
                )
            },
        ),
        trial(parts, "user::registers_survive_100_000_interrupts_of_each_and_as_many_calls", |parts| {
            kept_and_called(&Case::new(parts, "user_calls").in_instructions().boot())
        }),
        trial(
            parts,
            "user::registers_and_vectors_survive_100_000_interrupts_of_each_and_as_many_calls",
            |parts| {
                let end = Case::new(parts, "user_call_vectors").in_instructions().boot();
                kept_and_called(&end)?;
                upper_halves(&end)
            },
        ),
        trial(parts, "user::smap_keeps_ring_0_from_data_of_ring_3", |parts| {
            kept_out(parts, "user_smap", 0x1)
        }),
        trial(parts, "user::smep_keeps_ring_0_from_code_of_ring_3", |parts| {
            kept_out(parts, "user_smep", 0x11)
        }),
        trial(parts, "user::processes_exit_and_exchange_numbers", |parts| exchange(parts, TcgThread::Single)),
        trial(parts, "user::processes_exit_and_exchange_numbers_with_a_host_thread_for_each_cpu", |parts| {
            exchange(parts, TcgThread::Multi)
        }),
    ]
}

/// The patterns of each, by as many interrupts as came while all its registers held them.
fn kept(end: &End) -> Verdict {
    end.passes()?;
    let met = end.count("met")?;
    end.is(met >= 100_000, format_args!("100,000 interrupts of each that met its patterns, not {met}"))
}

fn kept_and_called(end: &End) -> Verdict {
    kept(end)?;
    // A call and its answer.
    end.is(end.count("letters")? >= 200_000, "100,000 calls")
}

fn upper_halves(end: &End) -> Verdict {
    equal("vectors with upper halves", end.count("upper_halves")?, 1)
}

fn exchange(parts: &Parts, threads: TcgThread) -> Verdict {
    let end = Case::new(parts, "user_exit").with(|spec| spec.tcg_thread = threads).boot();
    end.passes()?;
    // 2,000 one-way switches; the first load and the kernel's at the end, of each process; and the last message,
    // there and back.
    equal("loads of CR3", end.count("loads")?, 2_006)?;
    // Two of each side for an exchange; the last receives nothing but the end; two exits.
    equal("system calls", end.count("calls")?, 4_003)
}

/// On one CPU and on two, at either end, before and behind the other's death.
fn told(end: &End) -> Verdict {
    end.passes()?;
    equal("told", end.count("told")?, 4 * 4 * 3 * 2 * 2)
}

fn without_protection(spec: &mut BootSpec) {
    spec.cpu = "max,-smap,-smep,-umip".into();
}

/// Ring 0 meets a page fault, on a page that is there: bit 0 of its error code; bit 4 where it was to be executed.
fn kept_out(parts: &Parts, kernel: &str, error_code: u64) -> Verdict {
    let end = Case::new(parts, kernel).boot();
    equal("the CPU has it", end.count("has_it")?, 1)?;
    end.crashes_with("page fault")?;
    let crash = end.crash()?;
    equal("CR2", crash.cr2, end.count("address")?)?;
    equal("error code", crash.error_code, error_code)?;
    equal("CPU", crash.cpu, 1)
}
