//! The file of expected instruction counts, and what is held against it: the gate that no noise
//! moves. The counts are the test kernel `instructions`', in deterministic mode; the test of that name
//! judges them, and `test --bless` writes them down.
//!
//! They belong to a compiler and to a `core`, so each pair of those has counts of its own. A pair that
//! is not in the file has nothing to be held against: it is reported and passes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use switchlab_core::format::Grouped;
use switchlab_records::{Record, read_log};

use crate::exit::Outcome;
use crate::guest::{self, BootSpec};
use crate::qemu::{self, Timing};
use crate::status::Refusal;
use crate::toolchain::CoreSource;
use crate::workspace;

/// The test kernels that count, with the CPUs and the memory that each takes.
const KERNELS: [(&str, u32, &str); 2] = [("instructions", 3, "128M"), ("instructions_scale", 64, "512M")];

/// What rewrites the file.
pub const BLESS: &str = "cargo xtask test --bless";

/// Instructions by name, of as many exchanges as the file says.
pub type Counts = BTreeMap<String, u64>;

/// What the counts belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Version of rustc.
    pub rustc: String,
    /// Where `core` came from: `installed` or `from-source`.
    pub core: String,
}

impl Pair {
    /// What builds the kernels.
    pub fn of(source: &CoreSource) -> Self {
        Self { rustc: source.compiler().version.to_string(), core: source.name().to_owned() }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rustc {}, core {}", self.rustc, self.core)
    }
}

/// How the local APICs are driven while it is counted: sending an IPI and acknowledging it are other
/// instructions in each mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apic {
    /// Any QEMU has it, and everything is counted with it.
    Xapic,
    /// QEMU emulates it from version 9.0 on. Only what sends IPIs is counted with it too.
    X2apic,
}

/// How names begin in the kernel for what sends IPIs; in the file [`X2APIC`] follows in x2APIC mode.
const WITH_IPIS: [&str; 11] = [
    "bare_ipi_",
    "fan_",
    "ipi_handoff_",
    "level_across_",
    "level_thread_preempted_",
    "policy_",
    "scale_pairs_",
    "scale_token_",
    "token_",
    "wait_halt_",
    "wait_sleep_",
];
const X2APIC: &str = "x2apic_";

impl Apic {
    /// As `-cpu` wants it.
    const fn cpu(self) -> &'static str {
        match self {
            Self::Xapic => "max,-x2apic",
            Self::X2apic => "max",
        }
    }

    /// Whether a name of the file is counted in this mode.
    fn counts(self, name: &str) -> bool {
        name.contains(X2APIC) == (self == Self::X2apic)
    }

    /// The kernel's name as the file has it; `None` for what is not counted in this mode.
    fn name_in_file(self, name: &str) -> Option<String> {
        match self {
            Self::Xapic => Some(name.to_owned()),
            Self::X2apic => WITH_IPIS.into_iter().find_map(|prefix| {
                let rest = name.strip_prefix(prefix)?;
                Some(format!("{prefix}{X2APIC}{rest}"))
            }),
        }
    }
}

/// What was counted in one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// In which mode.
    pub apic: Apic,
    /// How many exchanges the counts are of.
    pub exchanges: u64,
    /// By the names of the file.
    pub counts: Counts,
}

/// Boots the test kernels in deterministic mode and takes their counts.
///
/// # Errors
///
/// How one ended, where it did not pass, and its log; or that they count other exchanges.
pub fn count(qemu: &Path, loader: &Path, kernels: &Path, apic: Apic) -> Result<Counted, String> {
    let mut all: Option<Counted> = None;
    for (kernel, cpus, memory) in KERNELS {
        let mut spec = BootSpec::new(qemu, loader, kernels.join(kernel));
        spec.smp = cpus;
        spec.memory = memory.into();
        spec.cpu = apic.cpu().into();
        spec.timing = Timing::Instructions;
        // Counting is slower where guests wait for clocks.
        spec.deadline = Duration::from_secs(300);
        let end = guest::boot(&spec);
        if end.outcome != Outcome::Pass {
            return Err(format!("{kernel}: {}\n$ {}\n{}", end.outcome, end.argv, end.log_text));
        }
        let counted = Counted::from_log(&end.log_text, apic)
            .ok_or_else(|| format!("{kernel}: no counts:\n{}", end.log_text))?;
        match &mut all {
            None => all = Some(counted),
            Some(all) if all.exchanges != counted.exchanges => {
                return Err(format!(
                    "{kernel} counts {} exchanges, not {}",
                    counted.exchanges, all.exchanges
                ));
            }
            Some(all) => all.counts.extend(counted.counts),
        }
    }
    all.ok_or_else(|| String::from("no kernel counts"))
}

impl Counted {
    fn from_log(text: &str, apic: Apic) -> Option<Self> {
        let log = read_log(text);
        let counts = log.records.iter().filter_map(|record| match record {
            Record::Count(count) => Some((count.name.clone().into_owned(), count.value)),
            _ => None,
        });
        let mut counts: Counts = counts.collect();
        let exchanges = counts.remove("exchanges").filter(|exchanges| *exchanges != 0)?;
        let counts =
            counts.into_iter().filter_map(|(name, value)| Some((apic.name_in_file(&name)?, value))).collect();
        Some(Self { apic, exchanges, counts })
    }
}

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// How many exchanges the counts are of.
    exchanges: u64,
    /// By pair.
    counts: BTreeMap<String, Counts>,
}

const HEADER: &str = "\
# Instructions of as many exchanges as stated, an exchange being two one-way handoffs, by rustc and by
# where its core came from. `cargo xtask test` fails when one of them grows.
# Written by `cargo xtask test --bless`; kernel/docs/measurement.md tells what they are.

";

/// How a count differs from what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// More instructions than expected, or fewer.
    Other {
        /// By the file.
        expected: u64,
        /// As counted.
        found: u64,
    },
    /// Nothing is expected of it.
    New(u64),
    /// It is expected, and was not counted.
    Missing(u64),
}

/// What comes out when counts are held against the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The file does not know the pair.
    UnknownPair,
    /// It does; here is what differs, by name.
    Known(Vec<(String, Difference)>),
}

impl Difference {
    /// Whether the gate holds it up. What is new has nothing to be held against.
    pub const fn fails(&self) -> bool {
        match self {
            Self::Other { expected, found } => *found > *expected,
            Self::New(_) => false,
            Self::Missing(_) => true,
        }
    }

    /// In words, for `exchanges` exchanges.
    pub fn text(&self, name: &str, exchanges: u64) -> String {
        match *self {
            Self::Other { expected, found } => {
                let (verb, word) = if found > expected { ("GREW", "more") } else { ("shrank", "fewer") };
                let by = found.abs_diff(expected);
                format!(
                    "{name} {verb}: {} instructions expected, {} found, so {} {word} in each of {} exchanges",
                    Grouped(expected),
                    Grouped(found),
                    by as f64 / exchanges as f64,
                    Grouped(exchanges)
                )
            }
            Self::New(found) => format!("{name} is not in the file: {} instructions found", Grouped(found)),
            Self::Missing(expected) => {
                format!("{name} was NOT COUNTED: {} instructions expected", Grouped(expected))
            }
        }
    }
}

impl Expected {
    /// Where it is.
    pub fn path() -> PathBuf {
        workspace::root().join("tests/instructions.toml")
    }

    /// Reads it; without a file, nothing is expected of anybody.
    ///
    /// # Errors
    ///
    /// What in it is not right.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text)
                .with_context(|| format!("{}: mend it, or remove it and run `{BLESS}`", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// As the file has it: sorted, so that only what changed differs.
    ///
    /// # Errors
    ///
    /// None to be expected.
    fn text(&self) -> anyhow::Result<String> {
        Ok(format!("{HEADER}{}", toml::to_string(self)?))
    }

    /// Whether it has counts of this pair.
    pub fn knows(&self, pair: &Pair) -> bool {
        self.counts.contains_key(&pair.to_string())
    }

    /// Holds what was counted against it.
    ///
    /// # Errors
    ///
    /// The kernel counts other exchanges than the file.
    pub fn judge(&self, pair: &Pair, found: &Counted) -> Result<Judgement, String> {
        let Some(expected) = self.counts.get(&pair.to_string()) else {
            return Ok(Judgement::UnknownPair);
        };
        if self.exchanges != found.exchanges {
            return Err(format!(
                "the file has the instructions of {} exchanges, the kernel counts {}; run `{BLESS}`",
                self.exchanges, found.exchanges
            ));
        }
        let expected: Counts = expected
            .iter()
            .filter(|(name, _)| found.apic.counts(name))
            .map(|(n, v)| (n.clone(), *v))
            .collect();
        let names = expected.keys().chain(found.counts.keys().filter(|name| !expected.contains_key(*name)));
        let differences = names.filter_map(|name| {
            let difference = match (expected.get(name), found.counts.get(name)) {
                (Some(expected), Some(found)) if expected == found => return None,
                (Some(&expected), Some(&found)) => Difference::Other { expected, found },
                (Some(&expected), None) => Difference::Missing(expected),
                (None, Some(&found)) => Difference::New(found),
                (None, None) => return None,
            };
            Some((name.clone(), difference))
        });
        Ok(Judgement::Known(differences.collect()))
    }

    /// Takes what was counted as expected from now on, of this pair and in this mode.
    fn bless(&mut self, pair: &Pair, found: Counted) {
        if self.exchanges != found.exchanges {
            // Counts of other exchanges say nothing any more.
            self.counts.clear();
            self.exchanges = found.exchanges;
        }
        let counts = self.counts.entry(pair.to_string()).or_default();
        counts.retain(|name, _| !found.apic.counts(name));
        counts.extend(found.counts);
    }
}

/// Counts, writes the file, and tells what changed in it, as a diff; empty where nothing did.
///
/// Without x2APIC in `qemu`, what is expected with it stays as it was.
///
/// # Errors
///
/// The kernel that did not pass, or the file that can not be read or written.
pub fn bless(qemu: &Path, loader: &Path, kernels: &Path, pair: &Pair) -> anyhow::Result<String> {
    let path = Expected::path();
    let mut expected = Expected::read(&path)?;
    let before = fs::read_to_string(&path).unwrap_or_default();
    let apics = [Apic::Xapic, Apic::X2apic];
    for apic in apics.into_iter().filter(|apic| *apic == Apic::Xapic || qemu::has_x2apic(qemu)) {
        let counted = count(qemu, loader, kernels, apic);
        let counted = counted.map_err(|why| Refusal::with(crate::status::Status::Fail, why))?;
        expected.bless(pair, counted);
    }
    let after = expected.text()?;
    if after != before {
        fs::write(&path, &after).with_context(|| format!("writing {}", path.display()))?;
    }
    let name = path.display().to_string();
    let diff = similar::TextDiff::from_lines(&before, &after);
    Ok(diff.unified_diff().context_radius(2).header(&name, &name).to_string())
}

#[cfg(test)]
mod tests;
