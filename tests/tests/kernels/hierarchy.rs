//! The experiment `hierarchy`: exact counts of each level, on 1 to 64 CPUs; levels that a CPU does not have are named;
//! and what a thread holds is kept through 100,000 preemptions.

use std::process::Command;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{ApicMode, Guard, Point, Protection, Record, read_log};
use switchlab_tests::{Case, End, Parts, Verdict, equal, left_out, trial, without_xtask};

const EXCHANGES: u64 = 500;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials: Vec<Trial> = [1, 2, 3, 64]
        .into_iter()
        .map(|cpus| {
            trial(parts, format!("hierarchy::levels_count_exactly_on_{cpus}_cpus"), move |parts| {
                counts(&boot(parts, cpus, "max", Case::in_instructions)?, cpus)
            })
        })
        .collect();
    let beside =
        trial(parts, "hierarchy::run_in_time_has_the_instructions_that_are_counted_without_time", beside);
    trials.push(left_out(without_xtask(parts), beside));
    trials.extend([
        trial(parts, "hierarchy::levels_count_exactly_with_a_host_thread_for_each_cpu", |parts| {
            counts(&boot(parts, 2, "max", Case::with_host_threads)?, 2)
        }),
        trial(parts, "hierarchy::threads_are_absent_without_xsave_and_others_measured", without_xsave),
        trial(parts, "hierarchy::protections_that_are_on_are_told_and_those_that_are_not", |parts| {
            let end = boot(parts, 1, "max,-smap", Case::in_instructions)?;
            let told = protection(&end);
            let wanted = Protection { smap: Guard::Absent, smep: Guard::On, nx: Guard::On, ..told[0] };
            equal("without SMAP", told, vec![wanted])
        }),
        trial(parts, "hierarchy::registers_of_threads_survive_100000_preemptions", |parts| {
            preempted(Case::new(parts, "thread_state").in_instructions())
        }),
    ]);
    trials
}

/// What `run` tells of each level beside its time is what a run of the same that counts instructions tells of it.
fn beside(parts: &Parts) -> Verdict {
    let of = |how: &str, name: &str| told_by_xtask(parts, how, name);
    let both = of("--budget 20", "instructions")?;
    let alone = of("--deterministic", "one_way")?;
    equal(
        "levels, each with its instructions",
        both.iter().filter(|(_, count)| count.is_some()).count(),
        44,
    )?;
    equal("instructions of each level", both, alone)
}

/// A number of each level, and of its form.
type Told = Vec<(String, Option<f64>)>;

fn told_by_xtask(parts: &Parts, how: &str, name: &str) -> Result<Told, Failed> {
    let xtask = parts.xtask.as_ref().ok_or("trials without xtask are ignored")?;
    let out = tempfile::tempdir()?;
    let output = Command::new(xtask)
        .args(
            "run --quiet --accel tcg --format json --experiment hierarchy --smp 2 --runs 1 --exchanges 100"
                .split(' '),
        )
        .args(how.split(' '))
        .arg("--out")
        .arg(out.path())
        .env("SWITCHLAB_QEMU", &parts.qemu)
        .env("SWITCHLAB_LOADER", &parts.loader)
        .env("SWITCHLAB_KERNEL", &parts.laboratory)
        .output()?;
    if !output.status.success() {
        return Err(format!("{how}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let results: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let cells = results["cells"].as_array().ok_or("there are no cells")?;
    let told = cells.iter().map(|cell| (format!("{} {}", cell["series"], cell["at"]), cell[name].as_f64()));
    Ok(told.collect())
}

fn boot(parts: &Parts, cpus: u32, model: &str, how: fn(Case) -> Case) -> Result<End, Failed> {
    let case = Case::laboratory(parts).with(|spec| {
        spec.smp = cpus;
        spec.cpu = model.into();
        spec.append = format!("experiment=hierarchy runs=2 exchanges={EXCHANGES} warmup=10 offsets=none");
    });
    let end = how(case).boot();
    end.passes()?;
    Ok(end)
}

fn points(end: &End) -> Vec<Point<'static>> {
    let log = read_log(&end.0.log_text);
    let points = log.records.iter().filter_map(|record| match record {
        Record::Point(point) => Some(Point {
            series: point.series.to_string().into(),
            at: point.at.iter().map(|(name, number)| (name.to_string().into(), *number)).collect(),
            also: point.also.iter().map(|(name, number)| (name.to_string().into(), *number)).collect(),
            ..*point
        }),
        _ => None,
    });
    points.collect()
}

fn protection(end: &End) -> Vec<Protection> {
    let log = read_log(&end.0.log_text);
    let told = log.records.iter().filter_map(|record| match record {
        Record::Protection(protection) => Some(*protection),
        _ => None,
    });
    told.collect()
}

/// Switches of a one-way handoff on one CPU, and whether there is a form across CPUs.
const LEVELS: [(&str, u64, bool); 26] = [
    ("call", 0, false),
    ("call-indirect", 0, false),
    ("fiber", 1, false),
    ("task", 1, true),
    ("thread", 1, true),
    ("thread-lazy", 1, true),
    ("thread-lazy-used", 1, true),
    ("thread-preempted", 1, false),
    ("process", 1, true),
    ("process-fastpath", 1, true),
    ("container-namespaces", 1, true),
    ("container-quota", 1, true),
    ("container-memory", 1, true),
    ("container-filter", 1, true),
    ("container-filter-arguments", 1, true),
    ("container", 1, true),
    ("thread-user", 1, true),
    // A VMM switches worlds, and no tasks.
    ("vm-round-trip", 0, false),
    ("vm", 0, true),
    ("vm-shadow", 0, true),
    ("vm-fpu", 0, true),
    ("vm-wake-up", 0, true),
    ("vm-inject", 0, true),
    // Floors.
    ("xsave-pair", 0, false),
    ("cr3-load", 0, false),
    ("system-call", 0, false),
];

fn counts(end: &End, cpus: u32) -> Verdict {
    let points = points(end);
    let unknown = points.iter().find(|point| !LEVELS.iter().any(|(level, ..)| point.series == *level));
    equal("levels that are not known here", unknown.map(|point| &*point.series), None)?;
    for (level, switches, crosses) in LEVELS {
        for across in [1, 2].into_iter().take(if crosses { 2 } else { 1 }) {
            let found: Vec<_> =
                points.iter().filter(|point| point.series == level && point.at[0].1 == across).collect();
            let wanted = if cpus == 1 && across == 2 { 0 } else { 2 };
            equal(&format!("runs of {level} on {across}"), found.len(), wanted)?;
            for point in found {
                let handoffs = 2 * EXCHANGES;
                let counted = point.counts;
                let same = across == 1;
                equal(level, counted.handoffs, handoffs)?;
                equal(level, counted.switches, if same { switches * handoffs } else { 0 })?;
                let ipis = if same { 0 } else { handoffs };
                equal(level, (counted.ipis_sent, counted.ipis_taken), (ipis, ipis))?;
            }
        }
    }
    contexts(end, &points, cpus)?;
    let told = protection(end);
    equal("CPUs whose protections are told", told.len(), cpus.min(2) as usize)?;
    for Protection { nx, smep, smap, umip, pcid, .. } in told {
        let is_left_off = [nx, smep, smap, umip, pcid].contains(&Guard::Off);
        end.is(!is_left_off, format_args!("all that the CPU has is on"))?;
    }
    let also = |level: &str, across: u64, name: &str| also(&points, level, across, name);
    // Warm-up, what settles and the block, each handoff of which is a first use or a preemption.
    let all = 2 * (EXCHANGES + 10 + 16);
    // On one CPU and across two, as the kernel judges them too.
    for (level, name, one, two) in [
        ("thread", "state-traps", 0, Some(0)),
        ("thread-lazy", "state-traps", 0, Some(0)),
        ("thread-lazy-used", "state-traps", all, Some(2)),
        ("thread-preempted", "preemptions", all, None),
        ("vm", "vmruns", 2 * EXCHANGES, Some(2 * EXCHANGES)),
        ("vm-shadow", "vmruns", 2 * EXCHANGES, Some(2 * EXCHANGES)),
        ("vm-fpu", "vmruns", 2 * EXCHANGES, Some(2 * EXCHANGES)),
        ("vm-wake-up", "vmruns", 4 * EXCHANGES, Some(4 * EXCHANGES)),
        ("vm-inject", "vmruns", 4 * EXCHANGES, Some(4 * EXCHANGES)),
        ("vm-round-trip", "vmruns", EXCHANGES, None),
    ] {
        equal(&format!("{name} of {level}"), also(level, 1, name), Some(one))?;
        if cpus > 1 {
            equal(&format!("{name} of {level} across CPUs"), also(level, 2, name), two)?;
        }
    }
    Ok(())
}

/// What else was counted of a level on so many CPUs.
fn also(points: &[Point<'_>], level: &str, across: u64, name: &str) -> Option<u64> {
    let point = points.iter().find(|point| point.series == level && point.at[0].1 == across);
    point.and_then(|point| point.also.iter().find(|(of, _)| of == name)).map(|(_, number)| *number)
}

/// What is saved and restored in each form: across CPUs nothing that a switch would, but what the wake-up pushes, and what
/// is saved before it is known whether there is a switch.
fn contexts(end: &End, points: &[Point<'_>], cpus: u32) -> Verdict {
    let log = read_log(&end.0.log_text);
    let is_x2apic = log.records.iter().any(|record| match record {
        Record::Cpus(cpus) => cpus.apic == ApicMode::X2apic,
        _ => false,
    });
    // ss, rsp, rflags, cs, rip; in x2APIC mode also rax, rcx, rdx.
    let halt = if is_x2apic { 8 } else { 5 };
    let of = |level: &str, across: u64| {
        let [bytes, registers] =
            ["context-bytes", "context-registers"].map(|name| also(points, level, across, name));
        (bytes.unwrap_or_default(), registers.unwrap_or_default())
    };
    let words = |words: u64| (8 * words, words);
    let with = |one: (u64, u64), other: (u64, u64)| (one.0 + other.0, one.1 + other.1);
    let state = of("xsave-pair", 1);
    // Seven of control and environment, x87's eight, sixteen vectors.
    equal("registers that XSAVE saves", state.1, 31)?;
    let fxsave = (512, 31);
    let halted = words(halt);
    // Of a system call rip, rflags, rsp and the six that a function keeps; a switch of tasks has three words, and the CPU
    // is loaded with four more, CR3 among them.
    let (called, loaded) = (words(9), words(9 + 3 + 4));
    for (level, one, two) in [
        ("task", words(3), halted),
        ("thread", with(words(3), state), with(halted, state)),
        ("thread-lazy", words(3), halted),
        ("thread-lazy-used", with(words(3), state), halted),
        ("thread-preempted", with(words(5 + 15), state), (0, 0)),
        ("process", loaded, with(called, halted)),
        ("process-fastpath", loaded, with(called, halted)),
        ("container-filter", loaded, with(called, halted)),
        ("container", with(loaded, words(1)), with(with(called, halted), words(1))),
        ("thread-user", with(words(9 + 3 + 3), state), with(with(called, halted), state)),
        // A world is switched on each CPU.
        ("vm", of("vm-round-trip", 1), with(of("vm", 1), halted)),
        ("vm-fpu", with(of("vm", 1), fxsave), with(of("vm-fpu", 1), halted)),
        ("vm-inject", of("vm", 1), of("vm", 2)),
    ] {
        equal(&format!("bytes and registers of {level}"), of(level, 1), one)?;
        if cpus > 1 {
            equal(&format!("bytes and registers of {level} across CPUs"), of(level, 2), two)?;
        }
    }
    Ok(())
}

fn without_xsave(parts: &Parts) -> Verdict {
    let end = boot(parts, 2, "max,-xsave", Case::in_instructions)?;
    let log = read_log(&end.0.log_text);
    let absent = log.records.iter().filter_map(|record| match record {
        Record::Absent(absent) => Some((&*absent.series, &*absent.reason)),
        _ => None,
    });
    let absent: Vec<_> =
        absent.filter(|(_, reason)| reason.contains("XSAVE")).map(|(name, _)| name).collect();
    equal(
        "absent",
        absent,
        vec!["xsave-pair", "thread", "thread-lazy", "thread-lazy-used", "thread-preempted", "thread-user"],
    )?;
    let points = points(&end);
    equal("levels that are there", points.iter().filter(|point| point.series == "task").count(), 4)
}

fn preempted(case: Case) -> Verdict {
    let end = case.boot();
    end.passes()?;
    let preempted = end.count("preempted")?;
    end.is(preempted >= 100_000, format_args!("100,000 preemptions, not {preempted}"))?;
    let met = end.count("met")?;
    end.is(met >= 100_000, format_args!("100,000 preemptions that met the patterns, not {met}"))?;
    equal("vectors with upper halves", end.count("upper_halves")?, 1)
}
