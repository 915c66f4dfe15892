//! Whatever reads bytes from outside, fed with inputs that are drawn.
//!
//! An input is a good one with a few edits: bits flipped, bytes set, put in, taken out, moved, or taken from another good one.
//! Where a checksum would refuse nearly all of them, half get the right one, so that what is behind it is reached, too. Each is
//! refused or taken: a panic fails, and so does what is taken but does not hold. proptest draws them and makes what fails
//! as small as it can.
//!
//! | file | what it owns |
//! |---|---|
//! | `edit` | edits of bytes |
//! | `hang` | what a guest that hangs is asked by |
//! | `targets` | what is fed, with what, and what must hold |
#![forbid(unsafe_code)]

mod edit;
mod hang;
pub mod targets;

use std::fmt::Debug;
use std::panic;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use edit::{Edit, edits};
pub use targets::{TARGETS, Target};

/// What became of the inputs of a target.
#[derive(Debug)]
pub struct Fed {
    /// Inputs.
    pub inputs: u64,
    /// How many of them were taken, rather than refused.
    pub taken: u64,
}

/// An input that must not do what it does.
#[derive(Debug)]
pub struct Failed {
    /// The least input that was found.
    pub input: Vec<u8>,
    /// What it does.
    pub why: String,
}

/// Feeds a target with so many inputs, the same ones for the same seed.
///
/// # Errors
///
/// The first input that makes it panic, or take what does not hold.
pub fn feed(target: &Target, inputs: u64, seed: u64) -> Result<Fed, Failed> {
    let good = (target.good)();
    let mut fed = Fed { inputs: 0, taken: 0 };
    // In parts, since the engine counts in 32 bits.
    let mut part = 0;
    while fed.inputs < inputs {
        let cases = (inputs - fed.inputs).min(1 << 24) as u32;
        feed_part(target, &good, cases, [seed, part], &mut fed.taken)?;
        fed.inputs += u64::from(cases);
        part += 1;
    }
    Ok(fed)
}

fn feed_part(
    target: &Target,
    good: &[Vec<u8>],
    cases: u32,
    seeds: [u64; 2],
    taken: &mut u64,
) -> Result<(), Failed> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut seed = [0; 32];
    for (place, word) in seed.chunks_exact_mut(8).zip(seeds) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let count = std::cell::Cell::new(0);
    let drawn = (0..good.len(), edits(), any::<bool>());
    let make = |of: usize, edits: &[Edit], mends: bool| {
        let mut input = good[of].clone();
        edits.iter().for_each(|edit| edit.make(&mut input, good));
        if let (true, Some(mend)) = (mends, target.mend) {
            mend(&mut input);
        }
        input
    };
    let ran = runner.run(&drawn, |(of, edits, mends)| {
        let took = (target.feed)(&make(of, &edits, mends)).map_err(TestCaseError::fail)?;
        count.set(count.get() + u64::from(took));
        Ok(())
    });
    *taken += count.get();
    ran.map_err(|error| match error {
        TestError::Fail(why, (of, edits, mends)) => {
            Failed { input: make(of, &edits, mends), why: why.to_string() }
        }
        TestError::Abort(why) => Failed { input: Vec::new(), why: why.to_string() },
    })
}

/// Runs `work` without a word of those panics that are looked for.
pub fn quietly<T>(work: impl FnOnce() -> T) -> T {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = work();
    panic::set_hook(loud);
    result
}
