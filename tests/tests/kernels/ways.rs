//! The experiments on waiting, `wait` and `matrix`, on 2 to 64 CPUs: exact counts, from the log.

use std::collections::BTreeSet;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use switchlab_records::{Absent, Counts, Point, Record, read_log};
use switchlab_tests::{Case, End, Parts, TcgThread, Timing, Verdict, equal, judge_code, trial};

const EXCHANGES: u64 = 200;

/// The trials of this subject.
pub fn trials(parts: &Option<Parts>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for cpus in [2, 3, 12] {
        trials.push(trial(parts, format!("ways::waits_beside_{cpus}_cpus_are_exact"), move |parts| {
            wait(&boot(parts, cpus, Case::in_instructions, "experiment=wait runs=2")?, cpus)
        }));
    }
    for cpus in [2, 3, 12, 64] {
        trials.push(trial(parts, format!("ways::every_pair_of_{cpus}_cpus_is_exact"), move |parts| {
            matrix(&boot(parts, cpus, Case::in_instructions, "experiment=matrix runs=1")?, cpus)
        }));
    }
    for (unit, how) in [("time", in_time as fn(Case) -> Case), ("instructions", Case::in_instructions)] {
        trials.push(trial(
            parts,
            format!("ways::waits_beside_64_cpus_in_128_mib_are_exact_in_{unit}"),
            move |parts| {
                let small = |case: Case| how(case).with(|spec| spec.memory = "128M".into());
                let end = boot(parts, 64, small, "experiment=wait runs=1 budget=20 ways=halt,spin-pause")?;
                equal("points", points(&end).len(), 4)?;
                points(&end).iter().try_for_each(exact)
            },
        ));
    }
    trials.push(trial(parts, "ways::every_pair_of_64_cpus_in_128_mib_is_exact_in_time", |parts| {
        let small = |case: Case| in_time(case).with(|spec| spec.memory = "128M".into());
        let words = "experiment=matrix runs=1 budget=1 ways=spin-pause";
        let end = boot(parts, 64, small, words)?;
        equal("points", points(&end).len(), 64 * 63)?;
        points(&end).iter().try_for_each(exact)
    }));
    trials.push(trial(parts, "ways::mwait_between_each_pair_says_whether_it_waits", |parts| {
        let end = boot(parts, 3, Case::in_instructions, "experiment=matrix runs=1 ways=mwait,spin-halt")?;
        equal("points", points(&end).len(), 2 * 6)?;
        for point in points(&end) {
            exact(&point)?;
            let (from, to) = (number(&point.at, "from")?, number(&point.at, "to")?);
            // Of both ways of one block.
            let block = number(&point.also, "block")?;
            let back = points(&end).into_iter().find(|other| {
                other.series == point.series
                    && (number(&other.at, "from").ok(), number(&other.at, "to").ok())
                        == (Some(to), Some(from))
            });
            let back = back.ok_or("there is no way back")?;
            equal("block", number(&back.also, "block")?, block)?;
            match &*point.series {
                // TCG's MWAIT is a PAUSE.
                "mwait" => equal("true waits", number(&point.also, "true-wait")?, 0)?,
                _ => end.is(number(&point.also, "break-even-ticks")? > 0, "what a handoff by halt takes")?,
            }
        }
        Ok(())
    }));
    trials.push(trial(
        parts,
        "ways::handoff_by_halt_takes_the_same_both_ways_whoever_asks",
        both_directions_alike,
    ));
    trials.push(trial(parts, "ways::waits_are_exact_in_time", |parts| {
        let end = boot(parts, 3, in_time, "experiment=wait runs=1 budget=100")?;
        let series: BTreeSet<_> = points(&end).iter().map(|point| point.series.to_string()).collect();
        equal("ways", series.len(), 5)?;
        points(&end).iter().try_for_each(exact)
    }));
    trials.push(trial(parts, "ways::waits_are_exact_with_a_host_thread_for_each_cpu", |parts| {
        let words = "experiment=wait runs=1 budget=100 ways=halt,spin,spin-halt";
        points(&boot(parts, 2, Case::with_host_threads, words)?).iter().try_for_each(exact)
    }));
    trials.push(trial(parts, "ways::mwait_that_is_not_there_is_absent_beside_the_others", |parts| {
        let without = |case: Case| case.in_instructions().with(|spec| spec.cpu = "max,-monitor".into());
        let end = boot(parts, 2, without, "experiment=wait runs=1 ways=halt,mwait")?;
        let log = read_log(&end.0.log_text);
        let absent = log.records.iter().filter_map(|record| match record {
            Record::Absent(Absent { series, reason, .. }) => Some((&**series, &**reason)),
            _ => None,
        });
        let absent: Vec<_> = absent.collect();
        end.is(
            absent.len() == 1 && absent[0].0 == "mwait" && absent[0].1.contains("--cpu max"),
            "a reason why mwait is absent",
        )?;
        equal("points of halt", points(&end).len(), 1)
    }));
    trials.push(trial(parts, "ways::mwait_alone_that_is_not_there_is_refused_by_name", |parts| {
        let end = case(parts, 2, "experiment=matrix runs=1 ways=mwait")
            .with(|spec| spec.cpu = "max,-monitor".into())
            .boot();
        end.fails_with("MONITOR and MWAIT")
    }));
    trials.push(trial(parts, "ways::none_that_can_be_measured_is_refused_with_a_reason_for_each", |parts| {
        let without = |case: Case| case.in_instructions().with(|spec| spec.cpu = "max,-monitor".into());
        let end = without(case(parts, 2, "experiment=wait runs=1 ways=spin,mwait")).boot();
        end.fails_with("`spin` can not be measured: a CPU that spins without PAUSE")?;
        end.fails_with("it needs unit=time, which is a run without --deterministic; `mwait` can not be")?;
        end.fails_with("no MONITOR and MWAIT")
    }));
    trials.push(trial(parts, "ways::who_has_no_patience_halts_and_who_has_enough_never_does", |parts| {
        patience(parts, Timing::Instructions, TcgThread::Single)
    }));
    trials.push(trial(parts, "ways::each_halt_has_its_ipi_whatever_the_patience", |parts| {
        patience(parts, Timing::Host, TcgThread::Multi)
    }));
    trials.push(trial(parts, "ways::one_cpu_is_refused_with_what_is_needed", |parts| {
        case(parts, 1, "experiment=wait").boot().fails_with("--smp 2 or more")
    }));
    trials
}

fn in_time(case: Case) -> Case {
    case.with(|spec| spec.deadline = Duration::from_secs(120))
}

fn case(parts: &Parts, cpus: u32, words: &str) -> Case {
    Case::laboratory(parts).with(|spec| {
        spec.smp = cpus;
        spec.append = format!("{words} exchanges={EXCHANGES} warmup=10 offsets=none");
    })
}

fn boot(parts: &Parts, cpus: u32, how: impl Fn(Case) -> Case, words: &str) -> Result<End, Failed> {
    let end = how(case(parts, cpus, words)).boot();
    end.passes()?;
    Ok(end)
}

fn points(end: &End) -> Vec<Point<'_>> {
    let log = read_log(&end.0.log_text);
    let points = log.records.into_iter().filter_map(|record| match record {
        Record::Point(point) => Some(point),
        _ => None,
    });
    points.collect()
}

fn number(of: &[(std::borrow::Cow<'_, str>, u64)], name: &str) -> Result<u64, Failed> {
    let found = of.iter().find(|(known, _)| known == name);
    found.map(|(_, number)| *number).ok_or_else(|| format!("no `{name}` in {of:?}").into())
}

/// Every handoff once, no switch, and as many IPIs as the way needs.
fn exact(point: &Point<'_>) -> Verdict {
    let what = format!("{} at {:?}", point.series, point.at);
    let handoffs = point.handoffs;
    let ipis = match &*point.series {
        "halt" => handoffs,
        "spin-halt" => {
            let (halted, spun) = (number(&point.also, "halted")?, number(&point.also, "spun")?);
            equal(&format!("{what}: waits"), halted + spun, handoffs)?;
            halted
        }
        _ => 0,
    };
    let Counts { handoffs: counted, switches, ipis_sent, ipis_taken, halts: _ } = point.counts;
    equal(&what, (counted, switches, ipis_sent, ipis_taken), (handoffs, 0, ipis, ipis))
}

fn wait(end: &End, cpus: u32) -> Verdict {
    let points = points(end);
    let beside = if cpus > 2 { vec![0, u64::from(cpus) - 2] } else { vec![0] };
    // All ways but pure spinning, whose instructions do not repeat.
    equal("points", points.len(), 2 * 4 * beside.len())?;
    for point in &points {
        exact(point)?;
        equal("handoffs", point.handoffs, 2 * EXCHANGES)?;
        let bystanders = number(&point.at, "bystanders")?;
        end.is(beside.contains(&bystanders), format_args!("{beside:?} bystanders at {:?}", point.at))?;
        if bystanders > 0 {
            for name in ["bystander-loops", "bystander-loops-alone"] {
                end.is(number(&point.also, name)? > 0, format_args!("{name} at {:?}", point.at))?;
            }
        }
        if point.series == "mwait" {
            // TCG's MWAIT is a PAUSE.
            equal("true waits", number(&point.also, "true-wait")?, 0)?;
        }
    }
    Ok(())
}

fn matrix(end: &End, cpus: u32) -> Verdict {
    let points = points(end);
    let ordered = u64::from(cpus * (cpus - 1));
    equal("points: two ways, each ordered pair", points.len() as u64, 2 * ordered)?;
    let most = (200_000 / (ordered / 2)).min(EXCHANGES);
    let mut places = BTreeSet::new();
    for point in &points {
        exact(point)?;
        equal("handoffs", point.handoffs, most)?;
        let (from, to) = (number(&point.at, "from")?, number(&point.at, "to")?);
        end.is(from != to && places.insert((point.series.to_string(), from, to)), "each pair once")?;
    }
    let log = read_log(&end.0.log_text);
    let topology = log.records.iter().filter(|record| matches!(record, Record::Topology(_))).count();
    equal("CPUs whose place is told", topology as u32, cpus)
}

/// To less than an instruction a handoff: what the asking side does besides is in neither direction.
fn both_directions_alike(parts: &Parts) -> Verdict {
    for pair in ["0,1", "1,0"] {
        let words = format!("experiment=matrix runs=1 ways=halt pair={pair}");
        let end = boot(parts, 2, Case::in_instructions, &words)?;
        let points = points(&end);
        equal("points", points.len(), 2)?;
        let [there, back] = [&points[0], &points[1]];
        equal("handoffs", (there.handoffs, back.handoffs), (EXCHANGES, EXCHANGES))?;
        let what = format!(
            "pair {pair}: {} and {} instructions in {EXCHANGES} handoffs each way",
            there.ticks, back.ticks
        );
        judge_code(parts, there.ticks.abs_diff(back.ticks) < EXCHANGES, &what)?;
    }
    Ok(())
}

/// Each wait is counted once, as one that halted or as one that did not, and each that halted has its IPI, sent by
/// the other side.
fn patience(parts: &Parts, timing: Timing, tcg_thread: TcgThread) -> Verdict {
    let end = Case::new(parts, "patience")
        .with(|spec| {
            spec.smp = 2;
            spec.timing = timing;
            spec.tcg_thread = tcg_thread;
            spec.deadline = Duration::from_secs(120);
        })
        .boot();
    end.passes()?;
    let of = |name: &str| end.count(name);
    let (blocks, exchanges) = (of("blocks")?, of("exchanges")?);
    for block in 0..blocks {
        for cpu in 0..2 {
            let [mine, others] = [cpu, 1 - cpu].map(|cpu| move |name: &str| format!("{name}_{block}_{cpu}"));
            let (halted, spun) = (of(&mine("halted"))?, of(&mine("spun"))?);
            let what = format!("block {block}, CPU {cpu}");
            equal(&format!("{what}: waits"), halted + spun, exchanges)?;
            let counts = (of(&mine("handoffs"))?, of(&mine("switches"))?);
            equal(&format!("{what}: handoffs, switches"), counts, (exchanges, 0))?;
            let ipis = (of(&others("ipis_sent"))?, of(&mine("ipis_taken"))?);
            equal(&format!("{what}: IPIs sent to it, taken by it"), ipis, (halted, halted))?;
            // The wait that the block begins in may have counted its halt before.
            end.is(
                of(&mine("halts"))? + 1 >= halted,
                format_args!("{what}: a halt for each wait that halted"),
            )?;
            if block + 1 == blocks {
                equal(&format!("{what}, with patience without end: waits that halted"), halted, 0)?;
            }
            if block == 0 && timing == Timing::Instructions {
                // Nobody looks while the other runs, so nobody finds anything at the first look.
                equal(&format!("{what}, without patience: waits that halted"), halted, exchanges)?;
            }
        }
    }
    Ok(())
}
