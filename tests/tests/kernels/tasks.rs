//! Tasks: the switch, the scheduler, channels, wake-ups, across CPUs.

use std::fs;

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, TcgThread, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let passes = |name: &str, kernel: &'static str| {
        trial(parts, format!("tasks::{name}"), move |parts| Case::new(parts, kernel).boot().passes())
    };
    let passes_with_host_threads = |name: &str, kernel: &'static str| {
        trial(parts, format!("tasks::{name}_with_a_host_thread_for_each_cpu"), move |parts| {
            Case::new(parts, kernel).with(|spec| spec.tcg_thread = TcgThread::Multi).boot().passes()
        })
    };
    vec![
        passes("registers_and_flags_survive_switches", "switch_state"),
        trial(parts, "tasks::registers_of_tasks_and_fibers_survive_100000_interrupts", |parts| {
            let end = Case::new(parts, "interrupted_state").in_instructions().boot();
            end.passes()?;
            equal("interrupts", end.count("interrupts")?, 200_000)
        }),
        passes("yielding_tasks_run_in_turn", "round_robin"),
        passes("channels_deliver_in_order_and_block_both_ways", "channels"),
        passes_with_host_threads("channels_deliver_in_order_and_block_both_ways", "channels"),
        trial(parts, "tasks::channels_work_on_one_cpu", |parts| {
            Case::new(parts, "channels").with(|spec| spec.smp = 1).boot().passes()
        }),
        passes("join_waits_for_the_end", "join"),
        passes_with_host_threads("join_waits_for_the_end", "join"),
        passes("wake_up_from_another_cpu_comes", "wake"),
        passes_with_host_threads("wake_up_from_another_cpu_comes", "wake"),
        trial(parts, "tasks::jittered_handoffs_lose_nothing", |parts| jitter(parts, TcgThread::Single)),
        trial(parts, "tasks::jittered_handoffs_lose_nothing_with_a_host_thread_for_each_cpu", |parts| {
            jitter(parts, TcgThread::Multi)
        }),
        trial(parts, "tasks::jittered_handoffs_lose_nothing_in_deterministic_time", |parts| {
            let end = Case::new(parts, "jitter")
                .with(|spec| spec.extra = ["-icount", "shift=2,sleep=off"].map(Into::into).into())
                .boot();
            end.passes()
        }),
        trial(parts, "tasks::ipis_counted_from_outside_are_those_counted_inside", ipis_from_outside),
    ]
}

fn jitter(parts: &Parts, threads: TcgThread) -> Verdict {
    let end = Case::new(parts, "jitter").with(|spec| spec.tcg_thread = threads).boot();
    end.passes()?;
    for count in ["handoffs", "ipis_sent", "ipis_taken"] {
        equal(count, end.count(count)?, 100_000)?;
    }
    Ok(())
}

/// QEMU traces every write to a local APIC: those to the ICR's low half (0x300, register 0x30) that
/// send the wake-up's vector, and the ends of interrupt (0xb0, register 0x0b).
fn ipis_from_outside(parts: &Parts) -> Verdict {
    let folder = tempfile::tempdir()?;
    let trace = folder.path().join("trace");
    let end = Case::new(parts, "ipi_counts")
        .with(|spec| {
            spec.smp = 2;
            spec.cpu = "max,-x2apic".into();
            spec.extra = vec!["-d".into(), "trace:apic_*".into(), "-D".into(), (&trace).into()];
        })
        .boot();
    end.passes()?;
    let trace = fs::read_to_string(&trace)?;
    // The event's name and form changed with QEMU 9.
    let writes = |old: &str, new: &str| {
        let is_one = |line: &&str| {
            line.strip_prefix("apic_mem_writel ").is_some_and(|rest| rest.starts_with(old))
                || line
                    .strip_prefix("apic_register_write register ")
                    .is_some_and(|rest| rest.starts_with(new))
        };
        trace.lines().filter(is_one).count() as u64
    };
    let sent = end.count("ipis_sent")?;
    equal("IPIs sent, counted outside", writes("0x300 = 0x00004050", "0x30 = 0x4050"), sent)?;
    equal("IPIs taken", end.count("ipis_taken")?, sent)?;
    end.is(writes("0xb0 =", "0x0b =") >= sent, format_args!("at least {sent} ends of interrupt"))
}
