//! The records of the experiments that measure at many points: one way to hand over for each of several
//! pairs, numbers of CPUs or numbers of tasks. What the coordinates and the further counts mean, each
//! experiment says by their names; who reads them needs to know no experiment.

use alloc::{borrow::Cow, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::Counts;

/// A number with its name, in kebab-case: `["tasks",64]`.
pub type Named<'a> = (Cow<'a, str>, u64);

/// One timed block at one point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point<'a> {
    /// Run, from 1.
    pub run: u32,
    /// Position within its run, from 1.
    pub position: u32,
    /// What is compared, in kebab-case: a way to wait, a policy.
    #[serde(borrow)]
    pub series: Cow<'a, str>,
    /// Where it was measured: the coordinates, of which one series has each set once in a run.
    #[serde(borrow)]
    pub at: Vec<Named<'a>>,
    /// One-way handoffs that the ticks are of.
    pub handoffs: u64,
    /// TSC ticks of them all.
    pub ticks: u64,
    /// What happened.
    pub counts: Counts,
    /// What had to happen. A count that is not prescribed repeats what was counted; halts always do.
    pub expected: Counts,
    /// What else was counted.
    #[serde(borrow)]
    pub also: Vec<Named<'a>>,
}

/// A point that can not be measured on this machine: neither a pass nor a zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent<'a> {
    /// As of a point.
    #[serde(borrow)]
    pub series: Cow<'a, str>,
    /// As of a point; empty for all points of the series.
    #[serde(borrow)]
    pub at: Vec<Named<'a>>,
    /// Why, and what would be needed.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
}

/// Where a CPU is, by CPUID: CPUs that share a number share the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// The CPU, by `CpuId`.
    pub cpu: u32,
    /// Its APIC id.
    pub apic_id: u32,
    /// Its socket (package).
    pub socket: u32,
    /// Its die in the socket.
    pub die: u32,
    /// Its core in the die.
    pub core: u32,
    /// Its thread in the core (SMT).
    pub thread: u32,
}
