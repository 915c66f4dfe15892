//! Processes: ring 3, address spaces, system calls, and what becomes of who misuses them.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, TcgThread, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "user::processes_exit_and_exchange_numbers", |parts| exchange(parts, TcgThread::Single)),
        trial(parts, "user::processes_exit_and_exchange_numbers_with_a_host_thread_for_each_cpu", |parts| {
            exchange(parts, TcgThread::Multi)
        }),
    ]
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
