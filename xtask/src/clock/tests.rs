//! Facts about `clock`.

use super::*;
use switchlab_records::ClockPhase;

const HZ: u64 = 2_000_000_000;

const GOOD: Tsc = Tsc {
    step_ticks: 2,
    pairs: 1_000,
    read_min_ticks: 62,
    read_p50_ticks: 66,
    read_p99_ticks: 1_070,
    steps_back: 0,
    cpuid_15h_hz: 0,
    cpuid_16h_hz: 0,
    hypervisor_hz: 0,
};

/// A clock whose sources tell these frequencies.
fn clock([pit_hz, pm_timer_hz, hpet_hz]: [u64; 3]) -> Clock {
    Clock {
        phase: ClockPhase::After,
        tsc_hz: HZ,
        pit_hz,
        pit_window_ticks: 1,
        pm_timer_hz,
        pm_timer_window_ticks: 1,
        hpet_hz,
        hpet_window_ticks: 1,
    }
}

fn machine(hypervisor: &'static str) -> Machine<'static> {
    Machine {
        hypervisor: hypervisor.into(),
        cpu: "a CPU".into(),
        invariant_tsc: true,
        rdtscp: true,
        memory_bytes: 1,
    }
}

fn offset(against: u32, cpu: u32, offset_ticks: i64) -> Offset {
    Offset {
        cpu,
        against,
        rounds: 8,
        offset_ticks,
        bound_ticks: 3_400,
        steps_back: 0,
        largest_step_back_ticks: 0,
        own_steps_back: 0,
    }
}

fn quality(clock: Clock, tsc: Option<Tsc>, offsets: &[Offset]) -> Quality {
    let machine = machine(EMULATOR);
    Quality::new(&Evidence { unit: Unit::Time, machine: Some(&machine), clock: &clock, tsc, offsets })
}

#[test]
fn clock_that_all_agree_on_is_not_suspect() {
    let found = quality(clock([HZ, HZ + 20_000, HZ]), Some(GOOD), &[offset(0, 1, -12)]);
    assert_eq!(found.suspect, [""; 0]);
    assert!(!found.is_suspect());
    assert_eq!((found.apart_ppm, found.allowed_ppm), (Some(10), 1_000));
    assert_eq!(found.agreement(), "PIT, PM timer and HPET agree within 10 ppm");
}

#[test]
fn sources_may_be_further_apart_under_emulation() {
    let reasons = |hypervisor, ppm| {
        let (machine, clock) = (machine(hypervisor), clock([HZ, 0, HZ + HZ / 1_000_000 * ppm]));
        suspect(&Evidence {
            unit: Unit::Time,
            machine: Some(&machine),
            clock: &clock,
            tsc: Some(GOOD),
            offsets: &[],
        })
    };
    assert_eq!(reasons(EMULATOR, 1_000), [""; 0]);
    assert_eq!(reasons(EMULATOR, 1_001), ["PIT and HPET are 1,001 ppm apart, of 1,000 allowed"]);
    for hypervisor in ["none", "KVMKVMKVM"] {
        assert_eq!(reasons(hypervisor, 500), [""; 0]);
        assert_eq!(reasons(hypervisor, 501), ["PIT and HPET are 501 ppm apart, of 500 allowed"]);
    }
}

#[test]
fn one_source_is_none_to_hold_it_against() {
    let one = quality(clock([0, HZ, 0]), Some(GOOD), &[]);
    assert_eq!(one.suspect, ["only the PM timer tells its frequency"]);
    assert_eq!((one.apart_ppm, one.agreement().as_str()), (None, "by the PM timer alone"));
    let none = quality(clock([0; 3]), Some(GOOD), &[]);
    assert_eq!(none.suspect, ["no clock of known frequency answered"]);
    assert_eq!(none.agreement(), "no clock of known frequency answered");
}

#[test]
fn frequency_that_is_none_of_its_sources_is_suspect() {
    let found = |tsc_hz, hz| quality(Clock { tsc_hz, ..clock(hz) }, Some(GOOD), &[]).suspect;
    assert_eq!(found(HZ + HZ / 1_000, [HZ; 3]), [""; 0]);
    let why = "the frequency that times use and the PM timer's are 500,000 ppm apart, of 1,000 allowed";
    assert_eq!(found(HZ / 2, [HZ; 3]), [why]);
    assert_eq!(found(HZ / 2, [0, HZ, 0]), ["only the PM timer tells its frequency", why]);
    // Where they disagree it is one of them, and that they do is said.
    assert_eq!(
        found(HZ, [HZ, HZ + HZ / 100, 0]),
        ["PIT and PM timer are 10,000 ppm apart, of 1,000 allowed"]
    );
}

#[test]
fn what_cpuid_claims_is_a_source() {
    let names = |tsc: Tsc| {
        let found = quality(clock([HZ, 0, 0]), Some(tsc), &[]);
        assert!(!found.is_suspect(), "{:?}", found.suspect);
        found.sources.iter().map(|source| source.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Tsc { cpuid_15h_hz: HZ, ..GOOD }), ["PIT", "CPUID leaf 15h"]);
    assert_eq!(names(Tsc { hypervisor_hz: HZ, ..GOOD }), ["PIT", "hypervisor's CPUID leaf"]);
    assert_eq!(names(Tsc { cpuid_16h_hz: HZ, ..GOOD }), ["PIT", "CPUID leaf 16h"]);
    // Leaf 16h is a round figure: where leaf 15h tells more, it does not count.
    let both = Tsc { cpuid_15h_hz: HZ, cpuid_16h_hz: HZ + HZ / 100, ..GOOD };
    assert_eq!(names(both), ["PIT", "CPUID leaf 15h"]);
    let wrong = quality(clock([HZ; 3]), Some(Tsc { hypervisor_hz: HZ + HZ / 100, ..GOOD }), &[]);
    assert_eq!(wrong.suspect, ["PIT and hypervisor's CPUID leaf are 10,000 ppm apart, of 1,000 allowed"]);
    assert_eq!(
        wrong.agreement(),
        "PIT, PM timer, HPET and hypervisor's CPUID leaf are up to 10,000 ppm apart"
    );
}

#[test]
fn counter_that_steps_back_or_stands_still_is_suspect() {
    let reasons = |tsc| quality(clock([HZ; 3]), tsc, &[]).suspect;
    assert_eq!(reasons(Some(Tsc { steps_back: 1, ..GOOD })), ["it stepped back 1 time on CPU 0"]);
    assert_eq!(reasons(Some(Tsc { step_ticks: 0, ..GOOD })), ["it stands still"]);
    assert_eq!(reasons(None), ["the log does not say what reading it is like"]);
}

#[test]
fn step_back_among_cpus_is_suspect_and_the_worst_is_told() {
    let back = |cpu, steps_back, largest_step_back_ticks| Offset {
        steps_back,
        largest_step_back_ticks,
        ..offset(0, cpu, 0)
    };
    let offsets = [offset(0, 1, 0), back(2, 5, 1_900), back(3, 8, 7)];
    assert_eq!(
        quality(clock([HZ; 3]), Some(GOOD), &offsets).suspect,
        ["it steps back from CPU to CPU: in 5 of 16 handovers between CPUs 0 and 2, by up to 1,900 ticks \
          (and between 1 pair more)"]
    );
    assert_eq!(
        quality(clock([HZ; 3]), Some(GOOD), &[back(2, 5, 0)]).suspect,
        ["it steps back from CPU to CPU: in 5 of 16 handovers between CPUs 0 and 2, by up to 0 ticks"]
    );
    let own = Offset { own_steps_back: 2, ..offset(1, 2, 0) };
    assert_eq!(
        quality(clock([HZ; 3]), Some(GOOD), &[own]).suspect,
        ["it stepped back 2 times on CPU 1 or CPU 2"]
    );
}

#[test]
fn instructions_need_no_source_but_must_not_step_back() {
    let machine = machine(EMULATOR);
    let judge = |tsc| {
        let clock = clock([HZ, HZ * 2, 0]);
        let evidence = Evidence {
            unit: Unit::Instructions,
            machine: Some(&machine),
            clock: &clock,
            tsc: Some(tsc),
            offsets: &[],
        };
        Quality::new(&evidence)
    };
    let found = judge(GOOD);
    assert_eq!((found.suspect.len(), found.sources.len(), found.apart_ppm), (0, 0, None));
    assert_eq!(judge(Tsc { steps_back: 3, ..GOOD }).suspect, ["it stepped back 3 times on CPU 0"]);
}

#[test]
fn conditions_tell_reads_and_the_largest_offset() {
    let offsets = [offset(0, 1, 11), offset(0, 2, -1_200), offset(0, 3, 3)];
    let found = quality(clock([HZ; 3]), Some(GOOD), &offsets);
    let text = |cpus| found.conditions(cpus).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    let reads = "in steps of 2 ticks; two in a row 66 apart (p50), 1,070 (p99), 62 at least, of 1,000 pairs; none stepped back";
    let largest = "largest offset 1,200 ticks, known to within 3,400 (CPU 2 against CPU 0); 3 pairs of CPUs, 8 round trips each";
    assert_eq!(text(4), [reads, largest]);
    assert_eq!(text(1), [reads]);
    let said = |offsets: &[Offset]| quality(clock([HZ; 3]), Some(GOOD), offsets).conditions(4)[1].1.clone();
    assert!(said(&[offset(0, 1, 1)]).starts_with("largest offset 1 tick, known"));
    assert_eq!(said(&[]), "not measured");
    let unknown = Offset { bound_ticks: u64::MAX, ..offset(0, 1, 0) };
    assert_eq!(said(&[unknown]), "not known: no round trip could be timed");
}
