//! What is measured: the experiment's options, the words that its kernel gets, and how long it may take.

use std::time::Duration;

use switchlab_core::params::{
    BUDGET, DEFAULT_PAIR, EXCHANGES, Params, RUNS, SAMPLES, TASKS, WARM_UP, WHY_TASKS, parse_pair,
};
use switchlab_core::policy::{Policies, PolicyName};
use switchlab_core::{Way, Ways};

use crate::qemu::{Accelerator, Timing};
use crate::status::Refusal;
use crate::survey::about::{self, About, Takes};

/// The experiments that there are.
pub const EXPERIMENTS: [&str; 8] =
    ["classic", "ring", "fan", "policy", "wait", "matrix", "scale", "hierarchy"];

/// What is measured.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Experiment")]
pub struct ExperimentArgs {
    /// Which experiment
    #[arg(long, value_name = "NAME", default_value = EXPERIMENTS[0], value_parser = EXPERIMENTS)]
    pub experiment: String,
    /// Runs in a boot, 1 to 1000 [default: 5; with --boots 3; with --deterministic, where all are the same, 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(range(RUNS)))]
    pub runs: Option<u32>,
    /// Exchanges in each timed block, 1 to 1000000000; one exchange is two switches. Of an experiment with
    /// many points the most, which its budget may cut [default: 1000000; with --boots 100000; with
    /// --deterministic 10000; wait, ring, fan, scale, policy 100000, matrix 10000, and less with
    /// --deterministic]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(EXCHANGES))]
    pub exchanges: Option<u64>,
    /// Exchanges before each timed block, discarded, 0 to 1000000000 [default: 10000; of experiments with
    /// many points a tenth of --exchanges]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(WARM_UP))]
    pub warm_up: Option<u64>,
    /// Exchanges in each block of the sampled pass, each timed by itself; 0 for no such pass, and never
    /// more than --exchanges [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(SAMPLES))]
    pub samples: Option<u64>,
    /// The two CPUs, the first also that of the same-core mode; of ring and fan those that come first: the one that
    /// times and sends first, and the one that a ring of two or a single consumer is on. Of matrix the only pair
    /// [default: 0,1; of matrix all]
    #[arg(long, value_name = "A,B", value_parser = pair)]
    pub pair: Option<(u32, u32)>,
    /// Of wait and matrix: the ways to wait, with commas between them: halt, spin, spin-pause, spin-halt,
    /// mwait [default: all]
    #[arg(long, value_name = "LIST", value_parser = ways)]
    pub ways: Option<Ways>,
    /// How long a point is measured at most, 1 to 60000 milliseconds; with --deterministic millions of
    /// instructions [default: the experiment's own]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(BUDGET))]
    pub budget: Option<u64>,
    /// Of scale and policy: the most tasks, 2 to 65536 [default: the experiment's own]
    #[arg(long, value_name = "N", value_parser = tasks)]
    pub tasks: Option<u32>,
    /// Of policy: the policies, with commas between them: round-robin, lifo, stealing [default: all]
    #[arg(long, value_name = "LIST", value_parser = policies)]
    pub policy: Option<Policies>,
}

fn policies(text: &str) -> Result<Policies, String> {
    let allowed =
        || format!("one or more, each once, with commas between them, of {}", PolicyName::NAMES.join(", "));
    Policies::parse(text).ok_or_else(allowed)
}

fn ways(text: &str) -> Result<Ways, String> {
    let allowed =
        || format!("one or more, each once, with commas between them, of {}", Way::NAMES.join(", "));
    Ways::parse(text).ok_or_else(allowed)
}

fn range(range: std::ops::RangeInclusive<u64>) -> std::ops::RangeInclusive<i64> {
    let narrow = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    narrow(*range.start())..=narrow(*range.end())
}

/// In clap's words for a range, and why it is that.
fn tasks(text: &str) -> Result<u32, String> {
    let number: u64 = text.parse().map_err(|_| format!("a number in {TASKS:?} is expected"))?;
    let tasks = u32::try_from(number).ok().filter(|_| TASKS.contains(&number));
    tasks.ok_or_else(|| format!("{number} is not in {TASKS:?}: {WHY_TASKS}"))
}

fn pair(text: &str) -> Result<(u32, u32), String> {
    parse_pair(text).ok_or_else(|| "two CPU numbers A,B are expected, like 0,1".into())
}

impl ExperimentArgs {
    /// Holds the parameters against a guest of `cpus` CPUs.
    ///
    /// # Errors
    ///
    /// Status 2, with what is allowed.
    pub fn check(&self, cpus: u32, manner: Manner) -> anyhow::Result<()> {
        self.check_taken()?;
        let words = self.words(cpus, manner);
        Params::parse(&words, &EXPERIMENTS)
            .and_then(|params| params.validate(cpus))
            .map_err(|error| Refusal::usage(error.to_string()))
    }

    /// What an experiment does not take is not left out in silence.
    fn check_taken(&self) -> anyhow::Result<()> {
        let Self { experiment, pair, samples, ways, budget, tasks, policy, .. } = self;
        let refuse = |option: &str, why: &str| {
            Err(Refusal::usage(format!("{option} with --experiment {experiment}: {why}; leave it out")))
        };
        let about = self.about();
        if about.is_some() && samples.is_some() {
            return refuse("--samples", "it has no sampled pass");
        }
        for option in Takes::ALL {
            let is_given = match option {
                Takes::Ways => ways.is_some(),
                Takes::Budget => budget.is_some(),
                Takes::Tasks => tasks.is_some(),
                Takes::Pair => pair.is_some(),
                Takes::Policy => policy.is_some(),
            };
            let is_taken = about.map_or(option == Takes::Pair, |about| about.takes(option));
            if is_given && !is_taken {
                let others = about::ALL.iter().filter(|about| about.takes(option)).map(|about| about.name);
                let takers: Vec<_> =
                    (option == Takes::Pair).then_some(EXPERIMENTS[0]).into_iter().chain(others).collect();
                return refuse(option.option(), &format!("it does not take it, {} do", takers.join(", ")));
            }
        }
        Ok(())
    }

    /// What is known of it, where it is one with many points.
    pub fn about(&self) -> Option<&'static About> {
        About::of(&self.experiment)
    }

    /// The pair is left out where there is one CPU, unless it was asked for.
    pub fn words(&self, cpus: u32, manner: Manner) -> String {
        let Self { experiment, pair, samples, budget, tasks, .. } = self;
        let Size { runs, exchanges } = self.size(manner);
        let warm_up = self.warm_up.or_else(|| self.about().map(|_| exchanges / 10));
        // With many points a pair is named where it is meant: the matrix has all of them without.
        let pair = pair.or((cpus > 1 && self.about().is_none()).then_some(DEFAULT_PAIR));
        let pair = pair.map_or_else(String::new, |(first, second)| format!(" pair={first},{second}"));
        let tasks = tasks.map(u64::from);
        let named = [("warmup", warm_up), ("samples", *samples), ("budget", *budget), ("tasks", tasks)]
            .map(|(key, value)| value.map_or_else(String::new, |value| format!(" {key}={value}")));
        let ways = self.ways.map_or_else(String::new, |ways| format!(" ways={ways}"));
        let policy = self.policy.map_or_else(String::new, |policy| format!(" policy={policy}"));
        let unit = match manner.timing {
            Timing::Host => "",
            Timing::Instructions => " unit=instructions",
        };
        format!(
            "experiment={experiment} runs={runs} exchanges={exchanges}{pair}{}{ways}{policy}{unit}",
            named.concat()
        )
    }

    /// How much is measured in a boot: what was asked for, else what suits.
    pub fn size(&self, manner: Manner) -> Size {
        let of_points = self.about().map(|about| about.size(manner.timing));
        let of_points = of_points.map(|(runs, exchanges)| Size { runs, exchanges });
        let default = of_points.unwrap_or(match (manner.timing, manner.boots) {
            // Every run is the same and every exchange too: what more of them would show is nothing.
            (Timing::Instructions, _) => Size { runs: 1, exchanges: 10_000 },
            // The original's.
            (Timing::Host, Repeat::One) => Size { runs: 5, exchanges: 1_000_000 },
            // The boot counts, so that boots come before length: a boot takes a few seconds.
            (Timing::Host, Repeat::Many) => Size { runs: 3, exchanges: 100_000 },
        });
        Size {
            runs: self.runs.unwrap_or(default.runs),
            exchanges: self.exchanges.unwrap_or(default.exchanges),
        }
    }

    /// The deadline where none is named: a minute, and generous time for each exchange. TCG takes no
    /// longer to run instructions because it counts them.
    pub fn deadline(&self, accelerator: Accelerator, cpus: u32, manner: Manner) -> Duration {
        let Size { runs, exchanges } = self.size(manner);
        let each = if accelerator.has_thread_per_cpu() { MULTI_EXCHANGE } else { SINGLE_EXCHANGE };
        if let Some(about) = self.about() {
            let budget = Duration::from_millis(self.budget.unwrap_or(about.budget_ms).saturating_mul(2));
            let each = Duration::from_micros(each);
            let patience = about.patience(cpus.into(), runs.into(), exchanges, each, budget);
            return Duration::from_secs(60).saturating_add(patience);
        }
        let exchanges = u64::from(runs).saturating_mul(exchanges);
        Duration::from_secs(60).saturating_add(Duration::from_micros(exchanges.saturating_mul(each)))
    }
}

/// How a job is measured, as far as it sets what suits where nothing is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What a tick is.
    pub timing: Timing,
    /// How often it is booted.
    pub boots: Repeat,
}

/// How often a job is booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once: classic mode.
    One,
    /// Many times: rigorous mode.
    Many,
}

/// How much is measured in a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Runs.
    pub runs: u32,
    /// Exchanges in each timed block.
    pub exchanges: u64,
}

/// Microseconds of the deadline for each exchange of a run, over all modes: about five times what
/// a slow host was seen to take, in one thread and with a thread per CPU.
const SINGLE_EXCHANGE: u64 = 60;
const MULTI_EXCHANGE: u64 = 800;

#[cfg(test)]
mod tests;
