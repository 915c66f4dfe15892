//! Tasks that are bound to no CPU, in pairs, on all CPUs: what a handoff takes under each policy, and how
//! many of them leave their CPU. Series: the policies. Points: the number of pairs, 1, 2, 4 and so on, and
//! as many as there are CPUs, or as `tasks` allows.
//!
//! Each pair hands numbers to and fro, each side holding each number against the one that is due. A block
//! begins as the first task is put into a queue and ends as the last pair is through; the two readings of
//! the clock can be of two CPUs, whose offset is in the log.

pub mod pairs;

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::marker::PhantomData;

use switchlab_core::{
    budget::affordable,
    order,
    params::Params,
    policy::{Lifo, Policies, PolicyName, RoundRobin, Stealing},
    sizes::doubling,
};
use switchlab_records::{Clock, Counts, Point};

use super::{
    Experiment, Results,
    points::{self, Means},
    room::{FRAMES_OF_A_TASK, Room, memory_that, mib, whole_mib},
};
use crate::{
    bring_up::{Lab, refuse},
    failure, log,
    measure::{
        SETTLING,
        probe::{Batch, Probe},
    },
    mm::{StackError, StackSize},
    sched,
};
use pairs::{Counted, Crowd, Pairs};

const NAME: &str = "policy";

/// How long a point is measured at most where nobody says: milliseconds, or millions of instructions.
const BUDGET: u64 = 100;

/// The experiment. `H` looks on in the loops: [`Batch`], or what a test plants there.
pub struct PolicyContest<H = Batch>(PhantomData<fn() -> H>);

impl<H> PolicyContest<H> {
    /// The experiment.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H> Default for PolicyContest<H> {
    fn default() -> Self {
        Self::new()
    }
}

/// Where it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    policy: PolicyName,
    pairs: u32,
}

/// What is measured at each point.
#[derive(Clone, Copy, Debug)]
struct Size {
    warm_up: u64,
    exchanges: u64,
    budget_ticks: u64,
}

impl<H: Probe + Default> Experiment for PolicyContest<H> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let policies = parameters.policies.unwrap_or(Policies::ALL);
        // With one pair a policy has no choice but of the CPU: two at least.
        let most = parameters.tasks.map_or(lab.cpus.max(2), |tasks| tasks / 2);
        let places_of = |pairs| policies.iter().map(move |policy| Place { policy, pairs });
        // Each policy has its tasks from the first point to the last, so that each run measures all of them.
        let crowds = policies.iter().count() as u64;
        let fits = |room: Room, pairs| Need::of::<H>(crowds, pairs).fits(room);
        let here = Room::of_this_machine();
        let (fitting, absent): (Vec<_>, Vec<_>) = doubling(1, most).partition(|&pairs| fits(here, pairs));
        let why = |pairs| {
            let memory = memory_that(|room| fits(room, pairs));
            format!("{}; {memory}", Need::of::<H>(crowds, pairs).beside(here, crowds, 2 * pairs))
        };
        let Some(&most) = fitting.last() else {
            refuse(format_args!("nothing was measured: {}", why(1)));
        };
        let mut places: Vec<_> = fitting.iter().copied().flat_map(places_of).collect();
        let blocks = places.len() as u32 * parameters.runs;
        points::announce(NAME, parameters, parameters.exchanges, blocks);
        for Place { policy, pairs } in absent.into_iter().flat_map(places_of) {
            points::absent(policy.name(), points::named([("pairs", pairs.into())]), why(pairs));
        }
        let size = Size {
            warm_up: parameters.warm_up.min(parameters.exchanges / 10),
            exchanges: parameters.exchanges,
            budget_ticks: points::budget_ticks(parameters, lab, BUDGET),
        };
        let crowds = policies.iter().map(|policy| Ok((policy, gather::<H>(policy, most, parameters.seed)?)));
        let crowds: Result<Vec<_>, StackError> = crowds.collect();
        let crowds = crowds.unwrap_or_else(|error| refuse(format_args!("{NAME}: {error}")));
        let mut told = Told { means: Means::new(parameters.unit), crossings: Vec::new() };
        'runs: for run in 1..=parameters.runs {
            places.sort_unstable();
            order::rearrange(&mut places, run, parameters.seed);
            for (&place, position) in places.iter().zip(1..) {
                let crowd = crowds.iter().find(|(policy, _)| *policy == place.policy);
                let (_, crowd) = crowd.expect("each policy has its pairs");
                if !measure(run, position, place, size, &**crowd, &mut told) {
                    break 'runs;
                }
            }
        }
        crowds.into_iter().for_each(|(_, crowd)| crowd.dismiss());
        Box::new(told)
    }
}

/// What the pairs of some policies take, in bytes.
#[derive(Clone, Copy, Debug)]
struct Need {
    stacks: u64,
    heap: u64,
}

impl Need {
    /// Of so many policies with so many pairs each. All policies' tasks are alike.
    fn of<H: Probe + Default>(policies: u64, pairs: u32) -> Self {
        let workers = sched::cpus().len() as u64 * StackSize::Usual.bytes();
        Self {
            stacks: policies * (2 * u64::from(pairs) * FRAMES_OF_A_TASK + workers),
            heap: policies * Pairs::<RoundRobin, H>::heap_bytes(pairs),
        }
    }

    const fn fits(self, room: Room) -> bool {
        self.stacks <= room.frames && self.heap <= room.heap
    }

    /// Why they do not fit.
    fn beside(self, room: Room, policies: u64, tasks: u32) -> String {
        let each = if policies == 1 { "".into() } else { format!(" under each of {policies} policies") };
        format!(
            "the stacks of {tasks} tasks{each} are {}, of {} that are free, and what else they take of the heap {} of {}",
            mib(self.stacks),
            whole_mib(room.frames),
            mib(self.heap),
            whole_mib(room.heap)
        )
    }
}

fn gather<H: Probe + Default>(
    policy: PolicyName,
    pairs: u32,
    seed: u64,
) -> Result<Box<dyn Crowd>, StackError> {
    Ok(match policy {
        PolicyName::RoundRobin => Box::new(Pairs::<RoundRobin, H>::gather(pairs, seed)?),
        PolicyName::Lifo => Box::new(Pairs::<Lifo, H>::gather(pairs, seed)?),
        PolicyName::Stealing => Box::new(Pairs::<Stealing, H>::gather(pairs, seed)?),
    })
}

/// Measures one block and reports it, with what is wrong with it; returns whether the pairs can go on.
///
/// The warm-up says how many exchanges the budget allows.
fn measure(run: u32, position: u32, place: Place, size: Size, crowd: &dyn Crowd, told: &mut Told) -> bool {
    let pairs = u64::from(place.pairs);
    let warm_up = size.warm_up.max(SETTLING).div_ceil(pairs);
    let mut counted = crowd.exchange(place.pairs, 0, warm_up, format_args!("the warm-up of {pairs} pairs"));
    let exchanges = affordable(size.budget_ticks, warm_up, counted.ticks, size.exchanges / pairs);
    if counted.wrong.is_none() {
        let block =
            format_args!("the timed block of {pairs} times {exchanges} exchanges whose record is next");
        counted = crowd.exchange(place.pairs, warm_up, warm_up + exchanges, block);
    }
    let point = point(run, position, place, exchanges, &counted);
    told.add(place, &point, counted.free.crossings);
    points::judge(point);
    if let Some((pair, wrong)) = counted.wrong {
        failure!("run {run}, {}, pair {pair} of {pairs}: {wrong}", place.policy.name());
    }
    counted.wrong.is_none()
}

fn point(run: u32, position: u32, place: Place, exchanges: u64, counted: &Counted) -> Point<'static> {
    let Counted { ticks, counts, free, queue_locks, .. } = *counted;
    Point {
        run,
        position,
        series: place.policy.name().into(),
        at: points::named([("pairs", place.pairs.into())]),
        handoffs: 2 * exchanges * u64::from(place.pairs),
        ticks,
        counts,
        // An IPI for each wake-up of an idle CPU, and no other: they are counted apart from each other.
        // How often it switches is the policy's business, and chance's.
        expected: Counts {
            handoffs: 2 * exchanges * u64::from(place.pairs),
            switches: counts.switches,
            ipis_sent: free.calls,
            ipis_taken: free.calls,
            halts: counts.halts,
        },
        also: points::named([
            ("crossings", free.crossings),
            ("steals", free.steals),
            ("idle-wake-ups", free.calls),
            ("queue-locks", queue_locks),
        ]),
    }
}

/// What there is to tell a person.
struct Told {
    means: Means,
    crossings: Vec<(Place, u64, u64)>,
}

impl Told {
    fn add(&mut self, place: Place, point: &Point<'_>, crossings: u64) {
        self.means.add(point);
        let known = self.crossings.iter().position(|(known, ..)| *known == place);
        let at = known.unwrap_or_else(|| {
            self.crossings.push((place, 0, 0));
            self.crossings.len() - 1
        });
        self.crossings[at].1 += crossings;
        self.crossings[at].2 += point.handoffs;
    }
}

impl Results for Told {
    fn print(&self, clock: &Clock) {
        self.means.print(clock);
        log!("");
        for (place, crossings, handoffs) in &self.crossings {
            let hundredths = u128::from(*crossings) * 10_000 / u128::from((*handoffs).max(1));
            log!(
                "{}, pairs {}: {}.{:02} % of the handoffs went to another CPU",
                place.policy.name(),
                place.pairs,
                hundredths / 100,
                hundredths % 100
            );
        }
    }
}
