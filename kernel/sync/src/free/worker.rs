//! What a CPU's worker does: goes on with tasks, looks for more, waits where there are none.

use core::mem;

use switchlab_core::{
    policy::{Idle, Policy, Queue, Queues, Victims, steal},
    random::SplitMix64,
};

use crate::{
    Cpu, Platform, Task,
    atomic::{Ordering::SeqCst, Relaxed, Release, count, spin_loop},
};

use super::{FreeTask, Pool, Seat};

#[cfg(modelled)]
mod steps;

/// What comes of having nothing to do.
enum Idled {
    /// There may be something now.
    Over,
    /// There is nothing to do on any CPU, and no task that could make some: the owner's CPU goes on.
    Quiet,
}

/// Why a worker looks for a task.
enum Errand {
    /// The one before has waited.
    None,
    /// This CPU was idle and was called.
    Called,
}

/// The CPU of the pool's owner, which lets tasks begin and waits for their end.
const OWNER: usize = 0;

impl<P: Platform, Y: Policy> Pool<P, Y> {
    /// Lets the first `tasks` tasks, which all rest, begin or go on, and serves the pool until they rest
    /// again and all CPUs are idle: then every IPI that was sent was taken, and nobody counts any more. By
    /// the pool's owner, a bound task of CPU 0, whose worker it is meanwhile; with no tasks, to wait until
    /// all workers are there.
    ///
    /// # Safety
    ///
    /// These tasks were [prepared](FreeTask::prepare), their stacks are still theirs, and no other pool has them. One
    /// bound task at a time does this.
    ///
    /// # Panics
    ///
    /// If another CPU asks.
    #[expect(unsafe_code, reason = "the contract of new contexts")]
    pub unsafe fn run(&'static self, tasks: usize) {
        assert_eq!(self.here(), OWNER, "the owner of a pool is on CPU 0");
        self.take_seat(OWNER);
        self.alive.store(tasks as u64, SeqCst);
        for FreeTask { state, number, .. } in &self.tasks[..tasks] {
            state.store(super::ACTIVE, Relaxed);
            self.put(Y::place_new(*number, OWNER, self.seats.len()), *number);
        }
        self.serve(OWNER);
    }

    /// Serves the pool on this CPU until it is closed. By a bound task of each CPU but the first.
    pub fn work(&'static self) {
        let here = self.here();
        self.take_seat(here);
        self.serve(here);
    }

    /// Lets the workers go. By the owner, while the pool is quiet.
    pub fn close(&self) {
        self.closed.store(true, SeqCst);
        for cpu in OWNER + 1..self.seats.len() {
            // Quiet, and yet one may be about to look once more, for a task that another has done: it goes by itself, or is
            // idle in a moment.
            while !self.wake_cpu(cpu) && self.gone.load(SeqCst) >> cpu & 1 == 0 {
                spin_loop();
            }
        }
    }

    /// Makes the task that runs this CPU's worker.
    fn take_seat(&self, here: usize) {
        self.seats[here].worker.store(Some(Cpu::current()), Release);
    }

    fn serve(&'static self, here: usize) {
        let mut errand = Errand::None;
        while let Some(task) = self.next_or_wait(here, &mut errand) {
            let seat = &self.seats[here];
            self.switch(&seat.own.context, self.resumed(task, here));
        }
    }

    /// Takes the next task of this CPU, and waits, halted, until there is one. `None` where the pool is closed or, for its
    /// owner, quiet. `errand` is kept from call to call.
    #[inline(always)]
    fn next_or_wait(&'static self, here: usize, errand: &mut Errand) -> Option<u32> {
        loop {
            if let Some(task) = self.find(here) {
                if let Errand::Called = mem::replace(errand, Errand::None) {
                    self.looking.store(false, SeqCst);
                    // There may be more.
                    self.call(here);
                }
                return Some(task);
            }
            if here != OWNER && self.closed.load(SeqCst) {
                self.gone.fetch_or(1 << here, SeqCst);
                return None;
            }
            if let Idled::Quiet = self.idle(here, errand) {
                return None;
            }
        }
    }

    /// The next task: of this CPU's queue, or of another's.
    fn find(&self, here: usize) -> Option<u32> {
        let own = Y::next(&mut self.seats[here].queue());
        match Y::IDLE {
            Idle::Wait => own,
            Idle::Steal => own.or_else(|| self.steal(here)),
        }
    }

    fn steal(&self, here: usize) -> Option<u32> {
        let seat = &self.seats[here];
        let looks = seat.own.looks.load(Relaxed);
        seat.own.looks.store(looks + 1, Relaxed);
        let mut random = SplitMix64::new(self.seed ^ here as u64).skip(looks * Victims::DRAWS);
        let task = steal::<Y>(&mut Locked(self.seats), here, &mut random);
        if task.is_some() {
            count(&seat.own.steals);
        }
        task
    }

    /// Whether [`find`](Self::find) would find something.
    fn has_work(&self, here: usize) -> bool {
        // The lock, and not a glance: who puts a task there looks for idle CPUs behind it.
        !self.seats[here].queue().is_empty()
            || Y::IDLE == Idle::Steal
                && (0..self.seats.len()).any(|cpu| cpu != here && self.seats[cpu].queue().len() > 1)
    }

    /// Says that this CPU is idle, looks again, and waits for the IPI of whoever takes that word back.
    fn idle(&'static self, here: usize, errand: &mut Errand) -> Idled {
        let bit = 1 << here;
        let idle = self.idle.fetch_or(bit, SeqCst) | bit;
        if let Errand::Called = mem::replace(errand, Errand::Called) {
            // Before the second look: who relied on this one's has put its task where that look finds it.
            self.looking.store(false, SeqCst);
        }
        if idle == self.all() && self.alive.load(SeqCst) == 0 {
            if here == OWNER {
                return self.settled(bit);
            }
            self.wake_cpu(OWNER);
        } else if self.has_work(here) && self.idle.fetch_and(!bit, SeqCst) & bit != 0 {
            *errand = Errand::None;
            return Idled::Over;
        }
        Task::<P>::block_current();
        Idled::Over
    }

    /// The owner, with its `bit`, has found all CPUs idle, and then no task alive: takes its word back and says whether it
    /// is so still.
    #[cold]
    fn settled(&self, bit: u64) -> Idled {
        let idle = self.idle.fetch_and(!bit, SeqCst);
        if idle & bit == 0 {
            // Another has found the same, and sends an IPI: it is not left to who runs next.
            Task::<P>::block_current();
        }
        // Who was idle may have found the last task since, and have done it before the owner looked whether one is alive.
        if idle | bit == self.all() { Idled::Quiet } else { Idled::Over }
    }
}

/// The seats' queues, each under its lock.
struct Locked<P: Platform>(&'static [Seat<P>]);

impl<P: Platform> Queues for Locked<P> {
    #[inline(always)]
    fn cpus(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn len(&self, cpu: usize) -> usize {
        self.0[cpu].queue().len()
    }

    #[inline(always)]
    fn with_both<T>(
        &mut self,
        thief: usize,
        victim: usize,
        act: impl FnOnce(&mut Queue<'_>, &mut Queue<'_>) -> T,
    ) -> T {
        // The lower CPU's lock first, whoever is the thief.
        let (mut lower, mut higher) = (self.0[thief.min(victim)].queue(), self.0[thief.max(victim)].queue());
        let (own, other) = if thief < victim { (&mut lower, &mut higher) } else { (&mut higher, &mut lower) };
        act(own, other)
    }
}
