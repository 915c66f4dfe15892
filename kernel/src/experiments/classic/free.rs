//! The same exchanges between two tasks that are bound to no CPU, over channels: all CPUs may run them, and a CPU
//! with nothing to do looks for work (policy `stealing`). Nobody says where they run; how often they were on two
//! CPUs is counted.
//!
//! They begin once, on CPU 0, and rest between the blocks, as the workers of the other CPUs do.

use alloc::{boxed::Box, sync::Arc};
use core::cell::Cell;

use switchlab_core::policy::Stealing;

use crate::{
    lock::Lock,
    measure::{
        Measured, NO_NUMBER, Noted, SETTLING, Wrong, counted_on,
        exchange::{self, Ends},
        measure_block_with,
        probe::Probe,
        watch::MeasuredLocks,
    },
    mm::{StackError, StackSize},
    sched::{
        self,
        free::{Body, Crew, FreeChannel, FreeCounts, FreeReceiver, FreeSender, Me},
    },
};

/// What a block gave.
#[derive(Clone, Copy, Debug)]
pub struct Freely {
    /// As of every mode; what all CPUs counted.
    pub measured: Measured,
    /// What the pool counted besides.
    pub free: FreeCounts,
}

/// The two tasks, and the workers that run them.
pub struct Pair {
    crew: Crew<Stealing>,
    shared: &'static Shared,
}

/// What the first task does in a block, and the second.
type Job = Box<dyn FnOnce(&mut Side<'_>) + Send>;

/// What both tasks see. Lives for ever, as channels do.
#[derive(Default)]
struct Shared {
    there: FreeChannel,
    back: FreeChannel,
    /// What each does next. Changed while both rest.
    jobs: [Lock<Option<Job>>; 2],
    /// What the second task found instead of what was due.
    wrong: Noted,
}

/// A task, with its two ends.
struct Side<'a> {
    me: &'a Me<Stealing>,
    shared: &'static Shared,
    ends: Ends<FreeSender<Stealing>, FreeReceiver<Stealing>>,
}

impl Pair {
    /// Two tasks, which rest. By a task on CPU 0. `seed` is of the orders in which CPUs look into each other's
    /// queues.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them, or for a worker.
    pub fn gather(seed: u64) -> Result<Self, StackError> {
        let shared: &'static Shared = Box::leak(Box::default());
        let [asks, answers] = &shared.jobs;
        let asking: Body<Stealing> = Box::new(move |me| {
            let ends = Ends { to: shared.there.sender(me), from: shared.back.receiver(me) };
            Side { me, shared, ends }.serve(asks);
        });
        let answering: Body<Stealing> = Box::new(move |me| {
            let ends = Ends { to: shared.back.sender(me), from: shared.there.receiver(me) };
            Side { me, shared, ends }.serve(answers);
        });
        Ok(Self { crew: Crew::gather([asking, answering].into(), StackSize::Usual, seed)?, shared })
    }

    /// Measures `exchanges` between the two, while `probe` looks on. By who gathered them.
    ///
    /// # Panics
    ///
    /// If the first task leaves no result, which it can not.
    pub fn measure<P: Probe>(&self, warm_up: u64, exchanges: u64, probe: P) -> (Freely, P) {
        let result = Arc::new(Lock::new(None));
        let [asks, answers] = &self.shared.jobs;
        let left = Arc::clone(&result);
        *asks.lock() = Some(Box::new(move |side: &mut Side<'_>| {
            let mut probe = probe;
            let freely = side.ask(warm_up, exchanges, &mut probe);
            *left.lock() = Some((freely, probe));
        }));
        *answers.lock() = Some(Box::new(|side: &mut Side<'_>| side.answer::<P>()));
        self.crew.run(2);
        let measured = result.lock().take();
        measured.expect("the asking task leaves its result")
    }

    /// Lets tasks and workers go.
    pub fn dismiss(self) {
        self.crew.dismiss();
    }
}

impl Side<'_> {
    fn serve(&mut self, job: &Lock<Option<Job>>) {
        loop {
            let next = job.lock().take();
            if let Some(job) = next {
                job(self);
            }
            self.me.rest();
        }
    }

    /// The first task: asks, and measures.
    ///
    /// The counters are read while the second task waits and no other CPU has anything to do, so they stand still.
    fn ask<P: Probe>(&mut self, warm_up: u64, exchanges: u64, probe: &mut P) -> Freely {
        // Of the last two readings: what the pool had counted.
        let pool = Cell::new([FreeCounts::default(); 2]);
        let me = self.me;
        let counts = |_: &Ends<_, _>| {
            me.settle();
            pool.set([pool.get()[1], me.counts()]);
            counted_on(sched::cpus())
        };
        let (mut measured, _) = measure_block_with(
            MeasuredLocks::OfQueues,
            &mut self.ends,
            counts,
            exchange::hand_over,
            warm_up + SETTLING,
            exchanges,
            probe,
        );
        if measured.wrong.is_none_or(|wrong| wrong.found != NO_NUMBER) {
            self.ends.to.send(NO_NUMBER);
        }
        measured.wrong = self.shared.wrong.or(measured.wrong);
        let [before, after] = pool.get();
        Freely { measured, free: after.since(before) }
    }

    /// The second task: checks each number and sends it back, until told to stop.
    fn answer<P: Probe>(&mut self) {
        let (expected, found) = answer::<P>(&mut self.ends);
        if found != NO_NUMBER {
            self.shared.wrong.note(Wrong { expected, found });
            self.ends.to.send(NO_NUMBER);
        }
    }
}

/// Its loop; returns the first number that was not due, behind the one that was.
#[inline(never)]
fn answer<P: Probe>(ends: &mut Ends<FreeSender<Stealing>, FreeReceiver<Stealing>>) -> (u64, u64) {
    let mut expected = 0;
    let found = exchange::answer::<_, P>(ends, &mut expected);
    (expected, found)
}
