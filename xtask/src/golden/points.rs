//! Logs of experiments with many points, as the kernel writes them.

use switchlab_records::{
    Absent, ApicMode, ClockPhase, Counts, Cpus, Guard, Machine, Named, Plan, Point, Protection, Record,
    Start, Topology, Unit,
};

use super::{TSC_HZ, clock, offset, tsc};

/// A point of a golden log.
pub struct Place {
    pub series: &'static str,
    pub at: Vec<(&'static str, u64)>,
    /// Ticks of one handoff in the first run; each run adds one.
    pub ticks: u64,
    pub also: Vec<(&'static str, u64)>,
}

/// Handoffs of each golden point.
pub const HANDOFFS: u64 = 2_000;

/// All records but the end of `experiment` on `cpus` CPUs, which measures at these places in each run.
pub fn survey(
    experiment: &'static str,
    unit: Unit,
    cpus: u32,
    runs: u32,
    places: &[Place],
) -> Vec<Record<'static>> {
    let mut records = vec![
        Record::Start(Start {
            kernel: "switchlab".into(),
            version: "0.1.0".into(),
            command_line: format!("experiment={experiment}").into(),
            parameters: format!("experiment={experiment} runs={runs} exchanges=1000 unit={}", unit.name())
                .into(),
        }),
        Record::Cpus(Cpus { found: cpus, up: cpus, apic: ApicMode::Xapic, ticks: 300_000_000 }),
        clock(ClockPhase::Before, TSC_HZ + 1_000_000),
        Record::Machine(Machine {
            hypervisor: "TCGTCGTCGTCG".into(),
            cpu: "QEMU TCG CPU version 2.5+".into(),
            invariant_tsc: false,
            rdtscp: true,
            memory_bytes: 265_000_000,
        }),
        tsc(),
    ];
    records.extend((1..cpus).map(offset));
    records.push(Record::Plan(Plan {
        experiment: experiment.into(),
        runs,
        exchanges: 1_000,
        warm_up: 100,
        samples: 0,
        pair: [0, 1],
        blocks: runs * places.len() as u32,
        unit,
        seed: 0,
    }));
    for run in 1..=runs {
        for (place, position) in places.iter().zip(1..) {
            records.push(point(run, position, place));
        }
    }
    records.push(clock(ClockPhase::After, TSC_HZ));
    records
}

fn point(run: u32, position: u32, place: &Place) -> Record<'static> {
    let is_halt = !place.series.starts_with("spin") && place.series != "mwait";
    let ipis = if is_halt { HANDOFFS } else { 0 };
    let counts = Counts { handoffs: HANDOFFS, switches: 0, ipis_sent: ipis, ipis_taken: ipis, halts: ipis };
    Record::Point(Point {
        run,
        position,
        series: place.series.into(),
        at: named(&place.at),
        handoffs: HANDOFFS,
        ticks: (place.ticks + u64::from(run) - 1) * HANDOFFS,
        counts,
        expected: counts,
        also: named(&place.also),
    })
}

fn named(pairs: &[(&'static str, u64)]) -> Vec<Named<'static>> {
    pairs.iter().map(|(name, number)| ((*name).into(), *number)).collect()
}

/// The ways to wait between CPUs 0 and 1, and one that there is not.
pub fn wait(runs: u32) -> Vec<Record<'static>> {
    let place = |series, ticks, loops| Place {
        series,
        at: vec![("from", 0), ("to", 1)],
        ticks,
        also: vec![("bystander-loops", loops), ("break-even-ticks", 4_000)],
    };
    let places =
        [place("halt", 6_000, 900_000), place("spin", 40_000, 10_000), place("spin-halt", 9_000, 500_000)];
    let mut records = survey("wait", Unit::Time, 12, runs, &places);
    let reason = "this CPU has no MONITOR and MWAIT (CPUID 1, ECX bit 3)".into();
    records
        .insert(records.len() - 1, Record::Absent(Absent { series: "mwait".into(), at: Vec::new(), reason }));
    records
}

/// The ways to wait between CPUs 0 and 1, alone and beside ten CPUs at work, which do a loop in ten ticks while
/// nobody hands over.
pub fn wait_beside(runs: u32) -> Vec<Record<'static>> {
    let place = |series, bystanders, ticks: u64, also: &[(&'static str, u64)]| {
        let mut also = also.to_vec();
        also.push(("budget-ticks", 2_000_000_000));
        if bystanders > 0 {
            let loops = ticks * HANDOFFS / 10 * if series == "halt" { 9 } else { 5 } / 10;
            also.extend([("bystander-loops", loops)]);
            also.extend([("bystander-loops-alone", 20_000_000), ("alone-ticks", 200_000_000)]);
        }
        Place { series, at: vec![("from", 0), ("to", 1), ("bystanders", bystanders)], ticks, also }
    };
    let adaptive = |halted| [("break-even-ticks", 4_000), ("halted", halted), ("spun", HANDOFFS - halted)];
    let mwait = [("true-wait", 0), ("untouched-returns", 269), ("mwaits", HANDOFFS)];
    let places = [
        place("halt", 0, 6_000, &[]),
        place("halt", 10, 30_000, &[]),
        place("spin-pause", 0, 3_000, &[]),
        place("spin-pause", 10, 60_000, &[]),
        place("spin-halt", 0, 3_200, &adaptive(0)),
        place("spin-halt", 10, 32_000, &adaptive(0)),
        place("mwait", 0, 3_100, &mwait),
        place("mwait", 10, 61_000, &mwait),
    ];
    survey("wait", Unit::Time, 12, runs, &places)
}

/// Two ways between all pairs of `cpus` CPUs, of which two share a core: there it is cheaper, and down the
/// numbers it is dearer than up.
pub fn matrix(cpus: u32, runs: u32) -> Vec<Record<'static>> {
    let pairs =
        || (0..cpus).flat_map(|from| (0..cpus).filter(move |to| *to != from).map(move |to| (from, to)));
    let place = |series, base: u64| {
        pairs().map(move |(from, to)| Place {
            series,
            at: vec![("from", from.into()), ("to", to.into())],
            ticks: base / if from / 2 == to / 2 { 2 } else { 1 } + if from > to { 100 } else { 0 },
            also: Vec::new(),
        })
    };
    let places: Vec<_> = place("halt", 6_000).chain(place("spin", 40_000)).collect();
    let mut records = survey("matrix", Unit::Time, cpus, runs, &places);
    let first = records.iter().position(|record| matches!(record, Record::Point(_))).unwrap_or_default();
    let topology = (0..cpus).map(|cpu| {
        Record::Topology(Topology { cpu, apic_id: cpu, socket: 0, die: 0, core: cpu / 2, thread: cpu % 2 })
    });
    records.splice(first..first, topology);
    records
}

/// A switch by the number of tasks, and pairs at once, in instructions: what touches more costs more.
pub fn scale(runs: u32) -> Vec<Record<'static>> {
    let mut places = Vec::new();
    for (series, base, growth) in [("switch-touch-0k", 20, 0), ("switch-touch-16k", 300, 40)] {
        places.extend([2u64, 16, 128, 1_024].iter().zip(0..).map(|(tasks, step)| Place {
            series,
            at: vec![("tasks", *tasks)],
            ticks: base + growth * step,
            also: Vec::new(),
        }));
    }
    places.extend([1u64, 2].map(|pairs| Place {
        series: "pairs",
        at: vec![("pairs", pairs)],
        ticks: 50,
        also: match pairs {
            1 => vec![("min-exchanges", 1_000), ("max-exchanges", 1_000), ("exchanges-1", 1_000)],
            _ => vec![
                ("min-exchanges", 400),
                ("max-exchanges", 600),
                ("exchanges-1", 400),
                ("exchanges-2", 600),
            ],
        },
    }));
    survey("scale", Unit::Instructions, 12, runs, &places)
}

/// Four levels on one CPU and on two, the third dearer than was guessed of it.
pub fn hierarchy(runs: u32, unit: Unit) -> Vec<Record<'static>> {
    let place = |series, cpus, ticks, words: u64| Place {
        series,
        at: vec![("cpus", cpus)],
        ticks,
        also: vec![("context-bytes", 8 * words), ("context-registers", words)],
    };
    let places = [
        place("call", 1, 10, 1),
        place("fiber", 1, 20, 3),
        place("task", 1, 60, 3),
        place("task", 2, 3_000, 5),
    ];
    let mut records = survey("hierarchy", unit, 2, runs, &places);
    let first = records.iter().position(|record| matches!(record, Record::Point(_))).unwrap_or_default();
    let protection = [0, 1].map(|cpu| {
        Record::Protection(Protection {
            cpu,
            nx: Guard::On,
            smep: Guard::On,
            smap: Guard::On,
            umip: Guard::On,
            pcid: Guard::Absent,
        })
    });
    records.splice(first..first, protection);
    records
}

/// Levels with the floors that are in their steps, and a level that costs less than the one below; once.
pub fn levels(unit: Unit) -> Vec<Record<'static>> {
    const SAVE: [&str; 4] = ["xsave-pair", "thread", "thread-lazy-used", "thread-user"];
    let place = |series, cpus, ticks, calls: u64, loads: u64| Place {
        series,
        at: vec![("cpus", cpus)],
        ticks,
        also: vec![
            ("address-space-loads", loads * HANDOFFS),
            ("system-calls", calls * HANDOFFS),
            ("context-bytes", if SAVE.contains(&series) { 2_696 } else { 64 }),
        ],
    };
    let places = [
        place("call", 1, 10, 0, 0),
        place("fiber", 1, 20, 0, 0),
        place("task", 1, 60, 0, 0),
        place("task", 2, 3_000, 0, 0),
        place("xsave-pair", 1, 700, 0, 0),
        place("thread", 1, 660, 0, 0),
        place("thread-lazy", 1, 100, 0, 0),
        place("thread-lazy-used", 1, 1_100, 0, 0),
        place("system-call", 1, 50, 1, 0),
        place("thread-user", 1, 860, 2, 0),
        place("cr3-load", 1, 800, 0, 0),
        place("process", 1, 1_260, 2, 1),
        place("process", 2, 3_400, 2, 0),
        place("container-filter", 1, 1_360, 2, 1),
        place("container-filter-arguments", 1, 1_300, 2, 1),
        place("vm", 2, 8_000, 0, 0),
    ];
    let mut records = survey("hierarchy", unit, 2, 1, &places);
    for record in &mut records {
        // Those that are switched between on one CPU.
        if let Record::Point(point) = record
            && point.series.starts_with("thread")
        {
            point.counts.switches = HANDOFFS;
            point.expected.switches = HANDOFFS;
        }
    }
    records
}

/// A token around rings of 2 to 12 CPUs.
pub fn ring(runs: u32) -> Vec<Record<'static>> {
    let places = [2u64, 4, 8, 12].map(|cpus| Place {
        series: "token",
        at: vec![("cpus", cpus)],
        ticks: 5_000 + 100 * cpus,
        also: vec![("rounds", HANDOFFS / cpus)],
    });
    survey("ring", Unit::Time, 12, runs, &places)
}
