//! Free tasks, whose queues have locks, under watches that declare them and under one that does not; and a
//! declaration that nothing comes of. The last two must fail; the counts are for the host to judge.

use alloc::{boxed::Box, vec::Vec};

use case::count;
use switchlab_core::policy::RoundRobin;
use switchlab_kernel::{
    bring_up::Lab,
    lock::Lock,
    measure::{probe::Batch, time, watch::MeasuredLocks},
    mm::StackSize,
    sched::free::{Body, Crew},
};

/// Free tasks that only rest, so that each is put into a queue and taken out of one.
const TASKS: usize = 5;

static LOCK: Lock<u64> = Lock::new(0);

pub fn declared_locks(_: &Lab) {
    let bodies: Vec<Body<RoundRobin>> =
        (0..TASKS).map(|_| -> Body<RoundRobin> { Box::new(|_| {}) }).collect();
    let crew = Crew::gather(bodies, StackSize::Usual, 0).unwrap_or_else(|error| panic!("{error}"));
    // Begin once, and give back what they were made of.
    crew.run(TASKS);

    let taken = |locks, what: &'static str, block: &dyn Fn()| {
        time(locks, format_args!("{what}"), &mut Batch, |_, _| block()).locks_taken
    };
    count("declared", taken(MeasuredLocks::OfQueues, "declared", &|| crew.run(TASKS)));
    count("not-declared", taken(MeasuredLocks::None, "not declared", &|| crew.run(TASKS)));
    count("nothing", taken(MeasuredLocks::OfQueues, "nothing behind it", &|| {}));
    let another = || {
        crew.run(TASKS);
        *LOCK.lock() += 1;
    };
    count("another", taken(MeasuredLocks::OfQueues, "another lock", &another));
    crew.dismiss();
}
