//! One peer and what became of it, and all of them with what they hang on: what `bench.json` keeps.

use serde::{Deserialize, Serialize};

/// Version of the JSON: another one is not read.
pub const FORMAT: u32 = 1;
/// Name of the file.
pub const FILE: &str = "bench.json";

/// All rows of one run of the benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// Version of this format.
    pub format: u32,
    /// When it began, in UTC.
    pub started: String,
    /// How often each peer was started, after the round that finds how many exchanges it gets.
    pub rounds: u32,
    /// What the order of the rounds was drawn from.
    pub seed: u64,
    /// The machine.
    pub host: Host,
    /// In the order of the table.
    pub rows: Vec<Row>,
}

/// The machine, and what built the peers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Name of its CPU.
    pub cpu: String,
    /// CPUs that may be used.
    pub cpus: u32,
    /// Operating system, its release, architecture.
    pub system: String,
    /// The compiler of the peers in Rust.
    pub rustc: String,
}

/// Where a row was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In a process on the host.
    Native,
    /// In a process inside a Linux guest, by the host's clock or the guest's.
    LinuxGuest,
    /// By the laboratory's own kernel, in the same emulator as that guest.
    Laboratory,
}

/// One peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What `--peers` calls it: a group, and what tells its members apart.
    pub id: String,
    /// What the table calls it.
    pub title: String,
    /// Where it was measured.
    pub place: Place,
    /// The `id` of the row of ours that it is held against; `None` for ours, and where we have nothing of
    /// its kind.
    pub base: Option<String>,
    /// Of the crate, the compiler or the system that it comes from.
    pub version: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a peer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It handed over as often as it had to.
    Measured(Measured),
    /// It did not, or could not be started: why, and what to do about it.
    Missing(Missing),
}

/// What a peer's handoffs cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Exchanges of each timed block: two switches each.
    pub exchanges: u64,
    /// One switch, half an exchange, in nanoseconds: a value for each round. The n-th values of all rows of
    /// a place were measured in the same round.
    pub one_way_ns: Vec<f64>,
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Why.
    pub reason: String,
    /// What to do about it; empty where there is nothing.
    pub to_do: String,
}
