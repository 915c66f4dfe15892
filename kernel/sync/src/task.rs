//! A task, as far as the protocols need it.

use core::fmt;

use switchlab_core::{TaskId, task_state::TaskState};
use switchlab_switch::Context;

use crate::{
    Cpu, Parker, Platform,
    atomic::{AtomicRef, AtomicU8, Relaxed},
};

/// A flow of control with a stack of its own, bound to one CPU.
///
/// What a switch touches stands first, within one cache line.
#[repr(C, align(64))]
pub struct Task<P: Platform> {
    /// Where it stands while it does not run.
    pub context: Context,
    /// Next in the run queue. Touched by its CPU alone.
    pub(crate) next: AtomicRef<Self>,
    /// Touched by its CPU alone; others may look.
    state: AtomicU8,
    cpu: &'static Cpu<P>,
    id: TaskId,
    parker: Parker<P>,
    /// Where it waits to be started: apart from `parker`, so that a wake-up which comes before the
    /// start is not lost.
    start: Parker<P>,
    /// What the platform adds.
    pub data: P::TaskData,
}

impl<P: Platform> Task<P> {
    /// A task of `cpu`, blocked until [`start`](Self::start).
    pub fn new(id: TaskId, cpu: &'static Cpu<P>, data: P::TaskData) -> Self {
        Self {
            context: Context::empty(),
            next: AtomicRef::none(),
            state: AtomicU8::new(TaskState::Blocked as u8),
            cpu,
            id,
            parker: Parker::new(),
            start: Parker::new(),
            data,
        }
    }

    /// Its number.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The CPU on which it runs, for life.
    pub fn cpu(&self) -> &'static Cpu<P> {
        self.cpu
    }

    /// What it does; a snapshot, where another CPU asks.
    pub fn state(&self) -> TaskState {
        TaskState::try_from(self.state.load(Relaxed)).expect("only set_state writes the state")
    }

    pub(crate) fn set_state(&self, state: TaskState) {
        debug_assert!(self.state().can_become(state), "{:?}: {:?} to {state:?}", self.id, self.state());
        self.state.store(state as u8, Relaxed);
    }

    #[inline(always)]
    pub(crate) fn is_blocked(&self) -> bool {
        self.state.load(Relaxed) == TaskState::Blocked as u8
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

    /// The first thing that a task does when it runs: waits for its start.
    pub fn begin() {
        let cpu = P::this_cpu();
        cpu.current().start.wait(cpu);
    }

    /// Blocks the running task until somebody [`wake`](Task::wake)s it.
    pub fn block_current() {
        let cpu = P::this_cpu();
        cpu.current().parker.wait(cpu);
    }
}

impl<P: Platform> fmt::Debug for Task<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("cpu", &self.cpu.id())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
