//! All peers interleaved, round by round: each round starts every peer once, in an order of its own, so that
//! what the host does meanwhile meets all of them, and a ratio is one of neighbours in time.

use std::time::Duration;

use switchlab_core::random::SplitMix64;

use super::program::{About, Answer, Program};
use super::row::{Crossed, Measured, Missing, Outcome, Place, Row, Switched};
use crate::analysis::Summary;

/// Timed blocks of one start of a peer, whose median is the round's value: a block that was interrupted is
/// no neighbour of the others.
const REPEATS: u32 = 3;
/// Exchanges of a peer's first start, which finds how many more there can be.
const FIRST: u64 = 13 * STEP;
/// What the bare switches' loops are written out by: of whole ones a timed block is made where nobody asked for another
/// number, so that both sides stay in step (`STEP` of tests/peers/src/plan.rs).
const STEP: u64 = 8;
/// How often that is looked at again with more of them.
const STEPS: u32 = 3;

/// A peer that is to be measured.
#[derive(Clone, Debug)]
pub struct Job {
    /// What holds it.
    pub program: Program,
    /// What it is.
    pub about: About,
}

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds.
    pub rounds: u32,
    /// What the order is drawn from.
    pub seed: u64,
    /// How long a timed block should take, or how many exchanges it has.
    pub block: Block,
}

/// How long a timed block is.
#[derive(Clone, Copy, Debug)]
pub enum Block {
    /// As many exchanges as fit into about this.
    Lasting(Duration),
    /// So many exchanges for every peer.
    Exchanges(u64),
}

/// Hears of each start of a peer: its title, how many starts there were, and how many there will be.
pub type Hears<'a> = &'a mut dyn FnMut(&str, u32, u32);

/// Measures all of `jobs`: a row for each, in their order.
///
/// # Errors
///
/// Status 130 after Ctrl-C; a program that cannot be started.
pub fn measure(jobs: &[Job], effort: Effort, hears: Hears<'_>) -> anyhow::Result<Vec<Row>> {
    let starts = (effort.rounds + 1) * jobs.len() as u32;
    let mut done = 0;
    let mut states = Vec::new();
    for job in jobs {
        hears(&job.about.title, done, starts);
        let sized = sized(job, effort.block)?;
        let mut state = State::new(sized);
        if state.sized.is_ok() {
            state.instructions = Some(job.program.step(&job.about.id)?);
        }
        states.push(state);
        done += 1;
    }
    let mut random = SplitMix64::new(effort.seed);
    for _ in 0..effort.rounds {
        for index in shuffled(jobs.len(), &mut random) {
            hears(&jobs[index].about.title, done, starts);
            states[index].go_on(&jobs[index])?;
            done += 1;
        }
    }
    Ok(jobs.iter().zip(states).map(|(job, state)| state.row(&job.about)).collect())
}

/// What is known of a peer so far.
struct State {
    /// Exchanges of a block; or why there will be none.
    sized: Result<u64, String>,
    one_way_ns: Vec<f64>,
    switched: Option<Switched>,
    crossed: Option<Crossed>,
    /// Of one switch, or why they were not counted.
    instructions: Option<Result<f64, String>>,
}

impl State {
    const fn new(sized: Result<u64, String>) -> Self {
        Self { sized, one_way_ns: Vec::new(), switched: None, crossed: None, instructions: None }
    }

    fn go_on(&mut self, job: &Job) -> anyhow::Result<()> {
        let Ok(exchanges) = self.sized else { return Ok(()) };
        let answer = job.program.run(&job.about.id, exchanges, REPEATS)?;
        match answer.and_then(|answer| Ok((median(&answer)?, answer))) {
            Ok((value, answer)) => {
                self.one_way_ns.push(value);
                self.switched = both(self.switched, answer.switched, Switched::and);
                self.crossed = both(self.crossed, answer.crossed, Crossed::and);
            }
            // One that fails once has no figure at all.
            Err(reason) => self.sized = Err(reason),
        }
        Ok(())
    }

    fn row(self, about: &About) -> Row {
        let outcome = match self.sized {
            Ok(exchanges) => {
                let Self { one_way_ns, switched, crossed, instructions, .. } = self;
                let (instructions, uncounted) = match instructions {
                    None => (None, None),
                    Some(Ok(count)) => (Some(count), None),
                    Some(Err(why)) => (None, Some(why)),
                };
                Outcome::Measured(Measured {
                    exchanges,
                    one_way_ns,
                    switched,
                    crossed,
                    instructions,
                    uncounted,
                })
            }
            Err(reason) => Outcome::Missing(Missing { reason, to_do: String::new() }),
        };
        let About { id, title, base, version, level } = about.clone();
        Row { id, title, place: Place::Native, base, also: Vec::new(), version, level, outcome }
    }
}

/// Exchanges of a timed block, or why the peer does not work.
fn sized(job: &Job, block: Block) -> anyhow::Result<Result<u64, String>> {
    let lasting = match block {
        Block::Exchanges(exchanges) => return Ok(Ok(exchanges.next_multiple_of(STEP))),
        Block::Lasting(lasting) => lasting,
    };
    let mut exchanges = FIRST;
    for step in 1..=STEPS {
        match job.program.run(&job.about.id, exchanges, 1)?.and_then(|answer| median(&answer)) {
            Ok(one_way_ns) => exchanges = fitting(lasting, one_way_ns, STEPS - step),
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(exchanges))
}

/// How many exchanges fit into `lasting`; into a tenth of it for each step that is still to come, since what
/// few exchanges tell is not to be trusted. A multiple of [`STEP`].
fn fitting(lasting: Duration, one_way_ns: f64, steps_to_come: u32) -> u64 {
    let fit = lasting.as_nanos() as f64 / (2.0 * one_way_ns.max(0.01)) / 10_f64.powi(steps_to_come as i32);
    (fit as u64).max(FIRST) / STEP * STEP
}

/// The median of the repeats of one start, or why there is none.
fn median(answer: &Answer) -> Result<f64, String> {
    Summary::of(&answer.one_way_ns).map(|summary| summary.median).map_err(|why| why.to_string())
}

/// What was counted so far and in this start.
fn both<T: Copy>(so_far: Option<T>, now: Option<T>, and: fn(T, T) -> T) -> Option<T> {
    match (so_far, now) {
        (Some(so_far), Some(now)) => Some(and(so_far, now)),
        (so_far, now) => so_far.or(now),
    }
}

/// The numbers below `count` in an order that `random` draws (Fisher and Yates).
fn shuffled(count: usize, random: &mut SplitMix64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, (random.draw() % (last as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_orders_of_their_own_and_a_seed_repeats_them() {
        let orders = |seed| {
            let mut random = SplitMix64::new(seed);
            [(); 3].map(|()| shuffled(8, &mut random))
        };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
        assert_ne!(orders(7)[0], orders(7)[1]);
        for mut order in orders(7) {
            order.sort_unstable();
            assert_eq!(order, (0..8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn steps_are_those_of_the_loops() {
        let plan = include_str!("../../../tests/peers/src/plan.rs");
        assert!(plan.contains(&format!("pub const STEP: u64 = {STEP};")));
        let go = include_str!("../../../tests/peers/go/main.go");
        assert!(go.contains(&format!("{}) / {STEP} * {STEP} // as Plan::warm_up", STEP - 1)));
    }

    #[test]
    fn exchanges_fit_into_the_block() {
        let block = Duration::from_millis(40);
        assert_eq!(fitting(block, 2.0, 0), 10_000_000);
        assert_eq!(fitting(block, 2.0, 2), 100_000);
        assert_eq!(fitting(block, 1e9, 0), FIRST);
        assert_eq!(fitting(block, 7.0, 0), 2_857_136, "of 2,857,142");
    }
}
