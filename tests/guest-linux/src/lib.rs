//! What the Linux guest of `cargo xtask bench --guest-linux` says, one record a line, framed as the
//! laboratory's own records are. The guest's program writes them, `xtask::guest_linux` reads them; it
//! knows nothing of either.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The guest's program, as the kernel starts it.
pub const INIT: &str = "/init";
/// Go's program, where there is one.
pub const GO: &str = "/go-channel";

/// Something that hands the processor over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// The empty system call: what it costs to get into Linux and out again.
    Getppid,
    /// Two threads on one CPU, each of which yields until it is its turn.
    SchedYield,
    /// Two threads that wait in a futex, on one CPU.
    FutexSame,
    /// The same on two CPUs.
    FutexOther,
    /// Two threads that write into pipes, on one CPU.
    PipeThreadsSame,
    /// The same on two CPUs.
    PipeThreadsOther,
    /// Two processes that write into pipes, on one CPU.
    PipeProcessesSame,
    /// The same on two CPUs.
    PipeProcessesOther,
    /// Two goroutines over unbuffered channels, GOMAXPROCS=1.
    GoOne,
    /// The same, with as many as there are CPUs.
    GoAll,
}

impl Exchange {
    /// All of them, in the order in which the guest measures them.
    pub const ALL: [Self; 10] = [
        Self::Getppid,
        Self::SchedYield,
        Self::FutexSame,
        Self::FutexOther,
        Self::PipeThreadsSame,
        Self::PipeThreadsOther,
        Self::PipeProcessesSame,
        Self::PipeProcessesOther,
        Self::GoOne,
        Self::GoAll,
    ];

    /// In words, as it stands in tables.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Getppid => "getppid (a system call)",
            Self::SchedYield => "sched_yield, one core",
            Self::FutexSame => "futex, one core",
            Self::FutexOther => "futex, two cores",
            Self::PipeThreadsSame => "pipe, threads, one core",
            Self::PipeThreadsOther => "pipe, threads, two cores",
            Self::PipeProcessesSame => "pipe, processes, one core",
            Self::PipeProcessesOther => "pipe, processes, two cores",
            Self::GoOne => "Go channel, P=1",
            Self::GoAll => "Go channel, P=all",
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<'a> {
    /// The first: what Linux says of itself.
    #[serde(borrow)]
    Boot(Boot<'a>),
    /// A timed block.
    Block(Block),
    /// An exchange that cannot be measured here.
    Skipped(Skipped<'a>),
    /// What went wrong. Nothing follows.
    Failure(Failure<'a>),
    /// The last: everything was measured.
    End(End),
}

/// What Linux says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot<'a> {
    /// As `uname -r`.
    #[serde(borrow)]
    pub release: Cow<'a, str>,
    /// The clock source that it took.
    pub clock_source: Cow<'a, str>,
    /// CPUs that are up.
    pub cpus: u32,
    /// Which of the CPU's weaknesses it works around, by name; empty with mitigations off.
    pub mitigations: Cow<'a, str>,
}

/// A timed block. One way took `elapsed_ns / handoffs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What was timed.
    pub exchange: Exchange,
    /// From 1.
    pub repetition: u32,
    /// One-way handoffs: two for each exchange; of `getppid` the calls.
    pub handoffs: u64,
    /// Of the whole block.
    pub elapsed_ns: u64,
}

impl Block {
    /// One way.
    pub fn one_way_ns(&self) -> f64 {
        self.elapsed_ns as f64 / self.handoffs as f64
    }
}

/// An exchange that cannot be measured here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped<'a> {
    /// Which.
    pub exchange: Exchange,
    /// Why.
    #[serde(borrow)]
    pub why: Cow<'a, str>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure<'a> {
    /// In one line.
    #[serde(borrow)]
    pub what: Cow<'a, str>,
}

/// Everything was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Records, this one included.
    pub records: u64,
}
