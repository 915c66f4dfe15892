//! A task, as far as the protocols need it.

use core::{fmt, mem::offset_of};

use switchlab_core::{TaskId, task_state::TaskState};
use switchlab_switch::Context;

use crate::{
    Cpu, Parker, Platform,
    atomic::{AcqRel, Acquire, AtomicRef, AtomicWord, Relaxed},
};

/// It has not exited, and nobody waits for that.
const LIVES: usize = 1;
/// It has exited.
const EXITED: usize = 2;

/// A flow of control with a stack of its own, bound to one CPU.
///
/// What a switch touches stands first, within one cache line. With what the kernel adds it takes two, so that
/// there may be many.
#[repr(C, align(64))]
pub struct Task<P: Platform> {
    /// Where it stands while it does not run.
    pub context: Context,
    /// Next in the run queue; itself, where it is not in it, or alone. Touched by its CPU alone.
    pub(crate) next: AtomicRef<Self>,
    cpu: &'static Cpu<P>,
    parker: Parker<P>,
    /// Where it waits to be started, and, once it runs, for the ends of others: apart from `parker`, so that
    /// a wake-up which somebody else sends meanwhile neither ends that wait nor is lost.
    start: Parker<P>,
    /// One of the numbers above; or the task that waits for this one's end.
    end: AtomicWord<Self>,
    id: TaskId,
    /// What the platform adds.
    pub data: P::TaskData,
}

impl<P: Platform> Task<P> {
    /// For [`outside`](crate::outside), as those that follow.
    pub(crate) const ID: usize = offset_of!(Self, id);
    pub(crate) const CPU: usize = offset_of!(Self, cpu);
    pub(crate) const PARKER: usize = offset_of!(Self, parker);
    pub(crate) const START: usize = offset_of!(Self, start);
    pub(crate) const END: usize = offset_of!(Self, end);

    /// A task of `cpu`, blocked until [`start`](Self::start).
    pub fn new(id: TaskId, cpu: &'static Cpu<P>, data: P::TaskData) -> Self {
        Self {
            context: Context::empty(),
            next: AtomicRef::none(),
            cpu,
            parker: Parker::new(),
            start: Parker::awaited(),
            end: AtomicWord::new(LIVES),
            id,
            data,
        }
    }

    /// Its number.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The CPU on which it runs, for life.
    #[inline(always)]
    pub fn cpu(&self) -> &'static Cpu<P> {
        self.cpu
    }

    /// What it does. Nothing writes that down: it follows from where the task is. A snapshot, where
    /// another CPU asks.
    pub fn state(&self) -> TaskState {
        if self.has_exited() {
            TaskState::Exited
        } else if self.cpu.current_or_none().is_some_and(|running| core::ptr::eq(running, self)) {
            TaskState::Running
        } else if self.cpu.is_in_line(self) {
            TaskState::Ready
        } else {
            TaskState::Blocked
        }
    }

    fn has_exited(&self) -> bool {
        // Acquire: pairs with `set_exited`, so that whoever sees the end sees what was done before it.
        self.end.load(Acquire).number() == EXITED
    }

    /// Says that it has exited, and wakes who waits for that. On its CPU.
    pub(crate) fn set_exited(&self) {
        if let Some(waiting) = self.end.swap(EXITED, AcqRel).reference() {
            waiting.start.wake_task(waiting);
        }
    }

    /// Says that it runs, though nobody started it.
    pub(crate) fn set_started(&self) {
        self.start.forget();
    }

    /// Blocks the running task until this one has exited, and is finished (see [`Cpu::run_idle`]). By one task
    /// at most.
    ///
    /// # Panics
    ///
    /// If another task waits for it already.
    pub fn join(&self) {
        let current = Cpu::<P>::current();
        match self.end.claim(LIVES, current) {
            Ok(()) => current.start.wait(),
            Err(found) => assert!(found.number() == EXITED, "{:?} is joined twice", self.id),
        }
    }

    /// Who is behind it in the run queue, or itself. Once it has run.
    #[expect(unsafe_code, reason = "without it, a check in every switch")]
    #[inline(always)]
    pub(crate) fn next(&self) -> &'static Self {
        // SAFETY: a task leads to another, or to itself, from the first time that it is made ready or
        // current on, and only of such a task is it asked.
        unsafe { self.next.load_some(Relaxed) }
    }

    /// Makes it runnable, or, if it does not block now, lets its next [`block_current`] return at
    /// once. From any CPU; waking a task of another CPU sends that CPU one IPI.
    ///
    /// [`block_current`]: Task::block_current
    pub fn wake(&'static self) {
        self.parker.wake_task(self);
    }

    /// Lets it run. From any CPU; starting a task of another CPU sends that CPU one IPI.
    ///
    /// # Safety
    ///
    /// Its context was prepared, on a stack that is its own for as long as it runs.
    #[expect(unsafe_code, reason = "the contract of a new context")]
    pub unsafe fn start(&'static self) {
        self.start.wake_task(self);
    }

    /// Blocks the running task until somebody [`wake`](Task::wake)s it.
    pub fn block_current() {
        Cpu::<P>::current().parker.wait();
    }
}

impl<P: Platform> fmt::Debug for Task<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut task = f.debug_struct("Task");
        task.field("id", &self.id).field("cpu", &self.cpu.id()).field("state", &self.state());
        // All atomics: see `atomic`.
        #[cfg(modelled)]
        task.field("parkers", &[&self.parker, &self.start]).field("end", &self.end);
        task.finish_non_exhaustive()
    }
}
