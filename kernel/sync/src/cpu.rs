//! The scheduler of one CPU: who runs, who is ready, and the ways to stop running.
//!
//! A CPU with nothing to run halts where it stands, in the context of the task that blocked last.
//! So a task that waits alone on its CPU costs no switch: it halts, is woken and goes on. The
//! alternative, an idle context in between, would cost two switches a wait. Only a task that exits
//! leaves its stack, for the CPU's idle task.

use core::fmt;

use switchlab_core::{CpuId, task_state::TaskState};
use switchlab_records::Mark;

use crate::{
    Platform, Task,
    atomic::{AtomicRef, AtomicU64, Relaxed, count},
    inbox::Inbox,
    run_queue::RunQueue,
};

/// What happened on one CPU since it started. Each is written by its CPU alone, where it happens.
#[derive(Debug)]
#[repr(C)]
pub struct Counters {
    /// IPIs that the handler took. The handler's own, and where it can reach it best.
    pub ipis_taken: &'static AtomicU64,
    /// Wake-up IPIs sent.
    pub ipis_sent: AtomicU64,
    /// Calls of `switch_context`.
    pub switches: AtomicU64,
    /// Messages received.
    pub handoffs: AtomicU64,
    /// Halts.
    pub halts: AtomicU64,
}

/// One CPU's scheduler. Its methods run on that CPU, with interrupts off, unless they say otherwise.
#[repr(C)]
pub struct Cpu<P: Platform> {
    counters: Counters,
    /// `counters.ipis_taken` as of the last look into the inbox.
    ipis_seen: AtomicU64,
    current: AtomicRef<Task<P>>,
    run_queue: RunQueue<P>,
    idle: AtomicRef<Task<P>>,
    /// Exited and not yet left: the idle task finishes it.
    leaving: AtomicRef<Task<P>>,
    id: CpuId,
    /// Other CPUs write here; on a line of its own, so that they do not slow the rest.
    inbox: OwnLine<Inbox<P>>,
}

#[derive(Debug)]
#[repr(align(64))]
struct OwnLine<T>(T);

impl<P: Platform> Cpu<P> {
    /// A CPU with nothing to run; [`start`](Self::start) comes next. Its interrupt handler counts
    /// in `ipis_taken`.
    pub const fn new(id: CpuId, ipis_taken: &'static AtomicU64) -> Self {
        Self {
            counters: Counters {
                ipis_taken,
                ipis_sent: AtomicU64::new(0),
                switches: AtomicU64::new(0),
                handoffs: AtomicU64::new(0),
                halts: AtomicU64::new(0),
            },
            ipis_seen: AtomicU64::new(0),
            current: AtomicRef::none(),
            run_queue: RunQueue::new(),
            idle: AtomicRef::none(),
            leaving: AtomicRef::none(),
            id,
            inbox: OwnLine(Inbox::new()),
        }
    }

    /// Which CPU this is.
    pub fn id(&self) -> CpuId {
        self.id
    }

    /// What happened here so far. Any CPU may look.
    #[inline(always)]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The wake-ups on their way here.
    #[inline(always)]
    pub fn inbox(&self) -> &Inbox<P> {
        &self.inbox.0
    }

    /// The task that runs.
    ///
    /// # Panics
    ///
    /// Before [`start`](Self::start).
    #[inline(always)]
    pub fn current(&self) -> &'static Task<P> {
        self.current.load(Relaxed).expect("start() made a task current")
    }

    /// The task that runs, if any does yet. Any CPU may look, at a snapshot.
    pub fn current_or_none(&self) -> Option<&'static Task<P>> {
        self.current.load(Relaxed)
    }

    /// Declares that `task` is what runs here now, and `idle` what runs when a task exits and no
    /// other is ready. They may be one.
    pub fn start(&self, task: &'static Task<P>, idle: &'static Task<P>) {
        idle.set_state(TaskState::Ready);
        if !core::ptr::eq(task, idle) {
            task.set_state(TaskState::Ready);
        }
        make_running(task);
        self.current.store(Some(task), Relaxed);
        self.idle.store(Some(idle), Relaxed);
    }

    /// The interrupt handler's whole work: to count.
    #[inline(always)]
    pub fn take_ipi(&self) {
        count(self.counters.ipis_taken);
    }

    /// Lets the other ready tasks of this CPU run, in their order, before this one goes on.
    #[inline(always)]
    pub fn yield_now() {
        P::this_cpu().give_way();
    }

    #[inline(always)]
    fn give_way(&'static self) {
        self.listen();
        if let Some(next) = self.run_queue.pick_next() {
            let current = self.current();
            current.set_state(TaskState::Ready);
            self.run_queue.enqueue(current);
            make_running(next);
            self.switch_to(current, next);
        }
    }

    /// Blocks the running task until [`make_ready`](Self::make_ready) was called for it.
    #[inline(always)]
    pub(crate) fn block(&'static self) {
        let current = self.current();
        current.set_state(TaskState::Blocked);
        P::mark(Mark::Blocked);
        loop {
            let next = self.run_queue.pick_next();
            P::mark(Mark::Picked);
            if let Some(next) = next {
                make_running(next);
                if !core::ptr::eq(next, current) {
                    self.listen();
                    self.switch_to(current, next);
                }
                return;
            }
            self.halt();
        }
    }

    /// Makes a blocked task of this CPU ready.
    #[inline(always)]
    pub(crate) fn make_ready(&self, task: &'static Task<P>) {
        task.set_state(TaskState::Ready);
        self.run_queue.enqueue(task);
        P::mark(Mark::Enqueued);
    }

    /// Ends the running task; nothing of it runs again. `finish` of [`run_idle`](Self::run_idle) is
    /// called with it once its stack is left.
    pub fn exit_current() -> ! {
        let cpu = P::this_cpu();
        let current = cpu.current();
        let idle = cpu.idle.load(Relaxed).expect("start() named the idle task");
        assert!(!core::ptr::eq(current, idle), "the idle task of CPU {} exits", cpu.id);
        cpu.leaving.store(Some(current), Relaxed);
        make_running(idle);
        cpu.switch_to(current, idle);
        unreachable!("{:?} runs after its exit", current.id())
    }

    /// The idle task's body: runs what is ready, finishes what exited, halts when there is nothing.
    ///
    /// `finish` is called for each task that exited, once its stack is in use no more and its state
    /// says so: it may free the one and wake who waits for the other.
    pub fn run_idle(finish: fn(&'static Task<P>)) -> ! {
        let cpu = P::this_cpu();
        let idle = cpu.current();
        loop {
            if let Some(gone) = cpu.leaving.swap(None, Relaxed) {
                gone.set_state(TaskState::Exited);
                finish(gone);
            }
            match cpu.run_queue.pick_next() {
                Some(next) => {
                    idle.set_state(TaskState::Ready);
                    make_running(next);
                    cpu.listen();
                    cpu.switch_to(idle, next);
                }
                None => cpu.halt(),
            }
        }
    }

    /// Takes the IPIs that are on their way, and what they bring: a CPU whose tasks only yield to,
    /// wait for, or follow each other would never halt, so would never hear the others.
    #[inline(always)]
    fn listen(&'static self) {
        if !self.inbox().is_empty() {
            P::interrupt_window();
            self.look_into_inbox();
        }
    }

    /// The one place where a task gives way to another.
    #[expect(unsafe_code, reason = "the one call of the switch")]
    #[inline(always)]
    fn switch_to(&self, from: &'static Task<P>, to: &'static Task<P>) {
        self.current.store(Some(to), Relaxed);
        count(&self.counters.switches);
        P::mark(Mark::SwitchBegins);
        // SAFETY: `to` comes from this CPU's run queue, or is its idle task, which runs only when a task
        // exits: it is suspended and, tasks being bound to their CPU, nobody else's. `from` runs, so it
        // is not `to`.
        unsafe { P::switch_context(from, to) }
        P::mark(Mark::Switched);
    }

    fn halt(&'static self) {
        count(&self.counters.halts);
        P::mark(Mark::HaltBegins);
        P::halt();
        P::mark(Mark::HaltEnded);
        self.look_into_inbox();
    }

    /// Delivers what was posted, if an IPI was taken since the last look.
    fn look_into_inbox(&'static self) {
        let taken = self.counters.ipis_taken.load(Relaxed);
        if taken != self.ipis_seen.load(Relaxed) {
            self.ipis_seen.store(taken, Relaxed);
            self.inbox().take_all(|parker| parker.deliver(self));
        }
    }
}

#[inline(always)]
fn make_running<P: Platform>(task: &Task<P>) {
    task.set_state(TaskState::Running);
}

impl<P: Platform> fmt::Debug for Cpu<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu").field("id", &self.id).field("counters", &self.counters).finish_non_exhaustive()
    }
}
