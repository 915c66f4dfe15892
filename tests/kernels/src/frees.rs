//! The instructions of a handoff between free tasks under each policy, counted as those of the other shapes are: in
//! blocks of N, 2N and 3N exchanges of the experiment `policy`, with one pair and with several.

use alloc::{boxed::Box, format};

use switchlab_core::policy::{Lifo, Policy, PolicyName, RoundRobin, Stealing};
use switchlab_kernel::{
    experiments::policy::pairs::{Counted, Crowd, Pairs},
    failure,
    measure::probe::Batch,
    sched::free::FreeCounts,
};
use switchlab_records::Counts;

use crate::{count, most_usual, shapes::EXCHANGES};

/// Exchanges of each pair before each block.
const WARM_UP: u64 = 100;

/// The pairs that there are, on any number of CPUs; and of them those that do something.
const PAIRS: u32 = 6;
const AT_WORK: [(&str, u32); 2] = [("one_pair", 1), ("four_pairs", 4)];
/// Which of several pairs is stolen, and how often a CPU looks for one in vain, is drawn anew in each block: so
/// other exchanges take other instructions.
const NO_FIGURE: (PolicyName, u32) = (PolicyName::Stealing, 4);

/// Counts all policies.
pub fn count_all() {
    of::<RoundRobin>("round_robin");
    of::<Lifo>("lifo");
    of::<Stealing>("stealing");
}

fn of<Y: Policy>(policy: &str) {
    let pairs = Pairs::<Y, Batch>::gather(PAIRS, 0);
    let pairs = Box::new(pairs.unwrap_or_else(|error| panic!("{policy}: {error}")));
    for (how_many, at_work) in AT_WORK {
        if (Y::NAME, at_work) == NO_FIGURE {
            continue;
        }
        let name = format!("policy_{policy}_{how_many}");
        let [one, two, three] =
            [1, 2, 3].map(|times| most_usual(&name, || block(&*pairs, &name, at_work, times * EXCHANGES)));
        let (first, second) = (two.wrapping_sub(one), three.wrapping_sub(two));
        if first != second {
            failure!("{name}: {EXCHANGES} exchanges take {first} ticks, and {EXCHANGES} others {second}");
        }
        count(&name, first);
    }
    pairs.dismiss();
}

/// Ticks of `exchanges`, which the pairs share.
fn block(pairs: &dyn Crowd, name: &str, at_work: u32, exchanges: u64) -> u64 {
    let of_each = exchanges / u64::from(at_work);
    pairs.exchange(at_work, 0, WARM_UP, format_args!("the warm-up"));
    let Counted { ticks, counts, free, wrong, .. } =
        pairs.exchange(at_work, WARM_UP, WARM_UP + of_each, format_args!("the block"));
    if let Some((pair, wrong)) = wrong {
        failure!("{name}: pair {pair}: {wrong}");
    }
    let (Counts { handoffs, ipis_sent, ipis_taken, .. }, FreeCounts { calls, .. }) = (counts, free);
    if (handoffs, ipis_sent, ipis_taken) != (2 * exchanges, calls, calls) {
        failure!("{name}: {counts:?} and {free:?} in {exchanges} exchanges");
    }
    ticks
}
