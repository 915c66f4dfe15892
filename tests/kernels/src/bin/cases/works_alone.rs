//! CPU 0 works for five seconds while the others have nothing to do, for the host to see what they cost
//! it.

use core::{hint::black_box, time::Duration};

use case::count;
use switchlab_kernel::{arch::clock::Stopwatch, bring_up::Lab};

const WORK: Duration = Duration::from_secs(5);

pub fn works_alone(_: &Lab) {
    let mut stopwatch = Stopwatch::start();
    let mut rounds = 0;
    while stopwatch.elapsed() < WORK {
        (0..100_000).for_each(|n| {
            black_box(n);
        });
        rounds += 1;
    }
    count("rounds", rounds);
}
