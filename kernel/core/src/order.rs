//! The order of the blocks in a run. It changes from run to run, so that what drifts in a boot does
//! not favour one mode. The experiment asks; xtask learns it from the records.

use switchlab_records::{Mode, Pass, Subject};

use crate::random::SplitMix64;

/// What one timed block is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockKind {
    /// A handoff, or the loop without one.
    pub subject: Subject,
    /// How the clock is read.
    pub pass: Pass,
    /// How control is handed over.
    pub mode: Mode,
}

/// What a job's runs are made of.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Modes that this machine does not allow.
    pub skipped: &'a [Mode],
    /// How the clock is read: batch, then sampled where there is such a pass.
    pub passes: &'a [Pass],
    /// 0 for the order that alternates from run to run; else the modes of each run are shuffled.
    pub seed: u64,
}

impl Order<'_> {
    /// The blocks of run `run`, counted from 1: the handoffs of each pass, then the null loops.
    ///
    /// ```
    /// use switchlab_core::order::Order;
    /// use switchlab_records::{Mode::{CrossCore, Free, SameCore, Switch}, Pass::{Batch, Sampled}};
    ///
    /// let order = Order { skipped: &[], passes: &[Batch, Sampled], seed: 0 };
    /// let handoffs: Vec<_> = order.blocks(2).take(4).map(|block| block.mode).collect();
    /// assert_eq!(handoffs, [CrossCore, SameCore, Switch, Free]);
    /// assert_eq!(order.blocks(2).count(), 16);
    /// ```
    pub fn blocks(&self, run: u32) -> impl Iterator<Item = BlockKind> + Clone {
        let modes = self.modes(run);
        let passes = self.passes;
        [Subject::Handoff, Subject::Null].into_iter().flat_map(move |subject| {
            let modes = modes.clone();
            passes
                .iter()
                .flat_map(move |&pass| modes.clone().map(move |mode| BlockKind { subject, pass, mode }))
        })
    }

    /// The modes of run `run`.
    ///
    /// Without a seed, odd runs go same-core, cross-core, switch, free; even runs cross-core, same-core,
    /// switch, free. What lets tasks go to every CPU comes behind what wants its CPUs to itself.
    fn modes(&self, run: u32) -> impl Iterator<Item = Mode> + Clone {
        let mut order = Mode::ALL;
        match self.seed {
            0 if run.is_multiple_of(2) => order.swap(0, 1),
            0 => {}
            seed => shuffle(&mut order, SplitMix64::new(seed ^ u64::from(run))),
        }
        let skipped = self.skipped;
        order.into_iter().filter(move |mode| !skipped.contains(mode))
    }
}

/// Puts the points of an experiment into the order of run `run`, counted from 1: as they are in odd runs,
/// backwards in even ones; with a `seed` that is not 0, shuffled anew in each run.
pub fn rearrange<T>(points: &mut [T], run: u32, seed: u64) {
    match seed {
        0 if run.is_multiple_of(2) => points.reverse(),
        0 => {}
        seed => shuffle(points, SplitMix64::new(seed ^ u64::from(run))),
    }
}

/// Fisher and Yates. The bias of the remainder is below 2^-58 with 64 items, and less with fewer.
fn shuffle<T>(items: &mut [T], mut random: SplitMix64) {
    for last in (1..items.len()).rev() {
        let other = random.draw() % (last as u64 + 1);
        items.swap(last, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mode::{CrossCore, Free, SameCore, Switch};
    use std::vec::Vec;

    fn modes(run: u32, skipped: &[Mode], seed: u64) -> Vec<Mode> {
        Order { skipped, passes: &[Pass::Batch], seed }.modes(run).collect()
    }

    #[test]
    fn order_alternates_from_run_to_run() {
        for run in [1, 3, 5, 999] {
            assert_eq!(modes(run, &[], 0), [SameCore, CrossCore, Switch, Free]);
            assert_eq!(modes(run + 1, &[], 0), [CrossCore, SameCore, Switch, Free]);
        }
    }

    #[test]
    fn one_cpu_leaves_the_cross_core_mode_out() {
        for run in [1, 2] {
            assert_eq!(modes(run, &[CrossCore], 0), [SameCore, Switch, Free]);
        }
    }

    #[test]
    fn seed_gives_each_order_about_equally_often() {
        let mut counts = std::collections::BTreeMap::new();
        for seed in 1..=24_000 {
            let order = modes(1, &[], seed);
            assert_eq!(order, modes(1, &[], seed), "the same seed gives the same order");
            *counts.entry(order).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[test]
    fn seeded_order_changes_from_run_to_run() {
        let orders: std::collections::BTreeSet<_> = (1..=500).map(|run| modes(run, &[], 7)).collect();
        assert_eq!(orders.len(), 24);
    }

    #[test]
    fn points_go_backwards_in_even_runs_and_are_shuffled_by_a_seed() {
        let points = |run, seed| {
            let mut points = [1, 2, 3, 4, 5];
            rearrange(&mut points, run, seed);
            points
        };
        assert_eq!(
            (points(1, 0), points(2, 0), points(3, 0)),
            ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], points(1, 0))
        );
        assert_eq!(points(1, 7), points(1, 7));
        let orders: std::collections::BTreeSet<_> = (1..=50).map(|run| points(run, 7)).collect();
        assert!(orders.len() > 25, "{orders:?}");
        let mut sorted = points(1, 7);
        sorted.sort();
        assert_eq!(sorted, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn handoffs_come_before_null_loops_and_batch_before_sampled() {
        let order = Order { skipped: &[CrossCore], passes: &[Pass::Batch, Pass::Sampled], seed: 0 };
        let blocks: Vec<_> = order.blocks(1).map(|block| (block.subject, block.pass, block.mode)).collect();
        let (handoff, null) = (Subject::Handoff, Subject::Null);
        let (batch, sampled) = (Pass::Batch, Pass::Sampled);
        let due = [
            (handoff, batch, SameCore),
            (handoff, batch, Switch),
            (handoff, batch, Free),
            (handoff, sampled, SameCore),
            (handoff, sampled, Switch),
            (handoff, sampled, Free),
            (null, batch, SameCore),
            (null, batch, Switch),
            (null, batch, Free),
            (null, sampled, SameCore),
            (null, sampled, Switch),
            (null, sampled, Free),
        ];
        assert_eq!(blocks, due);
    }
}
