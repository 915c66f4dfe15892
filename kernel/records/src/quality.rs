//! The records that say what the clock is worth: what the TSC is like, and how far the CPUs' counters
//! are apart. Written at each boot, before the job.

use serde::{Deserialize, Serialize};

/// What the TSC is like on this machine, by CPU 0's own readings and by what CPUID claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tsc {
    /// Greatest common divisor of the differences between readings that followed each other; 0 where
    /// the counter stood still.
    pub step_ticks: u64,
    /// Pairs of readings with nothing in between, each with the fences of a timed block.
    pub pairs: u32,
    /// The shortest pair.
    pub read_min_ticks: u64,
    /// The median pair.
    pub read_p50_ticks: u64,
    /// The pair that 99 % do not exceed.
    pub read_p99_ticks: u64,
    /// Readings below the one before them.
    pub steps_back: u64,
    /// What CPUID leaf 15h claims; 0 where it does not.
    pub cpuid_15h_hz: u64,
    /// The base frequency of CPUID leaf 16h, in whole MHz; 0 where there is none. On most machines the
    /// TSC's rate, on none by definition.
    pub cpuid_16h_hz: u64,
    /// What the hypervisor claims in leaf 4000_0010h, in whole kHz; 0 where it does not.
    pub hypervisor_hz: u64,
}

/// How far a CPU's counter is from another's, by messages to and fro.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The CPU whose counter is looked at, by `CpuId`.
    pub cpu: u32,
    /// The CPU whose counter it is held against: it asks, the other answers.
    pub against: u32,
    /// Round trips.
    pub rounds: u32,
    /// The counter of `cpu` minus that of `against`, in the shortest round trip.
    pub offset_ticks: i64,
    /// `offset_ticks` is off by this at most, either way: half of that round trip. [`u64::MAX`] where
    /// none could be timed, since `against` stepped back in each.
    pub bound_ticks: u64,
    /// Handovers, of two in a round, after which the CPU read less than the other had read before.
    pub steps_back: u32,
    /// The largest of these steps.
    pub largest_step_back_ticks: u64,
    /// Readings below an earlier one of the same CPU, on either.
    pub own_steps_back: u32,
}
