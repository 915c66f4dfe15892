//! Tasks that are bound to no CPU, in a [`Pool`]: any CPU runs any of them, as a [`Policy`] says.
//!
//! On each CPU a bound task serves the pool, its *worker*: it goes on with a free task, comes back where
//! there is no other, and waits, halted, where there is nothing to do. A free task that waits goes on with
//! the next one of its CPU at once, without the worker. It may go on on another CPU than it stopped at.
//!
//! # The rules
//!
//! 1. **A task is ready only when it has been left.** Whoever wakes a task that is still on its way out says
//!    so in its state and does no more. What runs next on the CPU that it leaves, another task or the
//!    worker, finds that and makes it ready (`Pool::complete`). So no queue ever holds a task whose context
//!    is not saved.
//! 2. **Behind a switch everything is asked anew.** A task can be on another CPU then: no reference to a
//!    CPU's own data is held across one. The compiler does not hold one either, since the switch destroys
//!    all registers and, as far as it knows, all memory.
//! 3. **A queue's lock is the only one**: a spin lock, held for a few instructions, with interrupts off.
//!    It is part of what is measured, and counted. A thief holds two, the lower CPU's first.
//! 4. **An idle CPU is woken by one IPI.** It says that it is idle, looks again, and halts. Whoever takes
//!    that word back, and one only can, sends the IPI; and the CPU waits for the IPI, even if it found
//!    something meanwhile. No wake-up is lost: who puts a task into a queue looks for idle CPUs behind the
//!    lock that the idle CPU's second look takes too. IPIs sent = IPIs taken.

mod channel;
mod worker;

use core::{fmt, marker::PhantomData};

use switchlab_core::policy::{Idle, Policy, Queue};
use switchlab_switch::{Context, Entry};

use crate::{
    Platform, Task, Words,
    atomic::{
        AcqRel, Acquire, AtomicBool, AtomicRef, AtomicU8, AtomicU64, MutexGuard, Ordering::SeqCst, Relaxed,
        count, spin_loop,
    },
    queue_lock::QueueLock,
};
pub use channel::{FreeChannel, FreeReceiver, FreeSender};

/// It runs, is ready, or is on its way out.
const ACTIVE: u8 = 0;
/// It waits, and has been left.
const BLOCKED: u8 = 1;
/// It was woken before it had been left.
const WOKEN: u8 = 2;

/// A flow of control that is bound to no CPU.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct FreeTask {
    context: Context,
    /// Its last CPU, by number.
    cpu: AtomicU64,
    number: u32,
    /// One of the three above.
    state: AtomicU8,
}

/// A CPU's place in a pool.
#[repr(C)]
pub struct Seat<P: Platform> {
    queue: Queued<P>,
    /// Who serves the pool here.
    worker: AtomicRef<Task<P>>,
    own: Own,
}

/// What other CPUs touch as well: on cache lines of its own.
#[repr(align(64))]
struct Queued<P>(QueueLock<P, Queue<'static>>);

/// What its CPU alone touches; others may look at the counters.
#[repr(align(64))]
struct Own {
    /// The worker's, while a free task runs.
    context: Context,
    /// Who has been left and is not yet seen to: its number and one, and whether it rests.
    left: AtomicU64,
    looks: AtomicU64,
    steals: AtomicU64,
    calls: AtomicU64,
    crossings: AtomicU64,
}

const LEFT_FOR_REST: u64 = 1 << 32;

/// What was counted in a pool, besides what its CPUs count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreeCounts {
    /// Messages that were received on another CPU than they were sent from.
    pub crossings: u64,
    /// Times that a CPU took tasks out of another's queue.
    pub steals: u64,
    /// Times that a CPU woke an idle one, by one IPI each.
    pub calls: u64,
}

impl FreeCounts {
    /// What came after `before`.
    pub const fn since(self, before: Self) -> Self {
        Self {
            crossings: self.crossings - before.crossings,
            steals: self.steals - before.steals,
            calls: self.calls - before.calls,
        }
    }
}

/// Tasks that are bound to no CPU, and the CPUs that run them.
pub struct Pool<P: Platform, Y: Policy> {
    seats: &'static [Seat<P>],
    tasks: &'static [FreeTask],
    seed: u64,
    /// CPUs that have nothing to do, as bits.
    idle: AtomicU64,
    /// An idle CPU was called to look for work, and has not yet looked.
    looking: AtomicBool,
    /// Tasks that do not rest.
    alive: AtomicU64,
    closed: AtomicBool,
    /// CPUs whose workers have gone, as bits.
    gone: AtomicU64,
    policy: PhantomData<Y>,
}

/// A running free task, as it knows itself.
pub struct Me<P: Platform, Y: Policy> {
    pool: &'static Pool<P, Y>,
    task: &'static FreeTask,
    of_one_task: PhantomData<*const ()>,
}

impl FreeTask {
    /// Task `number` of its pool. It rests, and [`prepare`](Self::prepare) comes next.
    pub const fn new(number: u32) -> Self {
        Self { context: Context::empty(), cpu: AtomicU64::new(0), number, state: AtomicU8::new(BLOCKED) }
    }

    /// Lets it begin with `entry(argument)`, which calls [`Pool::enter`] first and ends with [`Me::rest`].
    /// [`Pool::run`] relies on it.
    ///
    /// # Safety
    ///
    /// As [`Context::prepare`]. Nobody runs it yet.
    #[expect(unsafe_code, reason = "the contract of a new context")]
    pub unsafe fn prepare(&self, stack_top: *mut u8, entry: Entry, argument: usize) {
        // SAFETY: the caller owes it.
        unsafe { self.context.prepare(stack_top, entry, argument) };
    }
}

impl<P: Platform> Seat<P> {
    /// A place with an empty queue, which has `slots` for all tasks of the pool: as many as [`Queue::slots`] says.
    ///
    /// # Panics
    ///
    /// If their number is no power of two.
    pub const fn new(slots: &'static mut [u32]) -> Self {
        Self {
            queue: Queued(QueueLock::new(Queue::new(slots))),
            worker: AtomicRef::none(),
            own: Own {
                context: Context::empty(),
                left: AtomicU64::new(0),
                looks: AtomicU64::new(0),
                steals: AtomicU64::new(0),
                calls: AtomicU64::new(0),
                crossings: AtomicU64::new(0),
            },
        }
    }

    #[inline(always)]
    fn queue(&self) -> MutexGuard<'_, Queue<'static>> {
        self.queue.0.lock()
    }
}

impl<P: Platform, Y: Policy> Pool<P, Y> {
    /// A pool of these CPUs, all that there are, from 0 on, and these tasks, numbered from 0 on. `seed` is
    /// of the orders in which CPUs look into each other's queues.
    ///
    /// # Panics
    ///
    /// If there are more CPUs than an idle mask has bits, or none; or a task's number is not its place.
    pub const fn new(seats: &'static [Seat<P>], tasks: &'static [FreeTask], seed: u64) -> Self {
        assert!(!seats.is_empty() && seats.len() <= u64::BITS as usize, "a pool has 1 to 64 CPUs");
        let mut place = 0;
        while place < tasks.len() {
            assert!(tasks[place].number as usize == place, "the tasks of a pool are numbered from 0 on");
            place += 1;
        }
        Self {
            seats,
            tasks,
            seed,
            idle: AtomicU64::new(0),
            looking: AtomicBool::new(false),
            alive: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            gone: AtomicU64::new(0),
            policy: PhantomData,
        }
    }

    /// What was counted so far, on all CPUs. Exact while the pool is quiet.
    pub fn counts(&self) -> FreeCounts {
        self.seats.iter().fold(FreeCounts::default(), |sum, Seat { own, .. }| FreeCounts {
            crossings: sum.crossings + own.crossings.load(Relaxed),
            steals: sum.steals + own.steals.load(Relaxed),
            calls: sum.calls + own.calls.load(Relaxed),
        })
    }

    /// The first thing that a task does: it gets to know itself.
    ///
    /// # Safety
    ///
    /// By a task of this pool that begins, once, before all else. `number` is its own.
    #[expect(
        unsafe_code,
        reason = "whoever has two of what this returns could leave a task that does not run"
    )]
    pub unsafe fn enter(&'static self, number: u32) -> Me<P, Y> {
        self.complete();
        Me { pool: self, task: &self.tasks[number as usize], of_one_task: PhantomData }
    }

    /// All CPUs, as bits.
    const fn all(&self) -> u64 {
        u64::MAX >> (u64::BITS as usize - self.seats.len())
    }

    /// The CPU that runs this code. Asked anew behind each switch.
    #[inline(always)]
    fn here(&self) -> usize {
        P::this_cpu().id().index()
    }

    /// Puts a task into the queue of CPU `at`, and calls an idle CPU for it, if the policy wants one.
    #[inline(always)]
    fn put(&self, at: usize, task: u32) {
        self.seats[at].queue().put(task);
        if self.idle.load(SeqCst) != 0 {
            self.call(at);
        }
    }

    /// Wakes an idle CPU for what is in the queue of CPU `at`. Where CPUs steal: one at a time.
    #[inline(never)]
    fn call(&self, at: usize) {
        if Y::IDLE == Idle::Wait {
            if let Some(cpu) = Y::call(at, self.idle.load(SeqCst)) {
                self.wake_cpu(cpu);
            }
            return;
        }
        while let Some(cpu) = Y::call(at, self.idle.load(SeqCst)) {
            // A CPU that is on its way finds this task too; and where it gives up, it looks again.
            if self.looking.load(SeqCst) || self.looking.swap(true, SeqCst) || self.wake_cpu(cpu) {
                return;
            }
            // It was taken by another, or by itself. Who came meanwhile relied on it: once more.
            self.looking.store(false, SeqCst);
        }
    }

    /// Takes back CPU `cpu`'s word that it is idle and sends it an IPI; false where that word is gone.
    fn wake_cpu(&self, cpu: usize) -> bool {
        let bit = 1 << cpu;
        let is_idle = self.idle.fetch_and(!bit, SeqCst) & bit != 0;
        if is_idle {
            count(&self.seats[self.here()].own.calls);
            // Acquire: pairs with the claim of the seat.
            let worker = self.seats[cpu].worker.load(Acquire);
            worker.expect("a CPU that is idle has a worker").wake();
        }
        is_idle
    }

    /// Wakes a task that waits, or is about to. Once for each time that it waits.
    #[inline(always)]
    fn wake(&self, task: &'static FreeTask) {
        // Release, for a task that has not been left; Acquire, for one that has: its context is there.
        if task.state.compare_exchange(ACTIVE, WOKEN, AcqRel, Acquire).is_err() {
            self.make_ready(task);
        }
    }

    #[inline(always)]
    fn make_ready(&self, task: &'static FreeTask) {
        task.state.store(ACTIVE, Relaxed);
        self.put(Y::place_woken(task.cpu.load(Relaxed) as usize, self.here()), task.number);
    }

    /// Suspends `task`, which runs, and goes on with the next of this CPU, or with its worker. Returns when
    /// somebody goes on with it, maybe on another CPU.
    #[inline(always)]
    fn leave(&self, task: &'static FreeTask, how: u64) {
        let here = self.here();
        let seat = &self.seats[here];
        seat.own.left.store(how | (u64::from(task.number) + 1), Relaxed);
        let next = Y::next(&mut seat.queue());
        let next = next.map_or(&seat.own.context, |number| self.resumed(number, here));
        self.switch(&task.context, next);
    }

    /// The context of a task that is about to go on on CPU `here`.
    #[inline(always)]
    fn resumed(&self, number: u32, here: usize) -> &'static Context {
        let task = &self.tasks[number as usize];
        task.cpu.store(here as u64, Relaxed);
        &task.context
    }

    #[expect(unsafe_code, reason = "the switch")]
    #[inline(always)]
    fn switch(&self, from: &Context, to: &Context) {
        P::count::<{ Words::SWITCHES }>();
        // SAFETY: `to` is this CPU's worker, which waits for its tasks to come back, or a task that was taken
        // out of a queue: it is in none else, and it is suspended, since it was put there by who found it
        // left, or by `run`, whose caller owes that it was prepared. Between its save and this stand the release
        // and the acquire of its state, or of the queue's lock. `from` runs: it is this CPU's worker, or the task
        // of a `Me`, which only that task has.
        unsafe { P::switch_free(from, to) };
        self.complete();
    }

    /// Sees to who was left on this CPU: the first thing behind each switch.
    #[inline(always)]
    fn complete(&self) {
        let own = &self.seats[self.here()].own;
        let left = own.left.load(Relaxed);
        if left != 0 {
            own.left.store(0, Relaxed);
            let task = &self.tasks[(left as u32 - 1) as usize];
            if left & LEFT_FOR_REST != 0 {
                self.let_rest(task);
            // Release: from here on another CPU may go on with it.
            } else if task.state.compare_exchange(ACTIVE, BLOCKED, AcqRel, Acquire).is_err() {
                self.make_ready(task);
            }
        }
    }

    #[cold]
    fn let_rest(&self, task: &FreeTask) {
        task.state.store(BLOCKED, Relaxed);
        // Release, in it: who finds that none is alive may let it run again.
        self.alive.fetch_sub(1, SeqCst);
    }
}

impl<P: Platform, Y: Policy> Me<P, Y> {
    /// The same once more, for an end of a channel, which stays with its task.
    fn again(&self) -> Self {
        Self { pool: self.pool, task: self.task, of_one_task: PhantomData }
    }

    /// Waits until somebody wakes this task, once for each time; it may be on another CPU then.
    #[inline(always)]
    fn wait(&self) {
        // Acquire: pairs with the release in `wake`. Who goes on without having been left has no other: it reads what
        // its waker wrote before.
        if self.task.state.load(Acquire) == WOKEN {
            self.task.state.store(ACTIVE, Relaxed);
        } else {
            self.pool.leave(self.task, 0);
        }
    }

    /// Lets the pool's owner know that this task has done its part; goes on when [`Pool::run`] lets it.
    pub fn rest(&self) {
        self.pool.leave(self.task, LEFT_FOR_REST);
    }

    /// Waits until every other CPU of the pool is idle: then all IPIs were taken, nothing that they count moves,
    /// and nobody looks for work. For who measures, while its partner waits. Spins, so outside of what is timed.
    pub fn settle(&self) {
        let others = self.pool.all() & !(1 << self.cpu());
        // Acquire, in it: what they counted before they said so.
        while self.pool.idle.load(SeqCst) & others != others {
            spin_loop();
        }
    }

    /// What was counted in this task's pool so far. Exact while all else is [settled](Self::settle).
    pub fn counts(&self) -> FreeCounts {
        self.pool.counts()
    }

    /// The CPU that runs this task at this moment.
    #[inline(always)]
    pub fn cpu(&self) -> usize {
        self.pool.here()
    }
}

impl<P: Platform> fmt::Debug for Seat<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl<P: Platform, Y: Policy> fmt::Debug for Pool<P, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("policy", &Y::NAME)
            .field("idle", &self.idle)
            .field("looking", &self.looking)
            .field("alive", &self.alive)
            .field("closed", &self.closed)
            .field("gone", &self.gone)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl<P: Platform, Y: Policy> fmt::Debug for Me<P, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Me").field("task", &self.task.number).finish_non_exhaustive()
    }
}
