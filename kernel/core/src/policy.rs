//! Policies for tasks that are bound to no CPU: which runs next, where a woken one goes, and what a CPU
//! with none of its own does. The kernel's pool of such tasks asks (`switchlab-sync`), and holds each
//! [`Queue`] under a lock of its own; nothing here waits, allocates or knows of CPUs but by number.
//!
//! | policy | a new task goes to | a woken one to | next is | a CPU without |
//! |---|---|---|---|---|
//! | [`RoundRobin`] | the CPUs in turn | its own CPU | the oldest | waits |
//! | [`Lifo`] | the CPUs in turn | the waker's | the newest, and in turn the oldest | waits |
//! | [`Stealing`] | the starter's CPU | the waker's | the newest, and in turn the oldest | takes half of another's |
//!
//! # How long a ready task waits
//!
//! As often as [`Policy::most_passed_over`] says, where `k` tasks were in the queue as it came:
//!
//! - round-robin: `k` times;
//! - the other two, with `t` turns: `(k + 1)(t + 1) - 1` times. After `t` picks of the newest while others
//!   wait the oldest is next, as a Go task that is run next inherits what is left of its waker's time
//!   slice. A task that is stolen keeps its place in line, and the turns that passed it over.
//!
//! In picks of the CPU in whose queue it is: how long a task keeps its CPU is its own matter.

use core::fmt;

mod queue;
mod steal;
mod victims;

pub use queue::Queue;
pub use steal::{Queues, steal};
pub use victims::Victims;

/// How often in a row the newest task may run while others wait, where nobody asks for another limit.
pub const TURNS: u32 = 64;

/// Tasks that are bound to no CPU, and how they are run. CPUs and tasks are numbered from 0, densely.
pub trait Policy: Send + Sync + 'static {
    /// The name, as records, tables and the command line have it.
    const NAME: PolicyName;
    /// What a CPU does whose queue is empty.
    const IDLE: Idle;

    /// The CPU that task `task` goes to when it is started on CPU `starter`, one of `cpus`.
    fn place_new(task: u32, starter: usize, cpus: usize) -> usize;

    /// The CPU that a task goes to which CPU `waker` woke and whose last CPU was `last`.
    fn place_woken(last: usize, waker: usize) -> usize;

    /// How often at most a ready task is passed over by picks of the CPU in whose queue it is, where it came
    /// behind `ahead` others.
    fn most_passed_over(ahead: usize) -> u64;

    /// The next task of a CPU, taken out of its queue.
    fn next(queue: &mut Queue<'_>) -> Option<u32>;

    /// Which of the CPUs that are idle, as bits, is to come for a task that was put into CPU `at`'s queue.
    fn call(at: usize, idle: u64) -> Option<usize>;
}

/// What a CPU does whose queue is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Waits until something is put there.
    Wait,
    /// Looks into the others' queues, and takes half of what is in one.
    Steal,
}

/// Each has its turn on the CPU that it was dealt to, and stays there.
#[derive(Debug)]
pub enum RoundRobin {}

/// Who was woken last runs next, on the CPU that woke it: the waker's partner goes on as soon as the waker
/// waits. No task goes to another CPU otherwise, and nobody looks for work.
#[derive(Debug)]
pub enum Lifo<const LIMIT: u32 = TURNS> {}

/// As [`Lifo`], and a CPU without tasks takes half of another's, the oldest. A task that was started or
/// woken makes an idle CPU come and look.
///
/// The last task in a queue stays: its CPU is about to go on with it. In Go a thief takes such a task too,
/// but only after 3 µs; tasks that give way by themselves give way sooner.
#[derive(Debug)]
pub enum Stealing<const LIMIT: u32 = TURNS> {}

impl Policy for RoundRobin {
    const NAME: PolicyName = PolicyName::RoundRobin;
    const IDLE: Idle = Idle::Wait;

    #[inline(always)]
    fn place_new(task: u32, _starter: usize, cpus: usize) -> usize {
        in_turn(task, cpus)
    }

    #[inline(always)]
    fn place_woken(last: usize, _waker: usize) -> usize {
        last
    }

    fn most_passed_over(ahead: usize) -> u64 {
        ahead as u64
    }

    #[inline(always)]
    fn next(queue: &mut Queue<'_>) -> Option<u32> {
        queue.take_oldest()
    }

    #[inline(always)]
    fn call(at: usize, idle: u64) -> Option<usize> {
        itself(at, idle)
    }
}

impl<const LIMIT: u32> Policy for Lifo<LIMIT> {
    const NAME: PolicyName = PolicyName::Lifo;
    const IDLE: Idle = Idle::Wait;

    #[inline(always)]
    fn place_new(task: u32, _starter: usize, cpus: usize) -> usize {
        in_turn(task, cpus)
    }

    #[inline(always)]
    fn place_woken(_last: usize, waker: usize) -> usize {
        waker
    }

    fn most_passed_over(ahead: usize) -> u64 {
        in_turns(ahead, LIMIT)
    }

    #[inline(always)]
    fn next(queue: &mut Queue<'_>) -> Option<u32> {
        queue.take_newest_in_turn(LIMIT)
    }

    #[inline(always)]
    fn call(at: usize, idle: u64) -> Option<usize> {
        itself(at, idle)
    }
}

impl<const LIMIT: u32> Policy for Stealing<LIMIT> {
    const NAME: PolicyName = PolicyName::Stealing;
    const IDLE: Idle = Idle::Steal;

    #[inline(always)]
    fn place_new(_task: u32, starter: usize, _cpus: usize) -> usize {
        starter
    }

    #[inline(always)]
    fn place_woken(_last: usize, waker: usize) -> usize {
        waker
    }

    fn most_passed_over(ahead: usize) -> u64 {
        in_turns(ahead, LIMIT)
    }

    #[inline(always)]
    fn next(queue: &mut Queue<'_>) -> Option<u32> {
        queue.take_newest_in_turn(LIMIT)
    }

    #[inline(always)]
    fn call(_at: usize, idle: u64) -> Option<usize> {
        (idle != 0).then(|| idle.trailing_zeros() as usize)
    }
}

fn in_turns(ahead: usize, limit: u32) -> u64 {
    (ahead as u64 + 1) * (u64::from(limit) + 1) - 1
}

fn in_turn(task: u32, cpus: usize) -> usize {
    task as usize % cpus
}

#[inline(always)]
fn itself(at: usize, idle: u64) -> Option<usize> {
    (idle >> at & 1 != 0).then_some(at)
}

/// A policy, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyName {
    /// [`RoundRobin`].
    RoundRobin,
    /// [`Lifo`].
    Lifo,
    /// [`Stealing`].
    Stealing,
}

impl PolicyName {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::RoundRobin, Self::Lifo, Self::Stealing];
    /// Their names.
    pub const NAMES: [&'static str; 3] = [Self::RoundRobin.name(), Self::Lifo.name(), Self::Stealing.name()];

    /// As records, tables and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::Lifo => "lifo",
            Self::Stealing => "stealing",
        }
    }
}

/// Some of the policies, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies(u8);

impl Policies {
    /// All of them.
    pub const ALL: Self = Self((1 << PolicyName::ALL.len()) - 1);

    /// Reads names with commas between them; `None` for a name that is none, that comes twice, or is
    /// missing.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',').try_fold(Self(0), |policies, name| {
            let policy = PolicyName::ALL.into_iter().find(|policy| policy.name() == name)?;
            (!policies.contains(policy)).then(|| Self(policies.0 | 1 << policy as u8))
        })
    }

    /// Whether `policy` is among them.
    pub const fn contains(self, policy: PolicyName) -> bool {
        self.0 & 1 << policy as u8 != 0
    }

    /// They, in the order in which they are shown.
    pub fn iter(self) -> impl Iterator<Item = PolicyName> {
        PolicyName::ALL.into_iter().filter(move |policy| self.contains(*policy))
    }
}

impl fmt::Display for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().enumerate().try_for_each(|(place, policy)| {
            write!(f, "{}{}", if place == 0 { "" } else { "," }, policy.name())
        })
    }
}

#[cfg(test)]
mod tests;
