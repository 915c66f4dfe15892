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

/// What keeps ring 3 in on a CPU, read back from its control registers while it runs ring 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protection {
    /// The CPU, by `CpuId`.
    pub cpu: u32,
    /// EFER.NXE: data is not executed.
    pub nx: Guard,
    /// CR4.SMEP: ring 0 executes no page of ring 3.
    pub smep: Guard,
    /// CR4.SMAP: ring 0 touches no page of ring 3 unasked.
    pub smap: Guard,
    /// CR4.UMIP: ring 3 does not learn where the tables are.
    pub umip: Guard,
    /// CR4.PCIDE: the TLB keeps address spaces apart by name, so a load of CR3 need not empty it. It protects nothing.
    pub pcid: Guard,
}

/// Whether the bit of a protection is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// It is.
    On,
    /// It is not, and the CPU has it.
    Off,
    /// The CPU does not have it.
    Absent,
}
