//! Deterministic mode: the laboratory's kernel under instruction counting, to the byte.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use libtest_mimic::Trial;
use switchlab_tests::{Case, End, Parts, Timing, Verdict, trial};

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    vec![trial(parts, "deterministic::busy_host_changes_no_byte_of_the_log", same_log)]
}

/// Few exchanges are enough: a byte differs as soon as one instruction of start-up does.
fn same_log(parts: &Parts) -> Verdict {
    let boot = || {
        let case = Case::laboratory(parts).with(|spec| {
            spec.smp = 12;
            spec.timing = Timing::Instructions;
            // Counting is slower where guests wait for clocks, and the neighbours take most of the host.
            spec.deadline = Duration::from_secs(300);
            spec.append = "runs=1 exchanges=100 warmup=10 unit=instructions".into();
        });
        case.boot()
    };
    let alone = boot();
    alone.passes()?;
    let beside_neighbours = with_busy_neighbours(boot);
    beside_neighbours.passes()?;
    let (one, other) = (&alone.0.log_text, &beside_neighbours.0.log_text);
    let difference = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    alone.is(one == other, format_args!("the same log again; the first lines that differ: {difference:?}"))
}

/// Two threads for each host CPU, that never rest.
fn with_busy_neighbours(boot: impl FnOnce() -> End) -> End {
    let rest = Arc::new(AtomicBool::new(false));
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let neighbours: Vec<_> = (0..cpus * 2)
        .map(|_| {
            let rest = Arc::clone(&rest);
            // A flag alone: nothing is handed over by it.
            thread::spawn(move || {
                while !rest.load(Ordering::Relaxed) {
                    hint::spin_loop()
                }
            })
        })
        .collect();
    let end = boot();
    rest.store(true, Ordering::Relaxed);
    for neighbour in neighbours {
        let _ = neighbour.join();
    }
    end
}
