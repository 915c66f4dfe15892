//! Rows of each kind, for tests.

use crate::bench::row::{Crossed, FORMAT, Host, Measured, Missing, Outcome, Place, Switched};
use crate::bench::{Bench, Row};

/// Five rounds around a middle, each middle's in an order of its own.
fn measured(middle: f64) -> Outcome {
    let mut one_way_ns = [1.0, 0.99, 1.01, 0.98, 1.02].map(|part| part * middle).to_vec();
    one_way_ns.rotate_left(middle as usize / 50 % 5);
    let switched = Some(Switched { handoffs: 100, voluntary: 0, involuntary: 0 });
    Outcome::Measured(Measured {
        exchanges: 1_000,
        one_way_ns,
        switched,
        crossed: None,
        instructions: None,
        uncounted: None,
    })
}

fn row(level: &str, id: &str, title: &str, outcome: Outcome) -> Row {
    Row {
        id: id.into(),
        title: title.into(),
        place: Place::Native,
        base: (id != "ours-bare").then(|| "ours-bare".into()),
        also: Vec::new(),
        version: "Linux 6.1".into(),
        level: Some(level.into()),
        outcome,
    }
}

/// A hierarchy.
pub(crate) fn sample() -> Bench {
    let refused = Missing { reason: "KVM: the canary did not end".into(), to_do: String::new() };
    let rows = vec![
        row("call", "call-direct", "function, called and returning", measured(1.0)),
        row("barrier", "barrier-locked", "no switch: a locked instruction", measured(5.0)),
        row("fiber", "ours-bare", "ours, bare, nothing live", measured(2.0)),
        row("goroutine", "go-channel-p1", "Go channel, P=1", measured(200.0)),
        row("goroutine", "go-channel-p12", "Go channel, P=12", measured(300.0)),
        row("goroutine", "go-channel-p12-one-cpu", "Go channel, P=12 on one CPU", measured(220.0)),
        row("thread", "spin-other-core", "threads, spinning on a cache line, two cores", measured(100.0)),
        row("thread", "futex-same-core", "threads, futex, one core", measured(1_000.0)),
        row("thread", "futex-other-core", "threads, futex, two cores", measured(4_000.0)),
        row("process", "process-pipe-same-core", "processes, pipe, one core", measured(1_500.0)),
        row("vm", "vm-same-core", "guests, one core", Outcome::Missing(refused)),
        row("network", "udp-loopback-same-core", "UDP over loopback, one core", measured(9_000.0)),
    ];
    let host = Host {
        cpu: "A CPU".into(),
        cpus: 2,
        system: "Linux 6.1 x86_64".into(),
        rustc: "rustc 1.95.0".into(),
    };
    let started = "2026-11-29T00:00:00Z".into();
    let bench = Bench { format: FORMAT, started, rounds: 5, seed: 7, host, emulator: None, rows };
    let bench = with(&bench, "futex-same-core", |measured| {
        measured.switched = Some(Switched { handoffs: 100, voluntary: 100, involuntary: 0 });
    });
    with(&bench, "go-channel-p12", |measured| {
        measured.switched = Some(Switched { handoffs: 100, voluntary: 3, involuntary: 2 });
        measured.crossed = Some(Crossed { handoffs: 1_000, crossed: 1 });
    })
}

/// The same with a row's figures changed.
pub(super) fn with(bench: &Bench, id: &str, change: impl FnOnce(&mut Measured)) -> Bench {
    let mut bench = bench.clone();
    let row = bench.rows.iter_mut().find(|row| row.id == id).expect("a row of the sample");
    if let Outcome::Measured(measured) = &mut row.outcome {
        change(measured);
    }
    bench
}

/// The same without a row.
pub(super) fn without(bench: &Bench, id: &str) -> Bench {
    let mut bench = bench.clone();
    bench.rows.retain(|row| row.id != id);
    bench
}
