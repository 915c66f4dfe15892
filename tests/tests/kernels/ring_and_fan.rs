//! The experiments that go over many CPUs, `ring` and `fan`, on 2 to 64 of them: exact counts, from the log.

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Counts, Point, Record, read_log};
use switchlab_tests::{Case, End, Parts, Verdict, equal, trial};

const CPUS: [u32; 4] = [2, 3, 12, 64];
const RUNS: u32 = 2;
const EXCHANGES: u64 = 500;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for cpus in CPUS {
        trials.push(trial(
            parts,
            format!("ring_and_fan::hops_around_up_to_{cpus}_cpus_are_exact"),
            move |parts| ring(&boot(parts, "ring", cpus, Case::in_instructions)?, cpus),
        ));
        trials.push(trial(
            parts,
            format!("ring_and_fan::handoffs_with_all_others_of_{cpus}_cpus_are_exact"),
            move |parts| fan(&boot(parts, "fan", cpus, Case::in_instructions)?, cpus),
        ));
    }
    trials.push(trial(parts, "ring_and_fan::hop_takes_no_more_around_64_cpus_than_around_2", no_growth));
    trials.push(trial(parts, "ring_and_fan::hops_are_exact_with_a_host_thread_for_each_cpu", |parts| {
        ring(&boot(parts, "ring", 3, Case::with_host_threads)?, 3)
    }));
    trials.push(trial(
        parts,
        "ring_and_fan::handoffs_of_a_fan_are_exact_with_a_host_thread_for_each_cpu",
        |parts| fan(&boot(parts, "fan", 4, Case::with_host_threads)?, 4),
    ));
    for experiment in ["ring", "fan"] {
        trials.push(trial(
            parts,
            format!("ring_and_fan::{experiment}_of_one_cpu_is_refused_with_what_is_needed"),
            move |parts| case(parts, experiment, 1).boot().fails_with("--smp 2 or more"),
        ));
    }
    trials
}

fn case(parts: &Parts, experiment: &str, cpus: u32) -> Case {
    Case::laboratory(parts).with(|spec| {
        spec.smp = cpus;
        spec.append =
            format!("experiment={experiment} runs={RUNS} exchanges={EXCHANGES} warmup=10 offsets=none");
    })
}

fn boot(parts: &Parts, experiment: &str, cpus: u32, how: fn(Case) -> Case) -> Result<End, Failed> {
    let end = how(case(parts, experiment, cpus)).boot();
    end.passes()?;
    Ok(end)
}

/// Sizes that double from `from` on, and at last `to`.
fn sizes(from: u32, to: u32) -> Vec<u32> {
    let doubling = std::iter::successors(Some(from), |size| Some(2 * size));
    doubling.take_while(|size| *size < to).chain([to]).collect()
}

fn ring(end: &End, cpus: u32) -> Verdict {
    each_size_once_in_each_run(end, "token", "cpus", &sizes(2, cpus), |point, size| {
        let rounds = 2 * EXCHANGES / size;
        let hops = size * rounds;
        equal("hops", point.handoffs, hops)?;
        let Counts { handoffs, switches, ipis_sent, ipis_taken, halts: _ } = point.counts;
        equal("counts", (handoffs, switches, ipis_sent, ipis_taken), (hops, 0, hops, hops))
    })
}

/// In instructions. A round has its own few, which more hops share.
fn no_growth(parts: &Parts) -> Verdict {
    let end = boot(parts, "ring", 64, Case::in_instructions)?;
    let log = read_log(&end.0.log_text);
    let hop = |cpus: u64| {
        let point = points(&log.records).into_iter().find(|point| point.at[0].1 == cpus);
        point
            .map(|point| point.ticks as f64 / point.handoffs as f64)
            .ok_or(format!("no point of {cpus} CPUs"))
    };
    let least = hop(2)?;
    for cpus in sizes(4, 64) {
        let found = hop(cpus.into())?;
        end.is(
            found <= 1.05 * least,
            format_args!("{least} instructions a hop; {found} around {cpus} CPUs"),
        )?;
    }
    Ok(())
}

fn fan(end: &End, cpus: u32) -> Verdict {
    each_size_once_in_each_run(end, "fan", "consumers", &sizes(1, cpus - 1), |point, size| {
        let rounds = EXCHANGES / size;
        let both_ways = 2 * size * rounds;
        equal("handoffs of the point", point.handoffs, both_ways)?;
        let Counts { handoffs, switches, ipis_sent, ipis_taken, halts: _ } = point.counts;
        equal("counts", (handoffs, switches, ipis_sent), (both_ways, 0, both_ways))?;
        let also = |name: &str| point.also.iter().find(|also| also.0 == name).map(|also| also.1);
        let took = also("producer-took").ok_or("no count of what the producer took")?;
        equal("IPIs taken", ipis_taken, size * rounds + took)?;
        equal("IPIs merged", also("merged"), Some(ipis_sent - ipis_taken))?;
        if !(rounds..=size * rounds).contains(&took) {
            return Err(format!("{took} IPIs in {rounds} rounds of {size} consumers").into());
        }
        Ok(())
    })
}

fn each_size_once_in_each_run(
    end: &End,
    series: &str,
    coordinate: &str,
    sizes: &[u32],
    check: impl Fn(&Point<'_>, u64) -> Verdict,
) -> Verdict {
    let log = read_log(&end.0.log_text);
    let plan = log.records.iter().find_map(|record| match record {
        Record::Plan(plan) => Some(plan),
        _ => None,
    });
    let points = points(&log.records);
    equal("points in the plan", plan.map(|plan| plan.blocks as usize), Some(points.len()))?;
    for run in 1..=RUNS {
        let mut found: Vec<_> =
            points.iter().filter(|point| point.run == run).map(|point| point.at.clone()).collect();
        found.sort();
        let due = sizes.iter().map(|size| vec![(coordinate.into(), u64::from(*size))]);
        equal(&format!("points of run {run}"), found, due.collect())?;
    }
    for point in points {
        equal("series", &*point.series, series)?;
        check(point, point.at[0].1)
            .map_err(|failed| format!("{:?}: {}", point.at, failed.message().unwrap_or_default()))?;
    }
    Ok(())
}

fn points<'a, 'b>(records: &'a [Record<'b>]) -> Vec<&'a Point<'b>> {
    let points = records.iter().filter_map(|record| match record {
        Record::Point(point) => Some(point),
        _ => None,
    });
    points.collect()
}
