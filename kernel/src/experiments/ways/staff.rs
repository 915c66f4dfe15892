//! One task on each CPU, made once, that does what it is given: so that thousands of blocks leave no tasks
//! behind.
//!
//! Jobs come and end by wake-ups, not by channels: a CPU's line stays free for what is measured. Each CPU gets
//! one IPI before its job and none during it: the one who waits for the end gets one wake-up in all, from
//! whoever ends last.

use alloc::{boxed::Box, vec::Vec};
use core::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Relaxed},
};

use switchlab_core::CpuId;

use crate::{
    lock::Lock,
    mm::StackError,
    sched::{self, Cpu, JoinHandle, Task},
};

/// What a member does once.
pub type Job = Box<dyn FnOnce() + Send>;

/// A task on each CPU.
pub struct Staff {
    members: Vec<(JoinHandle, &'static Desk)>,
    office: &'static Office,
}

/// What all members see.
struct Office {
    /// Jobs that have not ended.
    left: AtomicU64,
    /// Who waits for their end.
    head: &'static Task,
}

/// Where a member finds its job; it leaves where there is none.
#[derive(Default)]
struct Desk(Lock<Option<Job>>);

impl Staff {
    /// Hires a member on each CPU. What calls this is the one who gives jobs.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one.
    pub fn hire() -> Result<Self, StackError> {
        let office: &'static Office =
            Box::leak(Box::new(Office { left: AtomicU64::new(0), head: Cpu::current() }));
        let members = sched::cpus()
            .iter()
            .map(|cpu| {
                let desk: &'static Desk = Box::leak(Box::default());
                Ok((sched::spawn_on(cpu, move || serve(desk, office))?, desk))
            })
            .collect::<Result<_, StackError>>()?;
        let staff = Self { members, office };
        // The IPIs that started them are through when each has done something.
        let nothing = || -> Job { Box::new(|| {}) };
        staff.run((0..staff.members.len()).map(|cpu| (CpuId::new(cpu as u32), nothing())).collect());
        Ok(staff)
    }

    /// Has these jobs done, at most one on a CPU, and waits for the end of all.
    pub fn run(&self, jobs: Vec<(CpuId, Job)>) {
        if jobs.is_empty() {
            return;
        }
        self.office.left.store(jobs.len() as u64, Relaxed);
        let members: Vec<_> = jobs
            .into_iter()
            .map(|(cpu, job)| {
                let (member, desk) = &self.members[cpu.index()];
                *desk.0.lock() = Some(job);
                member.task()
            })
            .collect();
        members.iter().for_each(|member| member.wake());
        sched::block_current();
        // Only now: who was woken may be measuring, and giving memory back is foreign to that.
        drop(members);
    }

    /// Lets all go.
    pub fn dismiss(self) {
        for (member, _) in self.members {
            member.task().wake();
            member.join();
        }
    }
}

fn serve(desk: &Desk, office: &Office) {
    loop {
        sched::block_current();
        let job = desk.0.lock().take();
        let Some(job) = job else { break };
        // A wake-up is found where an interrupt was taken, and that may have been another's: its own is
        // taken here, so that none is on its way while something is measured.
        sched::take_arrived();
        job();
        // Acquire, release: who ends last has seen what the others left, and shows it.
        if office.left.fetch_sub(1, AcqRel) == 1 {
            office.head.wake();
        }
    }
}
