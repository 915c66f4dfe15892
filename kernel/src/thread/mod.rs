//! Threads: tasks that can be preempted. A thread runs with interrupts on, loses the CPU when its quantum is over as
//! well as when it blocks, and has its vector state saved and loaded whenever another thread has run in between.
//!
//! A thread is a task, so it has a stack of its own, blocks in the same channels and is switched to by the same
//! switch; the scheduler does not know it. What is new:
//!
//! - **Preemption.** The quantum's interrupt pushes what a function may destroy and lets the other ready tasks of
//!   this CPU run first, from within the handler, on the thread's own stack ([`preempt`]).
//! - **Services.** What a thread asks of the kernel runs with interrupts off and can not be preempted
//!   ([`Thread::service`], [`Thread::blocking`]): the scheduler is never entered from within itself.
//! - **Vector state.** By XSAVE, [eager](Policy::Eager) or [lazy](Policy::Lazy).
//!
//! Fibers and tasks pay nothing for it: none of this is in their way.

pub mod exchange;

use alloc::boxed::Box;
use core::{
    cell::UnsafeCell,
    ptr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{
    arch::{
        interrupts, percpu, preempt, ring3,
        xsave::{self, Area, State},
    },
    mm::StackError,
    sched::{self, Cpu, JoinHandle},
};

/// When the vector state of a thread is saved and loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Saved as it gives the CPU up, loaded as it goes on and another's was loaded meanwhile.
    Eager,
    /// Left in the registers until another thread uses its own: then a trap saves the one and loads the other.
    Lazy,
}

/// A thread, as itself sees it.
#[derive(Debug)]
pub struct Thread {
    area: UnsafeCell<Area>,
    policy: Policy,
    /// How often its quantum ended.
    preemptions: AtomicU64,
    /// How often the first use of its state trapped.
    traps: AtomicU64,
}

// SAFETY: the area is touched by the CPU that the thread is bound to alone, with interrupts off.
unsafe impl Sync for Thread {}

/// Looks whether there can be threads: what state there is to save on each CPU. `None` where the CPUs have no XSAVE.
pub fn detect() -> Option<State> {
    State::enable()
}

/// Starts a thread on `cpu` that runs `body` and exits.
///
/// # Errors
///
/// [`StackError`] where there is no memory for it.
///
/// # Panics
///
/// In the thread, if the CPU has no XSAVE: [`detect`] tells; or if ring 3 runs there, whose vector state is its own.
pub fn spawn_on(
    cpu: &'static Cpu,
    policy: Policy,
    body: impl FnOnce(&Thread) + Send + 'static,
) -> Result<JoinHandle, StackError> {
    preempt::init(preempt::Handlers { preempted, state_used });
    let body: Box<dyn FnOnce(&Thread) + Send> = Box::new(body);
    sched::spawn_on(cpu, move || {
        assert!(!ring3::has_begun(), "a CPU runs threads of ring 0 or ring 3, not both at a time");
        let state = State::enable().expect("threads are for CPUs with XSAVE");
        percpu::set_threads(percpu::threads() + 1);
        let area = Area::new(state).expect("an area is less than a stack, of which there was one");
        let thread = Thread {
            area: UnsafeCell::new(area),
            policy,
            preemptions: AtomicU64::new(0),
            traps: AtomicU64::new(0),
        };
        thread.go_on();
        thread.enter();
        body(&thread);
        thread.leave();
        thread.end();
    })
}

impl Thread {
    /// How often its quantum ended.
    pub fn preemptions(&self) -> u64 {
        self.preemptions.load(Relaxed)
    }

    /// How often the first use of its state trapped; 0 where that is eager.
    pub fn traps(&self) -> u64 {
        self.traps.load(Relaxed)
    }

    /// Does something of the kernel's that does not block: interrupts are off meanwhile.
    #[inline(always)]
    pub fn service<T>(&self, service: impl FnOnce() -> T) -> T {
        self.leave();
        let result = service();
        self.enter();
        result
    }

    /// Does something of the kernel's that may block, so that other threads run meanwhile.
    #[inline(always)]
    pub fn blocking<T>(&self, service: impl FnOnce() -> T) -> T {
        self.leave();
        self.give_up();
        let result = service();
        self.go_on();
        self.enter();
        result
    }

    /// From now on this thread can be preempted.
    #[inline(always)]
    fn enter(&self) {
        percpu::set_preemptible(true);
        interrupts::enable();
    }

    /// From now on it can not.
    #[inline(always)]
    fn leave(&self) {
        interrupts::disable();
        percpu::set_preemptible(false);
    }

    /// Before another thread may run here.
    #[inline(always)]
    fn give_up(&self) {
        if self.policy == Policy::Eager {
            // SAFETY: interrupts are off, so nobody else is at it.
            unsafe { &mut *self.area.get() }.save();
        }
    }

    /// Behind whatever ran here meanwhile: this thread's state is loaded, or its next use traps.
    #[inline(always)]
    fn go_on(&self) {
        percpu::set_thread(ptr::from_ref(self).cast_mut().cast());
        let is_loaded = ptr::eq(percpu::state_owner().cast(), self);
        match self.policy {
            Policy::Eager if !is_loaded => self.load(),
            Policy::Eager => {}
            Policy::Lazy if is_loaded => xsave::allow_use(),
            Policy::Lazy => xsave::trap_next_use(),
        }
    }

    fn load(&self) {
        // SAFETY: as in `give_up`.
        unsafe { &*self.area.get() }.restore();
        percpu::set_state_owner(ptr::from_ref(self).cast_mut().cast());
    }

    /// Nobody's state is loaded any more.
    fn end(&self) {
        if ptr::eq(percpu::state_owner().cast(), self) {
            percpu::set_state_owner(ptr::null_mut());
        }
        percpu::set_thread(ptr::null_mut());
        percpu::set_threads(percpu::threads() - 1);
        xsave::allow_use();
    }

    /// The thread that runs on this CPU. While one can be preempted.
    fn current() -> &'static Self {
        // SAFETY: it stands on its stack, below the frames of whoever asks, and a thread that ended is not there.
        unsafe { &*percpu::thread().cast::<Self>() }
    }
}

/// The quantum of the thread that ran is over: the others run first.
fn preempted() {
    let thread = Thread::current();
    thread.preemptions.fetch_add(1, Relaxed);
    thread.give_up();
    sched::yield_now();
    thread.go_on();
}

/// A thread uses its state, and another's is loaded.
fn state_used() {
    let thread = Thread::current();
    thread.traps.fetch_add(1, Relaxed);
    xsave::allow_use();
    let owner = percpu::state_owner().cast::<Thread>();
    // SAFETY: null, or a thread of this CPU that has not ended.
    if let Some(owner) = unsafe { owner.as_ref() } {
        // SAFETY: as in `give_up`.
        unsafe { &mut *owner.area.get() }.save();
    }
    thread.load();
}
