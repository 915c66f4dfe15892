//! How many exchanges, in which blocks, and what they took. Every peer goes through here, so that all of
//! them warm up, number, count and divide alike.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What part of a block comes before it, untimed.
const WARM_UP_PART: u64 = 10;

/// Turns of a loop that is written out so many times; the warm-up is of whole ones, and timed blocks should be.
///
/// Two sides whose loops are written out stay in step then, so that a switch of the one always leads to the same place
/// in the other, as where neither is. Out of step, each jump leads to another place than before, and the
/// shortest switches cost twice as much from then on: likely a predictor's slower way for jumps with more than one target.
pub const STEP: u64 = 8;

/// A number of exchanges, some times over. One exchange is a ping and a pong: two switches.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    exchanges: u64,
    repeats: u64,
}

/// Why a peer has no times.
#[derive(Debug, Error)]
pub enum Failure {
    /// A side saw another number than the one that was due.
    #[error("lost its place: {wrong} of {of} exchanges carried a wrong number")]
    Wrong {
        /// How many.
        wrong: u64,
        /// Of how many.
        of: u64,
    },
    /// The sides did not count alike.
    #[error("lost exchanges: {ping} pings and {pong} pongs, where {due} of each were due")]
    Counts {
        /// As the one side counted.
        ping: u64,
        /// As the other did.
        pong: u64,
        /// As planned.
        due: u64,
    },
    /// The machine lacks something.
    #[error("{why}")]
    Unavailable {
        /// What.
        why: &'static str,
    },
    /// A side told why.
    #[error("{why}")]
    Told {
        /// In its words.
        why: String,
    },
    /// The system refused something.
    #[error("{what}: {why}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        why: std::io::Error,
    },
}

impl Plan {
    /// Of the command line's words; `None` where they are no numbers from 1.
    pub fn new(exchanges: &str, repeats: &str) -> Option<Self> {
        let number = |word: &str| word.parse().ok().filter(|number| (1..=1 << 40).contains(number));
        Some(Self { exchanges: number(exchanges)?, repeats: number(repeats)? })
    }

    /// Of numbers that are known to be from 1.
    pub const fn of(exchanges: u64, repeats: u64) -> Self {
        Self { exchanges, repeats }
    }

    /// Exchanges of one timed block.
    pub fn exchanges(self) -> u64 {
        self.exchanges
    }

    /// The numbers of the exchanges, block by block, the first of which is the warm-up.
    pub fn blocks(self) -> impl Iterator<Item = Range<u64>> {
        let timed = (0..self.repeats).map(move |repeat| {
            let first = self.warm_up() + repeat * self.exchanges;
            first..first + self.exchanges
        });
        std::iter::once(0..self.warm_up()).chain(timed)
    }

    /// All exchanges, warm-up included: what each side counts at the end.
    pub fn total(self) -> u64 {
        self.warm_up() + self.repeats * self.exchanges
    }

    fn warm_up(self) -> u64 {
        self.exchanges.div_ceil(WARM_UP_PART).next_multiple_of(STEP)
    }

    /// Whether both sides counted what was planned, and saw no wrong number.
    pub fn check(self, ping: u64, pong: u64, wrong: u64) -> Result<(), Failure> {
        let due = self.total();
        if wrong > 0 {
            return Err(Failure::Wrong { wrong, of: due });
        }
        if ping != due || pong != due {
            return Err(Failure::Counts { ping, pong, due });
        }
        Ok(())
    }
}

/// What the blocks took.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Times {
    blocks: Vec<(u64, Duration)>,
}

impl Times {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a block, the warm-up too.
    pub fn push(&mut self, block: &Range<u64>, took: Duration) {
        self.blocks.push((block.end - block.start, took));
    }

    /// The time of one switch, half an exchange, for each block but the warm-up.
    pub fn one_way_ns(&self) -> Vec<f64> {
        let timed = self.blocks.iter().skip(1);
        timed.map(|(exchanges, took)| took.as_nanos() as f64 / (2 * exchanges) as f64).collect()
    }
}
