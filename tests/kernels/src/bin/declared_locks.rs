//! Free tasks, whose queues have locks, under watches that declare them and under one that does not; and a
//! declaration that nothing comes of. The last two must fail; the counts are for the host to judge.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::{boxed::Box, vec::Vec};

use case::count;
use switchlab_core::policy::RoundRobin;
use switchlab_kernel::{
    bring_up::Lab,
    lock::Lock,
    measure::watch::{MeasuredLocks, Watch},
    mm::StackSize,
    sched::free::{Body, Crew},
};

case::case!("declared_locks", declared_locks);

/// Free tasks that only rest, so that each is put into a queue and taken out of one.
const TASKS: usize = 5;

static LOCK: Lock<u64> = Lock::new(0);

fn declared_locks(_: &Lab) {
    let bodies: Vec<Body<RoundRobin>> =
        (0..TASKS).map(|_| -> Body<RoundRobin> { Box::new(|_| {}) }).collect();
    let crew = Crew::gather(bodies, StackSize::Usual, 0).unwrap_or_else(|error| panic!("{error}"));
    // Begin once, and give back what they were made of.
    crew.run(TASKS);

    let declaring = || Watch::begin().declaring(MeasuredLocks::OfQueues);
    let watch = declaring();
    crew.run(TASKS);
    count("declared", watch.end(format_args!("declared")));

    let watch = Watch::begin();
    crew.run(TASKS);
    count("not-declared", watch.end(format_args!("not declared")));

    count("nothing", declaring().end(format_args!("nothing behind it")));

    let watch = declaring();
    crew.run(TASKS);
    *LOCK.lock() += 1;
    count("another", watch.end(format_args!("another lock")));
    crew.dismiss();
}
