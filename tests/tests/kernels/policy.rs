//! The experiment `policy`, on 1 to 64 CPUs: exact counts, from the log.

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Counts, Point, Record, read_log};
use switchlab_tests::{Case, End, Parts, Verdict, equal, trial};

const RUNS: u32 = 2;
const EXCHANGES: u64 = 2_000;
const POLICIES: [&str; 3] = ["round-robin", "lifo", "stealing"];

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for cpus in [1, 2, 3, 12, 64] {
        trials.push(trial(
            parts,
            format!("policy::handoffs_of_unpinned_tasks_on_{cpus}_cpus_are_exact"),
            move |parts| exact(&boot(parts, cpus, Case::in_instructions)?, cpus),
        ));
    }
    trials.push(trial(parts, "policy::handoffs_are_exact_with_a_host_thread_for_each_cpu", |parts| {
        exact(&boot(parts, 4, Case::with_host_threads)?, 4)
    }));
    for memory in [64, 256] {
        trials.push(trial(
            parts,
            format!("policy::tasks_that_do_not_fit_into_{memory}_mib_are_named_and_others_measured"),
            move |parts| too_many(parts, memory),
        ));
    }
    trials.push(trial(parts, "policy::counts_of_instructions_repeat_to_the_byte", |parts| {
        let logs = [(); 2].map(|()| boot(parts, 12, Case::in_instructions));
        let [first, second] = logs;
        equal("the logs", first?.0.log_text, second?.0.log_text)
    }));
    trials
}

fn boot(parts: &Parts, cpus: u32, how: fn(Case) -> Case) -> Result<End, Failed> {
    let case = Case::laboratory(parts).with(|spec| {
        spec.smp = cpus;
        spec.append = format!("experiment=policy runs={RUNS} exchanges={EXCHANGES} seed=3 offsets=none");
    });
    let end = how(case).boot();
    end.passes()?;
    Ok(end)
}

/// 65,536 tasks where there is no room for them under three policies.
fn too_many(parts: &Parts, memory: u64) -> Verdict {
    let boot = |memory: u64, tasks: u64| {
        let case = Case::laboratory(parts).with(|spec| {
            spec.memory = format!("{memory}M");
            spec.append =
                format!("experiment=policy runs=1 tasks={tasks} exchanges=20 budget=1 warmup=0 offsets=none");
        });
        let end = case.in_instructions().boot();
        end.passes()?;
        Ok::<_, Failed>(end)
    };
    let end = boot(memory, 65_536)?;
    let absent = end.want_memory()?;
    let log = read_log(&end.0.log_text);
    let measured: Vec<_> =
        points(&log.records).map(|point| (point.series.to_string(), point.at[0].1)).collect();
    let mut places: Vec<_> = absent.iter().map(|(series, at, _)| (series.clone(), at[0])).collect();
    end.is(!places.is_empty() && !measured.is_empty(), "some that fit and some that do not")?;
    let most = measured.iter().map(|(_, pairs)| *pairs).max();
    end.is(
        most.is_some_and(|most| places.iter().all(|(_, pairs)| *pairs > most)),
        "the smaller ones measured",
    )?;
    places.extend(measured);
    places.sort();
    let mut due: Vec<_> =
        POLICIES.iter().flat_map(|policy| (0..=15).map(|log| (policy.to_string(), 1 << log))).collect();
    due.sort();
    equal("places, measured or absent", places, due)?;
    end.is(absent.iter().all(|(.., mib)| *mib > memory), format_args!("more than {memory} MiB asked for"))?;
    // The advice holds, for the least that was absent.
    let least = absent.iter().map(|(_, at, mib)| (at[0], *mib)).min();
    let (pairs, mib) = least.ok_or("nothing is absent")?;
    let end = boot(mib, 2 * pairs)?;
    equal(&format!("absent of {pairs} pairs with {mib} MiB"), end.want_memory()?, Vec::new())
}

/// What must be so under each policy, in each point.
fn exact(end: &End, cpus: u32) -> Verdict {
    let log = read_log(&end.0.log_text);
    let points: Vec<_> = points(&log.records).collect();
    let most = u64::from(cpus.max(2));
    let doubling = std::iter::successors(Some(1), |pairs| Some(2 * pairs));
    let pairs: Vec<u64> = doubling.take_while(|pairs| *pairs < most).chain([most]).collect();
    for run in 1..=RUNS {
        let mut found: Vec<_> = points
            .iter()
            .filter(|point| point.run == run)
            .map(|point| (point.series.to_string(), point.at.clone()))
            .collect();
        found.sort();
        let mut due: Vec<_> = POLICIES
            .iter()
            .flat_map(|policy| pairs.iter().map(|pairs| (policy.to_string(), vec![("pairs".into(), *pairs)])))
            .collect();
        due.sort();
        equal(&format!("points of run {run}"), found, due)?;
    }
    for point in points {
        point_is_exact(point, cpus).map_err(|failed| {
            format!("{} {:?}: {}", point.series, point.at, failed.message().unwrap_or_default())
        })?;
    }
    Ok(())
}

fn point_is_exact(point: &Point<'_>, cpus: u32) -> Verdict {
    let pairs = point.at[0].1;
    let also = |name: &str| point.also.iter().find(|also| also.0 == name).map_or(u64::MAX, |also| also.1);
    let Counts { handoffs, switches, ipis_sent, ipis_taken, halts: _ } = point.counts;
    equal("handoffs, of whole exchanges", handoffs % (2 * pairs), 0)?;
    equal("handoffs of the point", point.handoffs, handoffs)?;
    equal("IPIs taken", ipis_taken, ipis_sent)?;
    equal("wake-ups of idle CPUs", also("idle-wake-ups"), ipis_sent)?;
    if switches < handoffs {
        return Err(format!("{switches} switches in {handoffs} handoffs").into());
    }
    // A queue is looked into before each switch; and on one CPU two stand for each handoff, one as it wakes the
    // receiver and one as the sender waits, but for a few as the tasks begin and end.
    let locks = also("queue-locks");
    if locks < switches {
        return Err(format!("{locks} locks of queues in {switches} switches").into());
    }
    let due = 2 * (handoffs - pairs)..=2 * handoffs + 4 * pairs + 4;
    if cpus == 1 && !due.contains(&locks) {
        return Err(format!("{locks} locks of queues in {handoffs} handoffs on one CPU").into());
    }
    let (crossings, steals) = (also("crossings"), also("steals"));
    match &*point.series {
        _ if cpus == 1 => {
            equal("crossings, steals and IPIs of one CPU", (crossings, steals, ipis_sent), (0, 0, 0))
        }
        // The two of a pair have neighbouring numbers, so neighbouring CPUs.
        "round-robin" => equal("crossings and steals", (crossings, steals), (handoffs, 0)),
        "lifo" if crossings > 2 * pairs => {
            Err(format!("{crossings} crossings: a pair stays together").into())
        }
        "lifo" => equal("steals", steals, 0),
        _ if crossings > handoffs => Err(format!("{crossings} crossings in {handoffs} handoffs").into()),
        _ => Ok(()),
    }
}

fn points<'a, 'b>(records: &'a [Record<'b>]) -> impl Iterator<Item = &'a Point<'b>> {
    records.iter().filter_map(|record| match record {
        Record::Point(point) => Some(point),
        _ => None,
    })
}
