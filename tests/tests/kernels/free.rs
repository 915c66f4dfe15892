//! The mode `free` of `classic`, on 1 to 64 CPUs: what is prescribed is exact, what is not is told, and the results
//! have it.

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Block, Counts, Mode, Pass, Record, Subject, read_log};
use switchlab_tests::{Case, End, Parts, Verdict, equal, trial};
use xtask::results::Results;

const RUNS: u32 = 2;
const EXCHANGES: u64 = 500;
const SAMPLES: u64 = 200;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let on = |cpus: u32| {
        trial(
            parts,
            format!("free::handoffs_on_{cpus}_cpus_are_exact_and_crossings_are_told"),
            move |parts| exact(&boot(parts, cpus, Case::in_instructions)?, cpus),
        )
    };
    let mut trials: Vec<_> = [1, 2, 3, 12, 64].map(on).into();
    trials.push(trial(parts, "free::handoffs_are_exact_with_a_host_thread_for_each_cpu", |parts| {
        exact(&boot(parts, 4, Case::with_host_threads)?, 4)
    }));
    trials.push(trial(parts, "free::instructions_repeat_from_run_to_run", |parts| {
        let blocks = free(&boot(parts, 12, Case::in_instructions)?);
        let ticks = |run| blocks.iter().filter(move |block| block.run == run).map(|block| block.ticks);
        equal("ticks of both runs", ticks(1).collect::<Vec<_>>(), ticks(2).collect())
    }));
    trials
}

fn boot(parts: &Parts, cpus: u32, how: fn(Case) -> Case) -> Result<End, Failed> {
    let case = Case::laboratory(parts).with(|spec| {
        spec.smp = cpus;
        spec.append =
            format!("runs={RUNS} exchanges={EXCHANGES} warmup=50 samples={SAMPLES} seed=3 offsets=none");
    });
    let end = how(case).boot();
    end.passes()?;
    Ok(end)
}

/// The blocks of unpinned tasks, those without a handoff left out.
fn free(end: &End) -> Vec<Block> {
    let log = read_log(&end.0.log_text);
    let blocks = log.records.iter().filter_map(|record| match record {
        Record::Block(block) if (block.mode, block.subject) == (Mode::Free, Subject::Handoff) => Some(*block),
        _ => None,
    });
    blocks.collect()
}

fn exact(end: &End, cpus: u32) -> Verdict {
    let blocks = free(end);
    equal("blocks of both passes", blocks.len(), 2 * RUNS as usize)?;
    for block in &blocks {
        let due = 2 * if block.pass == Pass::Batch { EXCHANGES } else { SAMPLES };
        let Counts { handoffs, switches, ipis_sent, ipis_taken, halts: _ } = block.counts;
        equal("handoffs", handoffs, due)?;
        // Whoever waits goes on with another, or lets its worker.
        end.is(switches >= due, format_args!("{switches} switches in {due} handoffs"))?;
        equal("IPIs taken", ipis_taken, ipis_sent)?;
        equal(
            "IPIs that had to be sent, one for each idle CPU that was called",
            block.expected.ipis_sent,
            ipis_sent,
        )?;
        let crossings = block.crossings.unwrap_or(u64::MAX);
        end.is(crossings <= due, format_args!("{crossings} crossings in {due} handoffs"))?;
        if cpus == 1 {
            equal("crossings and IPIs of one CPU", (crossings, ipis_sent), (0, 0))?;
        }
    }
    let log = read_log(&end.0.log_text);
    let placement = Results::from_log(&log)?.placement.ok_or("no placement in the results")?;
    let batch = blocks.iter().filter(|block| block.pass == Pass::Batch);
    equal(
        "crossings in the results",
        placement.of.crossings,
        batch.filter_map(|block| block.crossings).sum(),
    )?;
    equal("handoffs in the results", placement.of.handoffs, u64::from(RUNS) * 2 * EXCHANGES)?;
    equal("a cost by the pinned modes", placement.by_the_others.is_some(), cpus > 1)
}
