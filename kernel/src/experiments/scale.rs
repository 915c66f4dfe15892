//! What a switch costs as tasks become more, and a handoff as CPUs do, and as pairs of them do it at once.
//!
//! - `switch-touch-0k`, `-1k`, `-16k`, by tasks: so many tasks of one CPU yield round their ring, and each reads
//!   so much memory of its own between two switches, as `lat_ctx` of lmbench does.
//! - `handoff`, by CPUs: a token around so many of them, over channels.
//! - `pairs`, by pairs: so many pairs of CPUs that ping-pong at once, over channels.
//!
//! All runs of the switches come first, then all of the token, then all of the pairs: each of the three has its
//! tasks and channels once, and a CPU has one line, which the token and the pairs both need.

pub mod pairs;
pub mod switches;

use alloc::{boxed::Box, format, vec::Vec};
use core::convert::identity;

use switchlab_core::{budget::affordable, order, params::Params, sizes::doubling};
use switchlab_records::{Counts, Point, Unit};

use super::{
    Experiment, Results,
    points::{self, Means},
    ring::Token,
};
use crate::{
    bring_up::{Lab, refuse},
    failure,
    measure::probe::Batch,
    mm::StackError,
    sched::{self, Cpu},
};
use pairs::{Pairs, Together};
use switches::{Fit, Members, Touch};

const NAME: &str = "scale";
const HANDOFF: &str = "handoff";
const PAIRS: &str = "pairs";

/// The most tasks, where nobody says.
const TASKS: u32 = 65_536;
/// The most pairs.
const MOST_PAIRS: u32 = 6;
/// How long a point is measured at most where nobody says: milliseconds, or millions of instructions.
const BUDGET: u64 = 1_000;

/// The experiment.
pub struct Scale;

/// What is measured: each part's places in the order in which they are told.
struct Places {
    switches: Vec<(u32, Touch)>,
    rings: Vec<u32>,
    pairs: Vec<u32>,
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Runs.
    pub runs: u32,
    /// Seed of the order of places; 0 for the one that alternates.
    pub seed: u64,
    /// What a tick is.
    pub unit: Unit,
    /// Exchanges before each block, rounded down to whole rounds.
    pub warm_up: u64,
    /// Exchanges of each block at most, likewise, and one round at least.
    pub exchanges: u64,
    /// Ticks that a block may take, by what its warm-up takes.
    pub budget_ticks: u64,
}

impl Experiment for Scale {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let most = parameters.tasks.unwrap_or(TASKS);
        let fit = Fit::of_this_machine(most);
        let counts: Vec<u32> = doubling(2, most).collect();
        let switches = counts.iter().flat_map(|&tasks| Touch::ALL.map(|touch| (tasks, touch)));
        let places = Places {
            switches: switches.filter(|&(tasks, touch)| fit.allows(touch, tasks)).collect(),
            rings: doubling(2, lab.cpus).collect(),
            pairs: (1..=MOST_PAIRS.min(lab.cpus / 2)).collect(),
        };
        let blocks = (places.switches.len() + places.rings.len() + places.pairs.len()) as u32;
        points::announce(NAME, parameters, parameters.exchanges, blocks * parameters.runs);
        tell_absent(&counts, &fit, lab.cpus);
        let size = Size {
            runs: parameters.runs,
            seed: parameters.seed,
            unit: parameters.unit,
            warm_up: parameters.warm_up,
            exchanges: parameters.exchanges,
            budget_ticks: points::budget_ticks(parameters, lab, BUDGET),
        };
        let cpus = points::cpus_from_pair(parameters);
        let means = sched::run_on(cpus[0], move || measure_all(&size, cpus, &fit, places));
        match means.and_then(identity) {
            Ok(means) => Box::new(means),
            Err(error) => refuse(format_args!("{NAME}: {error}")),
        }
    }
}

/// What this machine is too small for.
fn tell_absent(counts: &[u32], fit: &Fit, cpus: u32) {
    for &tasks in counts {
        for touch in Touch::ALL.into_iter().filter(|&touch| !fit.allows(touch, tasks)) {
            let at = points::named([("tasks", tasks.into())]);
            points::absent(touch.series(), at, fit.what_is_needed(touch, tasks));
        }
    }
    if cpus < 2 {
        points::absent(HANDOFF, Vec::new(), "one CPU: a handoff between CPUs needs two; --smp 2");
    }
    for pairs in cpus / 2 + 1..=MOST_PAIRS {
        let needed = 2 * pairs;
        let at = points::named([("pairs", pairs.into())]);
        let there = if cpus == 1 { "1 is".into() } else { format!("{cpus} are") };
        points::absent(
            PAIRS,
            at,
            format!("{pairs} at once need {needed} CPUs, {there} there; --smp {needed}"),
        );
    }
}

/// All points of all runs, on the first CPU.
fn measure_all(size: &Size, cpus: Vec<&'static Cpu>, fit: &Fit, places: Places) -> Result<Means, StackError> {
    let mut means = Means::new(size.unit);
    let Places { switches, rings, pairs } = places;
    let members = Members::start(cpus[0], fit)?;
    let before = 0;
    measure_part(&switches, size, before, &mut means, |place, (tasks, touch)| {
        members.measure(place, touch, tasks, size)
    });
    // What follows shares the first CPU's ring with nobody: the members are blocked from here on.
    let before = switches.len() as u32;
    if !rings.is_empty() {
        let token = Token::<Batch>::start(cpus.clone())?;
        measure_part(&rings, size, before, &mut means, |place, cpus| go_round(&token, place, cpus, size));
        token.stop();
    }
    let before = before + rings.len() as u32;
    if let Some(&most) = pairs.last() {
        let all = Pairs::<Batch>::start(&cpus[..2 * most as usize])?;
        measure_part(&pairs, size, before, &mut means, |place, pairs| at_once(&all, place, pairs, size));
        all.stop();
    }
    Ok(means)
}

/// Measures at places that share their tasks, all runs one behind the other; `before` others come before them in
/// each run.
fn measure_part<T: Copy>(
    places: &[T],
    size: &Size,
    before: u32,
    means: &mut Means,
    mut measure: impl FnMut((u32, u32), T) -> Point<'static>,
) {
    for run in 1..=size.runs {
        let mut places = places.to_vec();
        order::rearrange(&mut places, run, size.seed);
        for (&place, position) in places.iter().zip(before + 1..) {
            let point = measure((run, position), place);
            means.add(&point);
            points::judge(point);
        }
    }
}

fn go_round(token: &Token<Batch>, (run, position): (u32, u32), cpus: u32, size: &Size) -> Point<'static> {
    let hops = u64::from(cpus);
    let warm_up = points::rounds(size.warm_up, hops);
    let warmed = token.measure(cpus as usize, 0, warm_up, &mut Batch);
    let rounds = affordable(size.budget_ticks, warm_up, warmed.ticks, points::rounds(size.exchanges, hops));
    let measured = token.measure(cpus as usize, 0, rounds, &mut Batch);
    if let Some(wrong) = warmed.wrong.or(measured.wrong) {
        failure!("run {run}, {HANDOFF} around {cpus} CPUs: {wrong}");
    }
    let (counts, handoffs) = (measured.counts, hops * rounds);
    Point {
        run,
        position,
        series: HANDOFF.into(),
        at: points::named([("cpus", hops)]),
        handoffs,
        ticks: measured.ticks,
        counts,
        expected: across(handoffs, &counts),
        also: points::named([("warm-up-rounds", warm_up), ("rounds", rounds)]),
    }
}

fn at_once(all: &Pairs<Batch>, (run, position): (u32, u32), pairs: u32, size: &Size) -> Point<'static> {
    let number = u64::from(pairs);
    let warm_up = size.warm_up.div_ceil(number);
    let Together { ticks, overlap_ticks, exchanges, counts, wrong } = all.measure(pairs::Size {
        pairs: pairs as usize,
        warm_up,
        exchanges: (size.exchanges / number).max(1),
        budget_ticks: size.budget_ticks,
    });
    if let Some((pair, wrong)) = wrong {
        failure!("run {run}, pair {} of {pairs} at once: {wrong}", pair + 1);
    }
    let handoffs = 2 * exchanges.iter().sum::<u64>();
    let mut also = points::named([("warm-up-exchanges", warm_up), ("overlap-ticks", overlap_ticks)]);
    also.extend(exchanges.iter().zip(1..).map(|(count, pair)| (format!("exchanges-{pair}").into(), *count)));
    Point {
        run,
        position,
        series: PAIRS.into(),
        at: points::named([("pairs", number)]),
        handoffs,
        ticks,
        counts,
        expected: across(handoffs, &counts),
        also,
    }
}

/// What must be counted where who waits halts in place.
fn across(handoffs: u64, counted: &Counts) -> Counts {
    Counts { handoffs, switches: 0, ipis_sent: handoffs, ipis_taken: handoffs, halts: counted.halts }
}
