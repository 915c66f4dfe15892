//! No timed block of any experiment calls the heap, takes a lock or writes a text; where one does, it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Record, read_log};
use switchlab_tests::{Case, Parts, Verdict, equal, trial};
use xtask::cmd::options::EXPERIMENTS;
use xtask::workspace;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![
        trial(parts, "foreign::no_block_of_any_experiment_allocates_locks_or_writes", nothing),
        Trial::test("foreign::whoever_reads_the_clock_around_a_block_watches_it", watched),
        Trial::test("foreign::kernel_takes_no_lock_that_is_not_counted", one_lock),
        trial(parts, "foreign::allocation_lock_or_text_in_a_block_is_a_failure", planted),
        trial(
            parts,
            "foreign::locks_of_queues_are_allowed_where_they_are_declared_and_nowhere_else",
            declared,
        ),
    ]
}

/// What stands in for the atomics and the lock where the checker runs the kernel's crates on the host: in no kernel.
const MODELLED: &str = "atomic/modelled.rs";

/// By the sources: only the locks that count are made of one that does not, one in each crate. `atomic.rs` gives the
/// crate's one kind of lock its name.
fn one_lock() -> Verdict {
    let mut locks = Vec::new();
    for top in ["kernel/src", "kernel/sync/src", "kernel/core/src", "kernel/switch/src"] {
        each_source(&workspace::root().join(top), |path, source| {
            let locks_in_it = ["spin::Mutex;", "spin::{Mutex", "Mutex::new(", "RwLock"]
                .iter()
                .any(|lock| source.contains(lock));
            if locks_in_it && !path.ends_with(MODELLED) {
                locks.push(Path::new(top).join(path));
            }
        })?;
    }
    let counted = ["kernel/src/lock.rs", "kernel/sync/src/atomic.rs", "kernel/sync/src/queue_lock.rs"];
    let counted = counted.map(PathBuf::from);
    locks.sort();
    equal("files with a lock that is not counted", locks, counted.to_vec())
}

/// Each of the tasks of the case is put into a queue and taken out of it, under the lock.
fn declared(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "declared_locks").boot();
    for name in ["declared", "another"] {
        let taken = end.count(name)?;
        end.is(taken >= 2 * 5, format_args!("queue locks of 5 tasks where they are declared, {name}"))?;
    }
    for name in ["not-declared", "nothing"] {
        equal(&format!("measured locks of {name}"), end.count(name)?, 0)?;
    }
    let log = read_log(&end.0.log_text);
    let failures: Vec<_> = log.failures().collect();
    equal("failures", failures.len(), 3)?;
    for (failure, begin, part) in [
        (failures[0], "not declared: in its time none", "heap calls 0, locks 0, queue locks "),
        (failures[1], "nothing behind it: ", "none was taken"),
        (failures[2], "another lock: in its time none", "heap calls 0, locks 1, queue locks 0, texts 0"),
    ] {
        end.is(
            failure.starts_with(begin) && failure.contains(part),
            format_args!("`{begin}… {part}` in `{failure}`"),
        )?;
    }
    Ok(())
}

/// Who else than `measure.rs`, which holds the clock and the watch together, reads the TSC outside of `arch`: the file,
/// how often, and what that is, since it times no block.
const READERS: [(&str, usize, &str); 8] = [
    ("bring_up.rs", 2, "how long the CPUs took to come up, before there is anything to watch"),
    ("container/account.rs", 6, "what a group is charged for the time that it has a CPU, in a block or not"),
    ("experiments/ways/block.rs", 2, "stamps of single numbers, in a block"),
    ("experiments/ways/sides.rs", 2, "how long one side has been waiting, in a block"),
    ("main.rs", 1, "handed over, to be read under a watch between CPUs"),
    ("measure/probe.rs", 2, "samples of single exchanges, in a block"),
    ("qualify.rs", 2, "what the clock itself is worth: handed over, to be read under a watch"),
    ("vm/vcpu.rs", 1, "whether a guest has run for too long"),
];

/// By the sources of the whole kernel: a block that is timed where nobody watches would stand beside these.
fn watched() -> Verdict {
    let mut found = BTreeMap::new();
    each_source(&workspace::root().join("kernel/src"), |path, source| {
        let reads: usize = ["start", "end", "fenced", "unfenced"]
            .iter()
            .flat_map(|read| [format!("tsc::{read}("), format!("tsc::{read},"), format!("tsc::{read})")])
            .map(|read| source.matches(&read).count())
            .sum();
        // By another name nobody can read it.
        let renamed = source.matches("tsc::{").count() + source.matches("tsc::*").count();
        if !path.starts_with("arch") && path != Path::new("measure.rs") && reads + renamed != 0 {
            found.insert(path.to_owned(), reads + 100 * renamed);
        }
    })?;
    let known: BTreeMap<_, _> =
        READERS.iter().map(|(path, reads, _)| (PathBuf::from(path), *reads)).collect();
    equal("who reads the clock, and how often", found, known)
}

/// Calls `look` with the path below `top` and the text of each file there.
pub fn each_source(top: &Path, mut look: impl FnMut(&Path, &str)) -> Verdict {
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                look(path.strip_prefix(top)?, &fs::read_to_string(&path)?);
            }
        }
    }
    Ok(())
}

/// Each block that is reported was watched, and what is watched for does happen between them.
fn nothing(parts: &Parts) -> Verdict {
    let end = Case::new(parts, "nothing_foreign").boot();
    end.passes()?;
    let log = read_log(&end.0.log_text);
    // The readings of the clock alone, and those of each of two CPUs against the first.
    equal("watched of what the clock is worth", end.count("watched-clock")?, 1 + 2)?;
    // Where a whole series is absent here, nothing is known of its blocks.
    let (mut there, mut absent) = (BTreeSet::new(), BTreeSet::new());
    for record in &log.records {
        match record {
            Record::Point(point) => there.insert(&*point.series),
            Record::Absent(of) => absent.insert(&*of.series),
            _ => false,
        };
    }
    equal("series that are absent", absent.difference(&there).next(), None)?;
    let mut plans = 0;
    let mut records = log.records.iter().peekable();
    while let Some(record) = records.next() {
        let Record::Plan(plan) = record else { continue };
        plans += 1;
        let mut blocks = 0;
        while let Some(record) = records.next_if(|record| !matches!(record, Record::Plan(_))) {
            blocks += u64::from(matches!(record, Record::Block(_) | Record::Point(_)));
        }
        let name = &*plan.experiment;
        equal(&format!("blocks of {name}"), blocks, u64::from(plan.blocks))?;
        // Some look first how long something takes, under a watch too.
        let watched = end.count(&format!("watched-{name}"))?;
        end.is(
            watched >= blocks && blocks > 0,
            format_args!("{name}: {watched} watched of {blocks} blocks"),
        )?;
        for counter in ["heap-calls", "locks", "texts"] {
            let counted = end.count(&format!("{counter}-{name}"))?;
            end.is(counted > 0, format_args!("{counter} of {name} outside of its blocks"))?;
        }
    }
    equal("experiments", plans, EXPERIMENTS.len())
}

/// Handoffs of each block.
const HANDOFFS: u64 = 24;
/// Handoffs of the warm-ups of `policy`, which are timed and watched too: 16 exchanges, or as many as make each of 1, 2
/// and 3 pairs do the same.
const WARM_UPS: [u64; 3] = [2 * 16, 2 * 16, 2 * 18];
/// Blocks with one kind planted: `classic` has four modes, with and without a handoff; `ring` and `fan` have two
/// points each on three CPUs; `policy` has three for each policy.
const BLOCKS: usize = 4 * 2 + 2 + 2 + 3 * POLICIES;
const POLICIES: usize = 3;

fn planted(parts: &Parts) -> Verdict {
    let end = Case::kernel(parts, "planted_foreign").boot();
    end.fails_with("in its time none of these may happen")?;
    let log = read_log(&end.0.log_text);
    let is_warm_up = |failure: &str| failure.starts_with("the warm-up of ");
    for (what, counts) in
        [("an allocation and its return", [2, 2, 0]), ("a lock", [0, 1, 0]), ("a text", [0, 0, 1])]
    {
        let failures_of = |handoffs: u64, of_warm_up: bool| {
            let [heap_calls, locks, texts] = counts.map(|each: u64| each * handoffs);
            let found = format!("heap calls {heap_calls}, locks {locks}, queue locks 0, texts {texts}");
            let failures = log.failures().filter(|failure| failure.ends_with(&found));
            failures.filter(|failure| is_warm_up(failure) == of_warm_up).count()
        };
        let told = |failed: Failed| -> Failed {
            format!("{}\n{}", failed.message().unwrap_or_default(), end.0.log_text).into()
        };
        equal(&format!("blocks that fail with {what} in each handoff"), failures_of(HANDOFFS, false), BLOCKS)
            .map_err(told)?;
        for handoffs in WARM_UPS {
            let points = WARM_UPS.iter().filter(|other| **other == handoffs).count();
            equal(
                &format!("warm-ups of {handoffs} handoffs that fail with {what} in each"),
                failures_of(handoffs, true),
                POLICIES * points,
            )
            .map_err(told)?;
        }
    }
    equal("failures in all", log.failures().count(), 3 * (BLOCKS + POLICIES * WARM_UPS.len()))
}
