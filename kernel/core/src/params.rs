//! The kernel's command line: `key=value` words. The kernel parses and echoes it; xtask holds its
//! own options against the same limits before a guest starts.

use core::fmt;
use core::ops::RangeInclusive;

use switchlab_records::Unit;

use crate::{
    CpuId, MAX_CPUS, Way, Ways,
    policy::{Policies, PolicyName},
};

/// The keys, in the order in which they are shown.
pub const KEYS: [&str; 14] = [
    "experiment",
    "runs",
    "exchanges",
    "warmup",
    "samples",
    "pair",
    "seed",
    "unit",
    "offsets",
    "trace",
    "ways",
    "budget",
    "tasks",
    "policy",
];
/// How many runs there may be.
pub const RUNS: RangeInclusive<u64> = 1..=1_000;
/// How many exchanges a timed block may have.
pub const EXCHANGES: RangeInclusive<u64> = 1..=1_000_000_000;
/// How many exchanges may go before a timed block.
pub const WARM_UP: RangeInclusive<u64> = 0..=1_000_000_000;
/// How many exchanges a block of the sampled pass may have; 0 for no such pass.
pub const SAMPLES: RangeInclusive<u64> = 0..=1_000_000_000;
/// How many exchanges of each mode may be traced; 0 for no trace.
pub const TRACE: RangeInclusive<u64> = 0..=5_000;
/// How long a point of an experiment may be measured, in milliseconds; under a tick that is an
/// instruction, in millions of instructions.
pub const BUDGET: RangeInclusive<u64> = 1..=60_000;
/// How many tasks there may be at most. The heap's end sets it: see [`MOST_HEAP_BYTES`].
pub const TASKS: RangeInclusive<u64> = 2..=65_536;
/// Bytes of the kernel's heap at the most: what the most tasks of [`TASKS`] under each of three policies at once
/// take of it, with 64 CPUs.
pub const MOST_HEAP_BYTES: u64 = 128 << 20;
/// Why [`TASKS`] ends where it does, and what to do.
pub const WHY_TASKS: &str = "the kernel's heap, of 128 MiB at most, is made for 65,536 tasks under each of three policies at once, and a switch takes two; leave the number out, or give one between these";
/// The seeds that there are: all of them.
pub const SEED: RangeInclusive<u64> = 0..=u64::MAX;
/// The two CPUs where none are named.
pub const DEFAULT_PAIR: (u32, u32) = (0, 1);

const UNITS: [Unit; 2] = [Unit::Time, Unit::Instructions];
const UNIT_NAMES: [&str; 2] = [UNITS[0].name(), UNITS[1].name()];

/// What the kernel is asked to do. `Display` gives it as `key=value` words, all keys of
/// `classic` filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Name of the experiment; the default is the first that is known.
    pub experiment: &'static str,
    /// Runs, within [`RUNS`]; 5 by default.
    pub runs: u32,
    /// Exchanges in each timed block, within [`EXCHANGES`]; 1,000,000 by default.
    pub exchanges: u64,
    /// Exchanges before each timed block, discarded, within [`WARM_UP`]; 10,000 by default. Its
    /// key is `warmup`.
    pub warm_up: u64,
    /// Exchanges in each block of the sampled pass, within [`SAMPLES`]; 100,000 by default. See
    /// [`Params::sampled_exchanges`].
    pub samples: u64,
    /// The two CPUs by dense number, where they were named; see [`Params::cpu_pair`].
    pub pair: Option<(u32, u32)>,
    /// Seed of the order of the modes; 0, the default, for the order that alternates.
    pub seed: u64,
    /// What a TSC tick is; a time by default. The machine can not tell: it has to be told.
    pub unit: Unit,
    /// Between which CPUs' counters offsets are looked for; [`Offsets::Bsp`] by default.
    pub offsets: Offsets,
    /// Exchanges of each mode to trace instead of measuring, within [`TRACE`]; 0 by default. For the
    /// marked kernel, which does nothing else.
    pub trace: u64,
    /// The ways to wait that are measured; all by default.
    pub ways: Option<Ways>,
    /// How long each point is measured at most, within [`BUDGET`]; the experiment has its default.
    pub budget_ms: Option<u64>,
    /// The most tasks, within [`TASKS`]; the experiment has its default.
    pub tasks: Option<u32>,
    /// The policies that are measured; all by default.
    pub policies: Option<Policies>,
}

/// Between which CPUs' counters offsets are looked for, before the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offsets {
    /// Between all pairs of CPUs.
    All,
    /// Between CPU 0 and each other.
    Bsp,
    /// Between none.
    None,
}

impl Offsets {
    /// All of them.
    pub const VALUES: [Self; 3] = [Self::All, Self::Bsp, Self::None];
    const NAMES: [&'static str; 3] = [Self::All.name(), Self::Bsp.name(), Self::None.name()];

    /// As the command line has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Bsp => "bsp",
            Self::None => "none",
        }
    }
}

impl Params {
    /// Reads a command line. Words are separated by white space; what is not named keeps its
    /// default. The first of `known_experiments` is the default, `none` where there are none.
    ///
    /// # Errors
    ///
    /// [`ParamError`] for the first word that is not right. Whether the CPUs of the pair exist
    /// is for [`Params::validate`] to say.
    pub fn parse<'a>(text: &'a str, known_experiments: &'a [&'static str]) -> Result<Self, ParamError<'a>> {
        let mut params = Self {
            experiment: known_experiments.first().copied().unwrap_or("none"),
            runs: 5,
            exchanges: 1_000_000,
            warm_up: 10_000,
            samples: 100_000,
            pair: None,
            seed: 0,
            unit: Unit::Time,
            offsets: Offsets::Bsp,
            trace: 0,
            ways: None,
            budget_ms: None,
            tasks: None,
            policies: None,
        };
        let mut seen = [false; KEYS.len()];
        for word in text.split_whitespace() {
            let (key, value) = word
                .split_once('=')
                .filter(|(key, _)| !key.is_empty())
                .ok_or(ParamError::Malformed { word })?;
            let place = KEYS.iter().position(|k| *k == key).ok_or(ParamError::UnknownKey { key })?;
            if seen[place] {
                return Err(ParamError::Duplicate { key });
            }
            seen[place] = true;
            params.set(key, value, known_experiments)?;
        }
        Ok(params)
    }

    /// `key` is one of [`KEYS`].
    fn set<'a>(
        &mut self,
        key: &'a str,
        value: &'a str,
        known: &'a [&'static str],
    ) -> Result<(), ParamError<'a>> {
        match key {
            "experiment" => {
                let found = known.iter().find(|name| **name == value);
                self.experiment = found.ok_or(ParamError::UnknownExperiment { name: value, known })?;
            }
            // The range lies within 32 bits.
            "runs" => self.runs = number(key, value, RUNS)? as u32,
            "exchanges" => self.exchanges = number(key, value, EXCHANGES)?,
            "warmup" => self.warm_up = number(key, value, WARM_UP)?,
            "samples" => self.samples = number(key, value, SAMPLES)?,
            "pair" => {
                let pair = parse_pair(value);
                self.pair = Some(pair.ok_or(ParamError::Value { key, value, allowed: Allowed::CpuPair })?);
            }
            "seed" => self.seed = number(key, value, SEED)?,
            "trace" => self.trace = number(key, value, TRACE)?,
            "ways" => {
                let ways = Ways::parse(value);
                let allowed = Allowed::ListOf(&Way::NAMES);
                self.ways = Some(ways.ok_or(ParamError::Value { key, value, allowed })?);
            }
            "budget" => self.budget_ms = Some(number(key, value, BUDGET)?),
            // The range lies within 32 bits.
            "tasks" => self.tasks = Some(number(key, value, TASKS)? as u32),
            "policy" => {
                let policies = Policies::parse(value);
                let allowed = Allowed::ListOf(&PolicyName::NAMES);
                self.policies = Some(policies.ok_or(ParamError::Value { key, value, allowed })?);
            }
            "unit" => {
                let found = UNITS.into_iter().find(|unit| unit.name() == value);
                let allowed = Allowed::Words(&UNIT_NAMES);
                self.unit = found.ok_or(ParamError::Value { key, value, allowed })?;
            }
            "offsets" => {
                let found = Offsets::VALUES.into_iter().find(|offsets| offsets.name() == value);
                let allowed = Allowed::Words(&Offsets::NAMES);
                self.offsets = found.ok_or(ParamError::Value { key, value, allowed })?;
            }
            _ => return Err(ParamError::UnknownKey { key }),
        }
        Ok(())
    }

    /// Holds the parameters against a machine with CPUs 0 to `cpus - 1`.
    ///
    /// A pair that was not named is not looked at: on one CPU the default has no second CPU, and
    /// what needs one is skipped.
    ///
    /// # Errors
    ///
    /// [`ParamError::SameCpu`], [`ParamError::AbsentCpu`].
    pub fn validate(&self, cpus: u32) -> Result<(), ParamError<'static>> {
        let Some((first, second)) = self.pair else { return Ok(()) };
        if first == second {
            return Err(ParamError::SameCpu { cpu: first });
        }
        match [first, second].into_iter().find(|cpu| *cpu >= cpus) {
            Some(cpu) => Err(ParamError::AbsentCpu { cpu, last: first.max(second), cpus }),
            None => Ok(()),
        }
    }

    /// Exchanges in each block of the sampled pass: no more than in one of the batch pass.
    pub fn sampled_exchanges(&self) -> u64 {
        self.samples.min(self.exchanges)
    }

    /// The two CPUs, the default filled in. The first is also the one of the single-CPU modes.
    pub fn cpu_pair(&self) -> (CpuId, CpuId) {
        let (first, second) = self.pair.unwrap_or(DEFAULT_PAIR);
        (CpuId::new(first), CpuId::new(second))
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            experiment, runs, exchanges, warm_up, samples, pair: _, seed, unit, offsets, trace, ..
        } = self;
        let (first, second) = self.cpu_pair();
        write!(f, "experiment={experiment} runs={runs} exchanges={exchanges} warmup={warm_up} ")?;
        write!(f, "samples={samples} pair={first},{second} seed={seed} ")?;
        write!(f, "unit={} offsets={} trace={trace}", unit.name(), offsets.name())?;
        // What only some experiments take is shown where it was named.
        let Self { ways, budget_ms, tasks, policies, .. } = self;
        ways.map_or(Ok(()), |ways| write!(f, " ways={ways}"))?;
        budget_ms.map_or(Ok(()), |budget| write!(f, " budget={budget}"))?;
        tasks.map_or(Ok(()), |tasks| write!(f, " tasks={tasks}"))?;
        policies.map_or(Ok(()), |policies| write!(f, " policy={policies}"))
    }
}

/// Digits alone: no sign, no separator, no white space.
fn digits<T: core::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn number<'a>(key: &'a str, value: &'a str, range: RangeInclusive<u64>) -> Result<u64, ParamError<'a>> {
    let (from, to) = (*range.start(), *range.end());
    digits(value).filter(|number| range.contains(number)).ok_or(ParamError::Value {
        key,
        value,
        allowed: Allowed::Number { from, to },
    })
}

/// Reads `A,B`: two dense CPU numbers. Whether they exist, or differ, is not looked at.
pub fn parse_pair(value: &str) -> Option<(u32, u32)> {
    let (first, second) = value.split_once(',')?;
    Some((digits(first)?, digits(second)?))
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// A decimal number.
    Number {
        /// The smallest.
        from: u64,
        /// The largest.
        to: u64,
    },
    /// Two CPUs.
    CpuPair,
    /// One of these words.
    Words(&'static [&'static str]),
    /// One or more of these words, with commas between them.
    ListOf(&'static [&'static str]),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { from, to } => write!(f, "a number from {from} to {to}"),
            Self::CpuPair => write!(f, "two CPU numbers A,B"),
            Self::Words(words) => list(f, words),
            Self::ListOf(words) => {
                write!(f, "one or more, with commas between them, of ")?;
                list(f, words)
            }
        }
    }
}

/// What is wrong with a command line. `Display` names the thing and says what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamError<'a> {
    /// A word that is not `key=value`.
    Malformed {
        /// The word.
        word: &'a str,
    },
    /// A key that is none of [`KEYS`].
    UnknownKey {
        /// The key.
        key: &'a str,
    },
    /// A key for the second time.
    Duplicate {
        /// The key.
        key: &'a str,
    },
    /// A value that its key does not take.
    Value {
        /// The key.
        key: &'a str,
        /// The value.
        value: &'a str,
        /// What it takes.
        allowed: Allowed,
    },
    /// No experiment of that name.
    UnknownExperiment {
        /// The name.
        name: &'a str,
        /// The names that there are.
        known: &'a [&'static str],
    },
    /// A pair of one CPU with itself.
    SameCpu {
        /// The CPU.
        cpu: u32,
    },
    /// A pair with a CPU that the machine does not have.
    AbsentCpu {
        /// The CPU.
        cpu: u32,
        /// The pair's larger one: what is needed goes by that.
        last: u32,
        /// How many the machine has.
        cpus: u32,
    },
}

impl fmt::Display for ParamError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Malformed { word } => {
                write!(f, "malformed kernel parameter `{word}`: key=value expected, with one of the keys ")?;
                list(f, &KEYS)
            }
            Self::UnknownKey { key } => {
                write!(f, "unknown kernel parameter `{key}`: allowed are ")?;
                list(f, &KEYS)
            }
            Self::Duplicate { key } => {
                write!(f, "kernel parameter `{key}` is given twice: once is allowed")
            }
            Self::Value { key, value, allowed } => {
                write!(f, "bad value `{value}` of kernel parameter `{key}`: allowed is {allowed}")?;
                if key == "tasks" { write!(f, "; {WHY_TASKS}") } else { Ok(()) }
            }
            Self::UnknownExperiment { name, known } => {
                write!(f, "unknown experiment `{name}`: allowed are ")?;
                list(f, known)
            }
            Self::SameCpu { cpu } => {
                write!(f, "kernel parameter `pair`: {cpu},{cpu} is one CPU, allowed are two different ones")
            }
            Self::AbsentCpu { cpu, last, cpus } => {
                write!(f, "kernel parameter `pair`: CPU {cpu} is absent, ")?;
                match cpus {
                    0 | 1 => write!(f, "this machine has CPU 0 only and no pair is allowed")?,
                    _ => write!(f, "allowed are 0 to {}", cpus - 1)?,
                }
                match last as usize {
                    last @ ..MAX_CPUS => write!(f, "; this pair needs --smp {} or more", last + 1),
                    _ => write!(f, "; no machine has CPU {last}: --smp goes up to {MAX_CPUS}"),
                }
            }
        }
    }
}

impl core::error::Error for ParamError<'_> {}

fn list(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    if names.is_empty() {
        return f.write_str("(none)");
    }
    for (place, name) in names.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        f.write_str(name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
