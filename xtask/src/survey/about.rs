//! What each experiment with many points measures, in words; what of the options it takes, and how much of it
//! suits where nothing is named. Which of them the kernel has, `cmd::options` says.

use std::time::Duration;

use crate::qemu::Timing;

/// An experiment, as xtask knows it.
#[derive(Debug)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// What is measured, in a sentence or two.
    pub what: &'static str,
    /// The options that it takes, of those that not all take.
    pub takes: &'static [Takes],
    /// Memory where none is named.
    pub memory: &'static str,
    /// Runs and most exchanges of a point, in time and in instructions.
    pub sizes: [(u32, u64); 2],
    /// Milliseconds of a point at most where no budget is named, about; for the deadline alone.
    pub budget_ms: u64,
    /// About how many points a run has on so many CPUs; for the deadline alone.
    pub points: fn(u64) -> u64,
    /// What the counts of its points were held against.
    pub checked: Checked,
    /// Whether a run in time has each point's instructions beside, from a boot of their own.
    pub counts_beside: bool,
}

/// What counts were held against, in words.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    /// What each point was checked for.
    pub all: &'static str,
    /// What is told as it was found, and why; empty for nothing.
    pub but: &'static str,
}

impl Checked {
    /// Where all that is counted is prescribed, halts apart.
    pub const EACH: Self = Self {
        all: "handoffs, calls of switch_context, IPIs sent and IPIs taken are as they must be",
        but: "",
    };
}

/// An option that only some experiments take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// `--ways`.
    Ways,
    /// `--budget`.
    Budget,
    /// `--tasks`.
    Tasks,
    /// `--pair`.
    Pair,
    /// `--policy`.
    Policy,
}

impl Takes {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ways, Self::Budget, Self::Tasks, Self::Pair, Self::Policy];

    /// The option.
    pub const fn option(self) -> &'static str {
        match self {
            Self::Ways => "--ways",
            Self::Budget => "--budget",
            Self::Tasks => "--tasks",
            Self::Pair => "--pair",
            Self::Policy => "--policy",
        }
    }
}

/// Memory where none is named and nothing asks for more.
pub const MEMORY: &str = "256M";

/// All of them, in the order in which they are told.
pub const ALL: [About; 7] = [
    About {
        name: "wait",
        what: "a message to and fro between two CPUs, for each way in which the receiver can wait for it; \
               and what each way leaves to the CPUs beside them",
        takes: &[Takes::Ways, Takes::Budget, Takes::Pair],
        memory: MEMORY,
        sizes: [(5, 100_000), (1, 1_000)],
        budget_ms: 1_000,
        points: |_| 5,
        checked: Checked::EACH,
        counts_beside: false,
    },
    About {
        name: "matrix",
        what: "a message between two CPUs, for each ordered pair of them and each way to wait: what it takes from \
               `from`, which sends, to `to`, which waits",
        takes: &[Takes::Ways, Takes::Budget, Takes::Pair],
        memory: MEMORY,
        // In one thread a block of so many takes tens of milliseconds, which the host's clocks can tell.
        sizes: [(5, 10_000), (1, 100)],
        budget_ms: 1_000,
        points: |cpus| 5 * cpus * cpus.saturating_sub(1),
        checked: Checked::EACH,
        counts_beside: false,
    },
    About {
        name: "ring",
        what: "a token around a ring of CPUs, from each to the next: what one hop costs, by the number of CPUs",
        takes: &[Takes::Pair],
        memory: MEMORY,
        sizes: [(5, 100_000), (1, 10_000)],
        budget_ms: 1_000,
        points: |cpus| u64::from(cpus.ilog2()) + 1,
        checked: Checked::EACH,
        counts_beside: false,
    },
    About {
        name: "fan",
        what: "one producer sends to each of k consumers on other CPUs, and then waits for all their answers: \
               what one message costs, by the number of consumers",
        takes: &[Takes::Pair],
        memory: MEMORY,
        sizes: [(5, 100_000), (1, 10_000)],
        budget_ms: 1_000,
        points: |cpus| u64::from(cpus.ilog2()) + 1,
        checked: Checked {
            all: "handoffs, calls of switch_context and IPIs sent are as they must be",
            but: "IPIs taken too where there is one consumer; of several, those to the producer merge, and are told as \
                  found, from one a round to one for each answer",
        },
        counts_beside: false,
    },
    About {
        name: "scale",
        what: "one switch by the number of tasks that take turns, each touching so much of its own memory \
               (0, 1 or 16 KiB) between two switches; one handoff by the number of CPUs in a ring; and by \
               the number of pairs of CPUs that ping-pong at once, the machine's time for a handoff of any of them",
        takes: &[Takes::Tasks, Takes::Budget],
        memory: "512M",
        sizes: [(5, 100_000), (1, 10_000)],
        budget_ms: 1_000,
        points: |cpus| 3 * 16 + u64::from(cpus.ilog2()) + 1 + 6,
        checked: Checked::EACH,
        counts_beside: false,
    },
    About {
        name: "policy",
        what: "a message to and fro in pairs of tasks that are bound to no CPU, on all CPUs, under each policy: who \
               runs next, and where; by the number of pairs. A crossing is a message that was received on \
               another CPU than it was sent from",
        takes: &[Takes::Policy, Takes::Tasks, Takes::Budget],
        memory: MEMORY,
        sizes: [(5, 100_000), (1, 10_000)],
        budget_ms: 1_000,
        points: |_| 3 * 20,
        checked: Checked {
            all: "handoffs are as they must be, and IPIs sent and IPIs taken as many as idle CPUs were woken",
            but: "how often switch_context is called is the policy's business, and chance's, so that is told as found",
        },
        counts_beside: false,
    },
    About {
        name: "hierarchy",
        what: "a number to and fro between two sides at each level of isolation, each checking it: what each level costs, \
               and what it adds to the one below. A handoff of `call` is a call, the one back its return",
        takes: &[Takes::Budget, Takes::Pair],
        memory: MEMORY,
        sizes: [(5, 1_000_000), (1, 10_000)],
        budget_ms: 12_000,
        points: |_| 44,
        checked: Checked::EACH,
        counts_beside: true,
    },
];

impl About {
    /// The experiment of this name; `None` for `classic`, and for what nobody knows.
    pub fn of(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|about| about.name == name)
    }

    /// Whether it takes an option.
    pub fn takes(&self, option: Takes) -> bool {
        self.takes.contains(&option)
    }

    /// Runs, and the most exchanges of a point, where none are named.
    pub const fn size(&self, timing: Timing) -> (u32, u64) {
        match timing {
            Timing::Host => self.sizes[0],
            // Every run is the same, and every exchange too.
            Timing::Instructions => self.sizes[1],
        }
    }

    /// A generous time for `runs` runs on `cpus` CPUs, where a point has `exchanges` exchanges of `each` at
    /// most, and no more than its budget and a tenth of what was needed to find that out.
    pub fn patience(
        &self,
        cpus: u64,
        runs: u64,
        exchanges: u64,
        each: Duration,
        budget: Duration,
    ) -> Duration {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let point = nanoseconds(each).saturating_mul(exchanges).saturating_add(nanoseconds(budget));
        let points = runs.saturating_mul((self.points)(cpus.max(1)).max(1));
        Duration::from_nanos(point.saturating_mul(points))
    }
}

/// Memory that suits an experiment where none is named.
pub fn memory_for(experiment: &str) -> &'static str {
    About::of(experiment).map_or(MEMORY, |about| about.memory)
}
