//! What the kernel decides without touching the machine: pure functions over bytes, texts and
//! numbers. The kernel calls them, xtask calls the same ones, and the host tests them.
//!
//! | module | what it owns | who calls it |
//! |---|---|---|
//! | [`ids`] | [`CpuId`], [`ApicId`], [`TaskId`], and how many CPUs there may be | everyone |
//! | [`address_space`] | which ranges are a program's, and what CR3 is loaded with | `mm`, system calls |
//! | [`acpi`] | RSDP, RSDT and XSDT, FADT (PM timer), HPET table | bring-up |
//! | [`madt`] | the CPUs that the firmware lists | bring-up |
//! | [`icr`] | words of the local APIC's interrupt command register | `arch`'s apic and ipi |
//! | [`container`] | groups of CPU time and memory, system-call filters, namespaces | the kernel's container |
//! | [`params`] | the kernel command line | bring-up, xtask |
//! | [`task_state`] | the states of a task and what may follow what | `sched` |
//! | [`histogram`] | samples in fixed memory, and their percentiles | the experiment, xtask |
//! | [`order`] | which mode, or which point, comes when in a run | the experiment |
//! | [`sizes`] | how many of something, point by point | the experiment |
//! | [`policy`] | how tasks that are bound to no CPU are run | `switchlab-sync`'s pool, parameters |
//! | [`random`] | a stream of numbers for a seed | [`order`], xtask |
//! | [`counts`] | how often everything must have happened in a block | the experiment, tests |
//! | [`readings`], [`offset`] | what clock readings say of the clock, and of two CPUs' | the kernel's qualify, tests |
//! | [`stats`] | ticks to time, means, ratios, throughput | report, xtask |
//! | [`way`] | the ways to wait for another CPU | parameters, experiments |
//! | [`svm`] | whether there is SVM, what a guest's exit means | `arch`'s svm, vm |
//! | [`topology`] | socket, die, core and thread from the bits of an APIC id | experiments |
//! | [`ruler`] | ticks told as times or as instructions | report, xtask |
//! | [`mod@format`] | how times, ratios and large numbers are written | report, xtask |
//!
//! Principles: no unsafe, no allocation, no floating point (the kernel has none), nothing that
//! panics on what the firmware or a person wrote. Reading physical memory, ports and registers is
//! the kernel's part; what comes from there arrives here as slices and integers.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod acpi;
pub mod address_space;
pub mod budget;
pub mod container;
pub mod counts;
pub mod format;
pub mod histogram;
pub mod icr;
pub mod ids;
pub mod madt;
pub mod offset;
pub mod order;
pub mod params;
pub mod policy;
pub mod random;
pub mod readings;
pub mod ruler;
pub mod sizes;
pub mod stats;
pub mod svm;
pub mod task_state;
#[cfg(test)]
mod testing;
pub mod topology;
pub mod way;

pub use ids::{ApicId, CpuId, MAX_CPUS, TaskId};
pub use way::{Way, Ways};
