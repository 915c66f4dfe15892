//! The experiment `scale`: what a switch takes does not grow with the tasks, nor a handoff with the CPUs; and
//! what does not fit is named.

use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Record, read_log};
use switchlab_tests::{Case, End, Parts, Timing, Verdict, equal, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "scale::instructions_grow_by_5_percent_at_most", no_growth),
        trial(parts, "scale::points_that_do_not_fit_are_named_and_others_measured", too_small),
    ]
}

/// What the largest may take, of the least that a smaller one takes: 1.05, in percent.
const GROWTH: u64 = 105;

fn no_growth(parts: &Parts) -> Verdict {
    let end = scale(parts, "512M", "tasks=65536")?;
    for (series, from, to) in
        [("switch-touch-0k", 2, 65_536), ("switch-touch-1k", 2, 65_536), ("handoff", 2, 64)]
    {
        let points = points(&end, series);
        equal(series, (points.first().map(|p| p.0), points.last().map(|p| p.0)), (Some(from), Some(to)))?;
        let mut least: Option<(u64, u64)> = None;
        for (at, handoffs, ticks) in points {
            // Ticks of a handoff as a fraction, so that nothing is rounded.
            let grew = least.is_some_and(|(h, t)| ticks * h * 100 > GROWTH * t * handoffs);
            end.is(!grew, format_args!("{series}: at most 1.05 times as much at {at}"))?;
            if least.is_none_or(|(h, t)| ticks * h < t * handoffs) {
                least = Some((handoffs, ticks));
            }
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

/// A short run on 64 CPUs.
fn scale(parts: &Parts, memory: &str, words: &str) -> Result<End, Failed> {
    let end = Case::laboratory(parts)
        .with(|spec| {
            spec.smp = 64;
            spec.memory = memory.into();
            spec.timing = Timing::Instructions;
            spec.deadline = Duration::from_secs(300);
            spec.append = format!(
                "experiment=scale runs=1 exchanges=500 warmup=50 offsets=none unit=instructions {words}"
            );
        })
        .boot();
    end.passes()?;
    Ok(end)
}

/// Where, handoffs and ticks of each point of a series, in order.
fn points(end: &End, series: &str) -> Vec<(u64, u64, u64)> {
    let log = read_log(&end.0.log_text);
    let points = log.records.iter().filter_map(|record| match record {
        Record::Point(point) if point.series == series => Some((point.at[0].1, point.handoffs, point.ticks)),
        _ => None,
    });
    points.collect()
}
