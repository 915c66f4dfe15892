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
    /// The emulator of the rows that were measured in one; `None` where all are native.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulator: Option<Emulator>,
    /// In the order of the table.
    pub rows: Vec<Row>,
}

/// What the rows of guests hang on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emulator {
    /// Its version.
    pub qemu: String,
    /// What executes the guests' instructions.
    pub accelerator: String,
    /// Virtual CPUs of each guest.
    pub cpus: u32,
    /// Memory of each guest, as QEMU takes it.
    pub memory: String,
    /// The Linux guest's kernel, its clock source, its CPUs and what it mitigates; `None` where none ran.
    pub linux: Option<LinuxGuest>,
    /// Rounds that do not count, because the host got in the way.
    pub void_rounds: u32,
    /// Rounds that do not count, because Linux came to no end in them.
    pub hung_rounds: u32,
    /// The share of the host's CPU time that went to others, in percent, the largest of all boots; `None`
    /// where the host does not tell.
    pub host_busy_percent: Option<f64>,
    /// The laboratory's command line, and Linux's where it ran.
    pub commands: Vec<String>,
}

/// What the Linux guest says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinuxGuest {
    /// As `uname -r`.
    pub release: String,
    /// The clock source that it took.
    pub clock_source: String,
    /// CPUs that are up.
    pub cpus: u32,
    /// The CPU's weaknesses that it works around; empty with mitigations off.
    pub mitigations: String,
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

impl Place {
    /// Where the row of ours is, that a row of this place is held against.
    pub const fn of_ours(self) -> Self {
        match self {
            Self::Native => Self::Native,
            Self::LinuxGuest | Self::Laboratory | Self::Host => Self::Laboratory,
        }
    }
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
    /// On the host, beside that emulator.
    Host,
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
    /// Others of ours that it is held against too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Of the crate, the compiler or the system that it comes from.
    pub version: String,
    /// The level of the hierarchy that it is a rung of; `None` in a benchmark of peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Row {
    /// Whether it is the laboratory's own.
    pub fn is_ours(&self) -> bool {
        self.place == Place::Laboratory || self.id.starts_with("ours-")
    }

    /// Whether it is no way to hand over but what none can be cheaper than: a jump without a switch, a
    /// wake-up of the host's.
    pub fn is_floor(&self) -> bool {
        self.place == Place::Host || self.id == "floor" || self.id.starts_with("floor-")
    }

    /// Whether it is another's.
    pub fn is_peer(&self) -> bool {
        !self.is_ours() && !self.is_floor()
    }
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
    /// The system's own switches meanwhile, of all rounds; `None` where it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switched: Option<Switched>,
    /// The handoffs that left their CPU, of all rounds; `None` where that was not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossed: Option<Crossed>,
    /// Instructions of one switch, as the mean; `None` where its sides are threads of the system, or single steps are
    /// not to be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<f64>,
    /// Why they were not counted; `None` where they were, or nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<String>,
}

/// How often the system took a CPU from a thread meanwhile, by its own count: warm-up and set-up are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switched {
    /// Our handoffs meanwhile.
    pub handoffs: u64,
    /// From a thread that waited.
    pub voluntary: u64,
    /// From a thread that was not done.
    pub involuntary: u64,
}

/// How many handoffs were taken on another CPU than they were made on, in a pass of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossed {
    /// Of how many.
    pub handoffs: u64,
    /// So many.
    pub crossed: u64,
}

impl Switched {
    /// Both starts together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            handoffs: self.handoffs + other.handoffs,
            voluntary: self.voluntary + other.voluntary,
            involuntary: self.involuntary + other.involuntary,
        }
    }

    /// Switches of a handoff.
    pub fn each(self) -> f64 {
        (self.voluntary + self.involuntary) as f64 / self.handoffs.max(1) as f64
    }
}

impl Crossed {
    /// Both starts together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { handoffs: self.handoffs + other.handoffs, crossed: self.crossed + other.crossed }
    }

    /// The share that crossed, from 0 to 1.
    pub fn share(self) -> f64 {
        self.crossed as f64 / self.handoffs.max(1) as f64
    }
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Why.
    pub reason: String,
    /// What to do about it; empty where there is nothing.
    pub to_do: String,
}
