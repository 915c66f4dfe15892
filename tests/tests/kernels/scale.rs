//! The experiment `scale`: what a switch takes does not grow with the tasks, nor a handoff with the CPUs or with the
//! pairs that do it at once; pairs share evenly; and what does not fit is named.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Point, Record, read_log};
use switchlab_tests::{Case, End, Parts, Timing, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "scale::instructions_grow_by_5_percent_at_most", no_growth),
        trial(parts, "scale::points_that_do_not_fit_are_named_and_others_measured", too_small),
        trial(parts, "scale::advice_for_what_does_not_fit_holds", advice),
        trial(parts, "scale::pairs_at_once_count_exactly_on_2_3_12_and_64_cpus", pairs_count),
        trial(parts, "scale::pairs_overlap_and_share_evenly", pairs_share),
        trial(parts, "scale::seed_shuffles_each_part_and_changes_no_figure", shuffled),
        trial(parts, "scale::budget_cuts_the_rounds_of_every_series", budget),
        trial(parts, "scale::warm_up_is_as_long_as_asked_for", warm_up),
        trial(parts, "scale::wrong_number_of_a_pair_is_told_by_who_found_it", wrong_pair),
    ]
}

/// What any may take, of what the first of its series takes: 1.05, in percent.
const GROWTH: u64 = 105;

fn no_growth(parts: &Parts) -> Verdict {
    let end = scale(parts, "512M", "tasks=65536")?;
    for (series, from, to) in [
        ("switch-touch-0k", 2, 65_536),
        ("switch-touch-1k", 2, 65_536),
        // More do not fit beside the stacks.
        ("switch-touch-16k", 2, 8_192),
        ("handoff", 2, 64),
        ("pairs", 1, 6),
    ] {
        let points = points(&end, series);
        equal(series, (points.first().map(|p| p.0), points.last().map(|p| p.0)), (Some(from), Some(to)))?;
        let (_, of_first, first) = points[0];
        for (at, handoffs, ticks) in points {
            // Ticks of a handoff as a fraction, so that nothing is rounded.
            let grew = ticks * of_first * 100 > GROWTH * first * handoffs;
            end.is(!grew, format_args!("{series}: at most 1.05 times as much at {at} as at {from}"))?;
        }
    }
    Ok(())
}

fn too_small(parts: &Parts) -> Verdict {
    let end = scale(parts, "128M", "tasks=65536")?;
    end.says("the stacks of 32768 tasks are 129 MiB; ")?;
    end.says("the stacks of 65536 tasks are 257 MiB, and 16 KiB for each are 1024 MiB; ")?;
    end.says("--memory 512M")?;
    equal("most tasks that fit", points(&end, "switch-touch-0k").last().map(|p| p.0), Some(16_384))?;
    equal("most CPUs", points(&end, "handoff").last().map(|p| p.0), Some(64))
}

/// With 64 MiB stacks are started that leave little to be read.
fn advice(parts: &Parts) -> Verdict {
    let given = 64;
    let end = scale_on(parts, 12, "64M", "tasks=65536")?;
    let absent = end.want_memory()?;
    end.is(absent.iter().all(|(.., mib)| *mib > given), "more memory than was given")?;
    end.says("because the stacks of all ")?;
    let reading = absent.iter().filter(|(series, ..)| series == "switch-touch-16k");
    let least = reading.map(|(_, at, mib)| (at[0], *mib)).min();
    let (tasks, mib) = least.ok_or("all could read 16 KiB")?;
    end.says(&format!(", or --tasks {tasks}\""))?;
    for (memory, words) in [(mib, "tasks=65536".into()), (given, format!("tasks={tasks}"))] {
        let end = scale_on(parts, 12, &format!("{memory}M"), &words)?;
        let measured = points(&end, "switch-touch-16k");
        let is_there = measured.iter().any(|(at, ..)| *at == tasks);
        end.is(is_there, format_args!("a point of {tasks} tasks with {memory} MiB and {words}"))?;
    }
    Ok(())
}

/// The most pairs that are measured.
const MOST_PAIRS: u64 = 6;

fn pairs_count(parts: &Parts) -> Verdict {
    for cpus in [2, 3, 12, 64] {
        let end = scale_on(parts, cpus, "128M", "tasks=4")?;
        let log = read_log(&end.0.log_text);
        let most = MOST_PAIRS.min(u64::from(cpus) / 2);
        let mut measured = Vec::new();
        for point in points_of(&log.records, "pairs") {
            let pairs = point.at[0].1;
            measured.push(pairs);
            let exchanges = exchanges(point);
            equal("pairs that are told of", exchanges.len() as u64, pairs)?;
            let handoffs = 2 * exchanges.iter().sum::<u64>();
            let counts = &point.counts;
            equal(
                &format!("counts of {pairs} pairs on {cpus} CPUs"),
                (point.handoffs, counts.handoffs, counts.switches, counts.ipis_sent, counts.ipis_taken),
                (handoffs, handoffs, 0, handoffs, handoffs),
            )?;
            equal("exchanges of the first pair", exchanges[0], 500 / pairs)?;
        }
        equal("numbers of pairs", measured, (1..=most).collect())?;
        for pairs in most + 1..=MOST_PAIRS {
            let needed = 2 * pairs;
            end.says(&format!("{pairs} at once need {needed} CPUs, {cpus} are there; --smp {needed}"))?;
        }
    }
    Ok(())
}

/// CPUs take turns there, so pairs do.
fn pairs_share(parts: &Parts) -> Verdict {
    let end = scale_on(parts, 12, "128M", "tasks=4")?;
    let log = read_log(&end.0.log_text);
    for point in points_of(&log.records, "pairs") {
        let (exchanges, ticks) = (exchanges(point), point.ticks);
        let (least, most) = (exchanges.iter().min(), exchanges.iter().max());
        let differ = most.zip(least).map(|(most, least)| most - least);
        end.is(differ.is_some_and(|by| by <= 1), format_args!("even shares in {exchanges:?}"))?;
        let overlap = also(point, "overlap-ticks")?;
        end.is(
            overlap <= ticks && overlap * 100 >= ticks * 95,
            format_args!("blocks of {ticks} ticks overlap for {overlap}"),
        )?;
    }
    Ok(())
}

fn shuffled(parts: &Parts) -> Verdict {
    let [plain, seeded, again] = ["", "seed=7", "seed=7"].map(|seed| {
        let end = scale_on(parts, 12, "128M", &format!("tasks=32 {seed}"))?;
        let log = read_log(&end.0.log_text);
        let mut points: Vec<_> = all_points(&log.records)
            .map(|point| {
                (point.position, point.series.to_string(), point.at[0].1, point.handoffs, point.ticks)
            })
            .collect();
        points.sort();
        Ok::<_, Failed>(points)
    });
    let (plain, seeded) = (plain?, seeded?);
    equal("the same seed again", &again?, &seeded)?;
    let order = |points: &[(u32, String, u64, u64, u64)]| -> Vec<_> {
        points.iter().map(|(_, series, at, ..)| (series.clone(), *at)).collect()
    };
    let (in_order, in_disorder) = (order(&plain), order(&seeded));
    for series in ["switch-touch-0k", "handoff", "pairs"] {
        let of_series = |all: &[(String, u64)]| -> Vec<u64> {
            all.iter().filter(|(of, _)| of == series).map(|(_, at)| *at).collect()
        };
        let (plain, seeded) = (of_series(&in_order), of_series(&in_disorder));
        equal(&format!("{series} goes up without a seed"), plain.is_sorted(), true)?;
        equal(&format!("{series} is shuffled by a seed"), seeded.is_sorted(), false)?;
    }
    let figures = |points: Vec<(u32, String, u64, u64, u64)>| {
        let mut figures: Vec<_> =
            points.into_iter().map(|(_, series, at, handoffs, _)| (series, at, handoffs)).collect();
        figures.sort();
        figures
    };
    equal("places and handoffs", figures(seeded), figures(plain))
}

/// A million instructions for each point, of which there could be many more.
fn budget(parts: &Parts) -> Verdict {
    let end = scale_with(parts, 4, "128M", "tasks=4 budget=1 exchanges=1000000 warmup=100")?;
    let log = read_log(&end.0.log_text);
    let mut series = Vec::new();
    for point in all_points(&log.records) {
        let name = point.series.to_string();
        end.is(
            (900_000..1_100_000).contains(&point.ticks) && point.handoffs < 1_000_000,
            format_args!("about a million instructions for {name}, not {}", point.ticks),
        )?;
        series.push(name);
    }
    series.sort();
    series.dedup();
    equal("series", series.len(), 5)
}

fn warm_up(parts: &Parts) -> Verdict {
    for (words, rounds, exchanges) in [("warmup=0", 1, 0), ("warmup=200", 200, 200)] {
        let end = scale_with(parts, 2, "128M", &format!("tasks=2 exchanges=100 {words}"))?;
        let log = read_log(&end.0.log_text);
        for point in all_points(&log.records) {
            let (name, due) = match &*point.series {
                "pairs" => ("warm-up-exchanges", exchanges),
                // A turn is longer, so there is a sixteenth; one at least.
                "switch-touch-16k" => ("warm-up-rounds", (rounds / 16).max(1)),
                _ => ("warm-up-rounds", rounds),
            };
            equal(&format!("{} with {words}", point.series), also(point, name)?, due)?;
        }
    }
    Ok(())
}

fn wrong_pair(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "wrong_pair").with(|spec| spec.smp = 4).boot();
    // In whichever pair was there first. The point ends all the same.
    end.fails_with(": sequence number: expected 57, found 1000")?;
    end.says("point-ended")
}

/// A short run on 64 CPUs.
fn scale(parts: &Parts, memory: &str, words: &str) -> Result<End, Failed> {
    scale_on(parts, 64, memory, words)
}

/// A short run.
fn scale_on(parts: &Parts, cpus: u32, memory: &str, words: &str) -> Result<End, Failed> {
    scale_with(parts, cpus, memory, &format!("exchanges=500 warmup=50 {words}"))
}

/// A run of so much, in instructions.
fn scale_with(parts: &Parts, cpus: u32, memory: &str, words: &str) -> Result<End, Failed> {
    let end = Case::laboratory(parts)
        .with(|spec| {
            spec.smp = cpus;
            spec.memory = memory.into();
            spec.timing = Timing::Instructions;
            spec.deadline = Duration::from_secs(300);
            spec.append = format!("experiment=scale runs=1 offsets=none unit=instructions {words}");
        })
        .boot();
    end.passes()?;
    Ok(end)
}

fn all_points<'a, 'b>(records: &'a [Record<'b>]) -> impl Iterator<Item = &'a Point<'b>> {
    records.iter().filter_map(|record| match record {
        Record::Point(point) => Some(point),
        _ => None,
    })
}

fn points_of<'a, 'b>(records: &'a [Record<'b>], series: &str) -> impl Iterator<Item = &'a Point<'b>> {
    all_points(records).filter(move |point| point.series == series)
}

/// What each pair did.
fn exchanges(point: &Point<'_>) -> Vec<u64> {
    let of_pairs = point.also.iter().filter(|(name, _)| name.starts_with("exchanges-"));
    of_pairs.map(|(_, count)| *count).collect()
}

fn also(point: &Point<'_>, name: &str) -> Result<u64, Failed> {
    let found = point.also.iter().find(|(of, _)| of == name).map(|(_, number)| *number);
    found.ok_or_else(|| Failed::from(format!("{} has no {name}", point.series)))
}

/// Where, handoffs and ticks of each point of a series, in order.
fn points(end: &End, series: &str) -> Vec<(u64, u64, u64)> {
    let log = read_log(&end.0.log_text);
    points_of(&log.records, series).map(|point| (point.at[0].1, point.handoffs, point.ticks)).collect()
}
