//! The account of one process's CPU time.
//!
//! ```text
//!   runs ───────────────► gives the CPU away       others run       has it back ──────► runs
//!   since                 charge(now - since)      or nobody does   since = now
//!                         to the group, and to                      out of time?
//!                         each around it                            wait for the next period
//! ```
//!
//! One charge a switch, by who leaves, at the last moment before it. What of the switch itself comes behind that is
//! nobody's. A tick in ring 3 charges too, so that one that never calls is caught as well: there is no process with a
//! group and without a quantum, but for one whose program is vouched for (`user::Spec::ends_by_itself`).
//!
//! Who is out of time rests: it gives way to the others, in line, or halts where all that are ready on the CPU rest,
//! until its period is over, or one of its namespace ends it. It may be asked to give the CPU away in the meantime only, since the channel that it is
//! in has decided already what comes next: so it rests when it has the CPU back.

use core::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use switchlab_core::{
    MAX_CPUS,
    container::cpu::{Charge, CpuGroup, UNLIMITED},
};
use switchlab_sync::Away;

use super::Member;
use crate::{
    arch::{ring3, tsc},
    sched::{self, Cpu},
};

/// What is charged where nobody counts: nothing ever is.
static NOBODY: CpuGroup = CpuGroup::new("nobody", UNLIMITED, 1 << 62);

/// How many rest on each CPU.
static RESTING: [AtomicUsize; MAX_CPUS] = [const { AtomicUsize::new(0) }; MAX_CPUS];

/// What a switch between two processes with accounts saves and sets besides all else, in words.
pub const CONTEXT_WORDS: usize = size_of::<Since>() / size_of::<u64>();

/// When a process had the CPU last, in TSC ticks, or was charged last.
#[derive(Debug)]
struct Since(Cell<u64>);

/// One process's account. Touched by its task alone.
#[derive(Debug)]
pub(crate) struct Account {
    group: &'static CpuGroup,
    /// Whose it is.
    member: &'static Member,
    since: Since,
    is_out: Cell<bool>,
}

impl Account {
    /// This one's account with this group; with none, where nothing is charged.
    pub(crate) fn new(group: Option<&'static CpuGroup>, member: &'static Member) -> Self {
        Self { group: group.unwrap_or(&NOBODY), member, since: Since(Cell::new(0)), is_out: Cell::new(false) }
    }

    /// Begins to count from now on; where there is no time, from when there is.
    pub(crate) fn begin(&self) {
        self.is_out.set(self.group.out_of_time(tsc::unfenced()).is_some());
        self.ends();
    }

    /// Charges what was used until now.
    #[inline(always)]
    pub(crate) fn charge(&self) {
        let now = tsc::unfenced();
        let used = now.wrapping_sub(self.since.0.replace(now));
        if self.group.charge(used, now) == Charge::Out {
            self.is_out.set(true);
        }
    }

    /// Rests until there is time again, where there is none; or until it is ended, whatever it owes.
    #[cold]
    #[inline(never)]
    fn rest(&self) {
        let cpu = Cpu::current().cpu().id().index();
        // Which ends a halt.
        ring3::keep_ticking();
        if let Some(group) = self.group.out_of_time(tsc::unfenced()) {
            group.count_throttle();
        }
        let resting = &RESTING[cpu];
        resting.store(resting.load(Relaxed) + 1, Relaxed);
        while !self.member.is_ended() && self.group.out_of_time(tsc::unfenced()).is_some() {
            sched::rest(resting.load(Relaxed));
        }
        resting.store(resting.load(Relaxed) - 1, Relaxed);
        ring3::stop_ticks();
        // What the process was to look at may have been taken for another's.
        ring3::raise_question();
        self.is_out.set(false);
        self.since.0.set(tsc::unfenced());
    }
}

impl Away for Account {
    #[inline(always)]
    fn begins(&self) {
        self.charge();
    }

    #[inline(always)]
    fn ends(&self) {
        self.since.0.set(tsc::unfenced());
        if self.is_out.get() {
            self.rest();
        }
    }
}
