//! The records themselves. Units stand in the names: `_ticks` are TSC ticks, `_hz` is 1/s.
//!
//! Each has exactly its fields: one that is added or left out is another format, and is refused where it
//! is read. serde takes an `Option` that is not there for a `None`, unless it is told to look for it.

use alloc::{borrow::Cow, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Absent, Marks, Offset, Point, Protection, Topology, Trace, Tsc};

/// One record, in the order in which a log has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record<'a> {
    /// Always the first: what the kernel is and which parameters it accepted.
    #[serde(borrow)]
    Start(Start<'a>),
    /// The CPUs that are up.
    Cpus(Cpus),
    /// What the guest sees of the machine.
    #[serde(borrow)]
    Machine(Machine<'a>),
    /// The TSC against the other clocks; one before the job and one after it.
    Clock(Clock),
    /// What the TSC is like here.
    Tsc(Tsc),
    /// How far a CPU's counter is from another's.
    Offset(Offset),
    /// What the experiment is about to do: feeds the progress bar.
    #[serde(borrow)]
    Plan(Plan<'a>),
    /// One timed block.
    Block(Block),
    /// The samples of the sampled block before it.
    Histogram(Histogram),
    /// The exchanges of a mode were traced: from the marked kernel alone.
    Trace(Trace),
    /// Which marks a CPU passed in the trace before it.
    Marks(Marks),
    /// A measurement that this machine does not allow, and why.
    #[serde(borrow)]
    Skipped(Skipped<'a>),
    /// Where a CPU is.
    Topology(Topology),
    /// What keeps ring 3 in on a CPU.
    Protection(Protection),
    /// One timed block of an experiment that measures at many points.
    #[serde(borrow)]
    Point(Point<'a>),
    /// A point that this machine does not allow, and why.
    #[serde(borrow)]
    Absent(Absent<'a>),
    /// A named count: a test case's, or what was measured for the points that follow.
    #[serde(borrow)]
    Count(Count<'a>),
    /// A check that did not hold.
    #[serde(borrow)]
    Failure(Failure<'a>),
    /// A panic or a CPU exception.
    #[serde(borrow)]
    Crash(Crash<'a>),
    /// Always the last of a log that is whole.
    End(End),
}

/// What the kernel is and what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start<'a> {
    /// Name of the kernel: `switchlab`, or a test case's.
    #[serde(borrow)]
    pub kernel: Cow<'a, str>,
    /// Version of the kernel's package.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// The command line as it came from the loader.
    #[serde(borrow)]
    pub command_line: Cow<'a, str>,
    /// The parameters as accepted, defaults filled in: `key=value` words.
    #[serde(borrow)]
    pub parameters: Cow<'a, str>,
}

/// How the local APICs are driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApicMode {
    /// Memory-mapped, 8-bit ids (Intel SDM vol. 3, 11.4).
    Xapic,
    /// By MSR, 32-bit ids (Intel SDM vol. 3, 11.12).
    X2apic,
}

/// The CPUs that are up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cpus {
    /// Enabled CPUs in the MADT.
    pub found: u32,
    /// CPUs that run, the BSP included.
    pub up: u32,
    /// xAPIC or x2APIC.
    pub apic: ApicMode,
    /// Ticks from the first step of starting CPUs to this record.
    pub ticks: u64,
}

/// What the guest sees of the machine: by CPUID and ACPI, so no proof of what is below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine<'a> {
    /// CPUID's hypervisor signature (leaf 4000_0000h), `none` without one.
    #[serde(borrow)]
    pub hypervisor: Cow<'a, str>,
    /// CPUID's brand string, else its vendor.
    #[serde(borrow)]
    pub cpu: Cow<'a, str>,
    /// The invariant-TSC bit (leaf 8000_0007h, EDX bit 8).
    pub invariant_tsc: bool,
    /// Whether RDTSCP is there; without it the end of a block is read by `lfence; rdtsc; lfence`.
    pub rdtscp: bool,
    /// Usable memory in bytes, as the loader handed it over.
    pub memory_bytes: u64,
}

/// When the clocks were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockPhase {
    /// At start-up, over a short window.
    Before,
    /// After the job, over all of it.
    After,
}

/// The TSC's frequency from two independent clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    /// Before or after the job.
    pub phase: ClockPhase,
    /// The frequency that this record recommends: times use the last record's.
    pub tsc_hz: u64,
    /// By the PIT's channel 2 (1,193,182 Hz); 0 where it did not answer.
    pub pit_hz: u64,
    /// Window of the PIT comparison in TSC ticks.
    pub pit_window_ticks: u64,
    /// By the ACPI PM timer (3,579,545 Hz); 0 where there is none.
    pub pm_timer_hz: u64,
    /// Window of the PM timer comparison in TSC ticks.
    pub pm_timer_window_ticks: u64,
    /// By the HPET; 0 where it is absent or was not asked.
    pub hpet_hz: u64,
    /// Window of the HPET comparison in TSC ticks.
    pub hpet_window_ticks: u64,
}

/// What the experiment is about to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan<'a> {
    /// Name of the experiment.
    #[serde(borrow)]
    pub experiment: Cow<'a, str>,
    /// Runs.
    pub runs: u32,
    /// Exchanges in each timed block.
    pub exchanges: u64,
    /// Exchanges before each timed block that are discarded.
    pub warm_up: u64,
    /// Exchanges in each block of the sampled pass, a sample for each; 0 where there is no such pass.
    pub samples: u64,
    /// The two CPUs, by `CpuId`; the first is also the one of the single-CPU modes.
    pub pair: [u32; 2],
    /// Timed blocks to come.
    pub blocks: u32,
    /// What a TSC tick is.
    pub unit: Unit,
    /// Shuffles the order of the modes in each run; 0 for the order that alternates.
    pub seed: u64,
}

/// What a TSC tick stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A step of a clock: with the TSC's frequency it is a time.
    #[default]
    Time,
    /// An instruction that the machine executed, on any CPU: QEMU's `-icount shift=0`. It is no time.
    Instructions,
}

impl Unit {
    /// The name, as records and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Instructions => "instructions",
        }
    }
}

/// How control is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Two tasks on one CPU, over channels.
    SameCore,
    /// The same two tasks on two CPUs, each halted while it waits, woken by IPI.
    CrossCore,
    /// Two bare contexts without scheduler or channel.
    Switch,
    /// Two tasks that are bound to no CPU, over channels, on all CPUs, which steal work from each other.
    Free,
}

impl Mode {
    /// All modes, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::SameCore, Self::CrossCore, Self::Switch, Self::Free];

    /// The name, as records and tables have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SameCore => "same-core",
            Self::CrossCore => "cross-core",
            Self::Switch => "switch",
            Self::Free => "free",
        }
    }
}

/// What a block's loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Hands over, as its mode says.
    Handoff,
    /// The same loop, numbers and checks without a handoff: what measuring itself costs.
    Null,
}

impl Subject {
    /// The name, as records and tables have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handoff => "handoff",
            Self::Null => "null",
        }
    }
}

/// How the clock is read in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Before the first exchange and after the last.
    Batch,
    /// After each exchange as well: a sample for each goes into a histogram.
    Sampled,
}

impl Pass {
    /// The name, as records and tables have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Sampled => "sampled",
        }
    }
}

/// What happened in a timed block, each counted where it happens, summed over its CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// One-way handoffs: messages received, or contexts resumed.
    pub handoffs: u64,
    /// Calls of `switch_context`.
    pub switches: u64,
    /// Wake-up IPIs sent.
    pub ipis_sent: u64,
    /// Wake-up IPIs taken by their handler.
    pub ipis_taken: u64,
    /// Times that a CPU halted.
    pub halts: u64,
}

/// One timed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Run, from 1.
    pub run: u32,
    /// Position within its run, from 1.
    pub position: u32,
    /// How control is handed over.
    pub mode: Mode,
    /// A handoff, or the loop without one.
    pub subject: Subject,
    /// How the clock is read.
    pub pass: Pass,
    /// Exchanges; a switch is half of one.
    pub exchanges: u64,
    /// TSC ticks of the whole block.
    pub ticks: u64,
    /// What happened.
    pub counts: Counts,
    /// What had to happen; what is not prescribed, `halts` always, repeats the count.
    pub expected: Counts,
    /// Handoffs whose receiver ran on another CPU than their sender; `None` where tasks are bound, so that the
    /// mode says where they run, and where nothing is handed over.
    #[serde(deserialize_with = "Option::deserialize")]
    pub crossings: Option<u64>,
}

/// The samples of one sampled block: one for each exchange, so of two switches, in TSC ticks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// Run, from 1.
    pub run: u32,
    /// How control is handed over.
    pub mode: Mode,
    /// A handoff, or the loop without one.
    pub subject: Subject,
    /// The buckets that are not empty: index and count, by rising index. Which values an index
    /// stands for, `switchlab_core::histogram` says.
    pub buckets: Vec<(u16, u64)>,
}

/// A measurement that this machine does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skipped<'a> {
    /// What was skipped.
    pub mode: Mode,
    /// Why, in two or three words: `one CPU`.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
}

/// A named count: a test case's, or what was measured for the points that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count<'a> {
    /// Of what.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// How many.
    pub value: u64,
}

/// A check that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure<'a> {
    /// Which check, with what was expected and what was found.
    #[serde(borrow)]
    pub what: Cow<'a, str>,
}

/// A panic or a CPU exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash<'a> {
    /// The CPU, by `CpuId`.
    pub cpu: u32,
    /// The task that ran, by number; `None` before there were tasks.
    #[serde(deserialize_with = "Option::deserialize")]
    pub task: Option<u32>,
    /// The panic's message, or the exception's name.
    #[serde(borrow)]
    pub message: Cow<'a, str>,
    /// `file:line` of a panic; empty for an exception.
    #[serde(borrow)]
    pub location: Cow<'a, str>,
    /// The exception's vector; `None` for a panic.
    #[serde(deserialize_with = "Option::deserialize")]
    pub vector: Option<u8>,
    /// The exception's error code, 0 where it has none.
    pub error_code: u64,
    /// Where it happened; for a panic, an address in its handler: `location` tells the place.
    pub rip: u64,
    /// CR2 at that moment.
    pub cr2: u64,
    /// Stack pointer at that moment.
    pub rsp: u64,
}

/// How the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All that was asked was done and all checks held.
    Pass,
    /// At least one failure record stands before.
    Fail,
}

/// Always the last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Pass or fail.
    pub status: Status,
    /// Records in the log, this one included.
    pub records: u64,
}
