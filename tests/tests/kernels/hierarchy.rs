//! The experiment `hierarchy`: exact counts of each level, on 1 to 64 CPUs; levels that a CPU does not have are named;
//! and what a thread holds is kept through 100,000 preemptions.

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Point, Record, read_log};
use switchlab_tests::{Case, End, Parts, Verdict, equal, trial};

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
    trials.extend([
        trial(parts, "hierarchy::levels_count_exactly_with_a_host_thread_for_each_cpu", |parts| {
            counts(&boot(parts, 2, "max", Case::with_host_threads)?, 2)
        }),
        trial(parts, "hierarchy::threads_are_absent_without_xsave_and_others_measured", without_xsave),
        trial(parts, "hierarchy::registers_of_threads_survive_100000_preemptions", |parts| {
            preempted(Case::new(parts, "thread_state").in_instructions())
        }),
    ]);
    trials
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
    let also = |level: &str, name: &str| {
        let point = points.iter().find(|point| point.series == level && point.at[0].1 == 1);
        point.and_then(|point| point.also.iter().find(|(of, _)| of == name)).map(|(_, number)| *number)
    };
    // Warm-up, what settles and the block, each handoff of which is a first use or a preemption.
    let all = 2 * (EXCHANGES + 10 + 16);
    equal("traps of threads that do not use it", also("thread-lazy", "state-traps"), Some(0))?;
    let traps = also("thread-lazy-used", "state-traps").unwrap_or_default();
    end.is((all..all + 8).contains(&traps), format_args!("{all} traps, and few more: {traps}"))?;
    let preemptions = also("thread-preempted", "preemptions").unwrap_or_default();
    end.is(
        (all..all + 8).contains(&preemptions),
        format_args!("{all} preemptions, and few more: {preemptions}"),
    )
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
    end.is(preempted >= 100_000, format_args!("100,000 preemptions, not {preempted}"))
}
