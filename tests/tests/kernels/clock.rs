//! The clock is qualified: offsets between CPUs, steps back.

use libtest_mimic::Trial;
use switchlab_tests::{Case, Parts, TcgThread, Timing, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "clock::planted_offset_is_found_within_its_bound", |parts| {
            offsets_found(&Case::new(parts, "clock_offset"))
        }),
        trial(parts, "clock::planted_offset_is_found_with_a_host_thread_for_each_cpu", |parts| {
            offsets_found(&Case::new(parts, "clock_offset").with(|spec| spec.tcg_thread = TcgThread::Multi))
        }),
        trial(parts, "clock::planted_offset_is_found_in_deterministic_time", |parts| {
            offsets_found(&Case::new(parts, "clock_offset").with(|spec| {
                spec.timing = Timing::Instructions;
            }))
        }),
        trial(parts, "clock::offset_is_found_without_rdtscp", |parts| {
            offsets_found(&Case::new(parts, "clock_offset").with(|spec| spec.cpu = "qemu64".into()))
        }),
        trial(parts, "clock::guests_time_is_the_hosts", guests_time_is_the_hosts),
    ]
}

fn offsets_found(case: &Case) -> Verdict {
    let end = case.boot();
    end.passes()?;
    equal("pairs of three CPUs", end.count("pairs")?, 3)
}

/// How far the guest's time may be from the host's.
const APART: f64 = 0.02;

/// The guest says how many of its ticks lie between two records; the host sees when they come. Both
/// look at the same stretch, so how long it is does not matter, as long as it is long beside what a
/// busy host delays one of the records.
fn guests_time_is_the_hosts(parts: &Parts) -> Verdict {
    let (end, lines) = Case::new(parts, "ten_seconds").boot_by_the_clock();
    end.passes()?;
    let tsc_hz = end.tsc_hz()?;
    let guest_s = (end.count("ends_at_ticks")? - end.count("begins_at_ticks")?) as f64 / tsc_hz as f64;
    end.is(guest_s >= 10.0, format_args!("at least 10 s of work; found {guest_s} s"))?;
    let came = |name: &str| {
        let line = lines.iter().find(|(_, line)| line.contains(&format!("\"{name}\"")));
        line.map(|(at, _)| at.as_secs_f64()).ok_or_else(|| format!("no line came with {name}"))
    };
    let host_s = came("ends_at_ticks")? - came("begins_at_ticks")?;
    let ratio = guest_s / host_s;
    end.is(
        (ratio - 1.0).abs() <= APART,
        format_args!("{host_s} s, as by the host's clock; the guest says {guest_s} s"),
    )
}
