//! What differs between two boots, and what that forbids. A figure compares builds only where all else
//! is the same.

use switchlab_core::format::Grouped;
use switchlab_records::{Mode, Unit};

use super::{Boot, Side};
use crate::manifest::{Manifest, plural, short};
use crate::qemu::Timing;
use crate::watch::BUSY_PERCENT;

/// A difference that forbids a comparison unless it is asked for by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Allowed {
    /// What executes the guest: TCG, KVM, another
    Accelerator,
    /// The number of virtual CPUs
    Cpus,
    /// Exchanges in a block, where instructions are counted: what a block executes once is then spread
    /// over another number of switches
    Exchanges,
}

impl Allowed {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Accelerator => "accelerator",
            Self::Cpus => "cpus",
            Self::Exchanges => "exchanges",
        }
    }
}

/// One thing that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: &'static str,
    pub(super) values: [String; 2],
    pub(super) weight: Weight,
}

/// What a difference does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// There is no comparing.
    Never,
    /// There is none unless it is asked for.
    Unless(Allowed),
    /// It is said.
    Warn,
}

/// All that differs between two boots, but for what they booted.
pub(super) fn differences(one: &Boot, other: &Boot) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut hold = |what, weight, values: [Option<String>; 2]| {
        if let [Some(one), Some(other)] = values
            && one != other
        {
            found.push(Difference { what, values: [one, other], weight });
        }
    };
    let boots = [one, other];
    let facts = boots.map(|boot| &boot.facts);
    let exchanges = match one.facts.unit {
        Unit::Time => Weight::Warn,
        Unit::Instructions => Weight::Unless(Allowed::Exchanges),
    };
    let manifests = boots.map(|boot| boot.manifest.as_ref());
    let of = |fact: fn(&Manifest) -> String| manifests.map(|manifest| manifest.map(fact));
    hold("the unit", Weight::Never, facts.map(|facts| Some(facts.unit_name().into())));
    hold("the experiment", Weight::Warn, facts.map(|facts| Some(facts.experiment.clone())));
    // The manifest knows what was started; the guest at least what it was told.
    let accelerator = Weight::Unless(Allowed::Accelerator);
    let kinds = of(|manifest| kind(&manifest.accelerator.argument).to_owned());
    if kinds.iter().all(Option::is_some) {
        hold("the accelerator", accelerator, kinds);
    } else {
        hold("the hypervisor", accelerator, facts.map(|facts| facts.hypervisor.clone()));
    }
    hold(
        "the number of CPUs",
        Weight::Unless(Allowed::Cpus),
        facts.map(|facts| Some(facts.cpus?.to_string())),
    );
    hold("the thread mode", Weight::Warn, of(|manifest| manifest.accelerator.name.clone()));
    hold("the QEMU version", Weight::Warn, of(|manifest| manifest.qemu.version.clone()));
    hold("the CPU model", Weight::Warn, of(|manifest| manifest.guest.cpu.clone()));
    hold("the CPU that the guest sees", Weight::Warn, facts.map(|facts| facts.cpu.clone()));
    hold("the host", Weight::Warn, of(host));
    hold("the number of exchanges", exchanges, facts.map(|facts| Some(Grouped(facts.exchanges).to_string())));
    hold("the warm-up", Weight::Warn, facts.map(|facts| Some(Grouped(facts.warm_up).to_string())));
    hold(
        "the pair of CPUs",
        Weight::Warn,
        facts.map(|facts| Some(format!("{},{}", facts.pair[0], facts.pair[1]))),
    );
    hold("the compiler", Weight::Warn, compilers(manifests));
    found
}

/// What executes the guest, without its settings: `tcg` of `tcg,thread=single`.
fn kind(argument: &str) -> &str {
    argument.split(',').next().unwrap_or(argument)
}

fn host(manifest: &Manifest) -> String {
    let host = &manifest.host;
    let pinned = host.pinned_to.as_ref().map_or_else(String::new, |list| format!(", pinned to {list}"));
    format!("{}, {}{pinned}", host.cpu, plural(u64::from(host.cpus), "CPU"))
}

fn compilers(manifests: [Option<&Manifest>; 2]) -> [Option<String>; 2] {
    manifests.map(|manifest| {
        let toolchain = manifest?.toolchain.as_ref()?;
        Some(format!("rustc {} (core {})", toolchain.version, toolchain.core))
    })
}

/// How much of the host went to others in a side's boots, in percent; `None` where no boot tells, and where
/// instructions were counted, which no host moves.
fn host_busy_percent(side: &Side) -> Option<f64> {
    let manifests = side.boots.iter().filter_map(|boot| boot.manifest.as_ref());
    let timed = manifests.filter(|manifest| manifest.accelerator.timing == Timing::Host);
    let told = timed.filter_map(|manifest| manifest.watch.as_ref()?.host_busy_percent);
    let shares: Vec<_> = told.collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

/// Says so where the host of one side was much busier than the other's: by as much as makes a quiet one
/// busy.
fn busier(shares: [Option<f64>; 2]) -> Option<String> {
    let [a, b] = [shares[0]?, shares[1]?];
    let side = if a > b { "A" } else { "B" };
    ((a - b).abs() >= BUSY_PERCENT).then(|| {
        format!("the host was busier under {side}: of its CPU time {a:.0} % went to others under A, {b:.0} % under B")
    })
}

/// What is worth saying of the two sides besides.
pub(super) fn notes(a: &Side, b: &Side) -> Vec<String> {
    let mut notes = Vec::new();
    for (letter, side) in [("A", a), ("B", b)] {
        if side.boots.iter().any(|boot| boot.manifest.is_none()) {
            notes.push(format!(
                "{letter} has no manifest: accelerator, QEMU, host and kernel are not known, and neither is what is void"
            ));
        }
        if side.boots.iter().any(|boot| boot.facts.clock_is_suspect) {
            notes.push(format!("the clock of {letter} is suspect; `replay` says why"));
        }
        let void: usize = side.boots.iter().map(|boot| boot.void_runs.len()).sum();
        if void > 0 {
            let runs: u64 = side.boots.iter().map(|boot| u64::from(boot.facts.runs)).sum();
            notes.push(format!("{void} of the {} of {letter} are void, and out of it", plural(runs, "run")));
        }
    }
    notes.extend(busier([a, b].map(host_busy_percent)));
    for mode in Mode::ALL {
        for (letter, has, lacks) in [("A", a, b), ("B", b, a)] {
            if has.has(mode) && !lacks.has(mode) {
                notes.push(format!("{} was measured by {letter} alone", mode.name()));
            }
        }
    }
    notes
}

/// Whether both booted the same kernel, in words.
pub(super) fn kernels(a: &Boot, b: &Boot) -> String {
    let [Some(a), Some(b)] = [a, b].map(|boot| boot.manifest.as_ref()) else {
        return "not known".into();
    };
    if a.kernel.sha256 == b.kernel.sha256 {
        return format!("the same in both ({})", kernel(a));
    }
    format!("A {}, B {}", kernel(a), kernel(b))
}

fn kernel(manifest: &Manifest) -> String {
    let hash = short(&manifest.kernel.sha256);
    match &manifest.revision {
        None => format!("SHA-256 {hash}"),
        Some(revision) => {
            let changes = if revision.dirty { " with changes" } else { "" };
            format!("SHA-256 {hash}, sources {}{changes}", short(&revision.commit))
        }
    }
}

/// One boot's conditions in a line.
pub(super) fn in_short(boot: &Boot) -> String {
    let facts = &boot.facts;
    let mut parts = vec![format!("{} exchanges a block", Grouped(facts.exchanges))];
    parts.extend(facts.cpus.map(|cpus| plural(u64::from(cpus), "CPU")));
    match &boot.manifest {
        Some(manifest) => parts.extend([
            manifest.accelerator.name.clone(),
            format!("QEMU {}", manifest.qemu.version),
            format!("on {}", host(manifest)),
            manifest.started.clone(),
        ]),
        None => parts.extend(facts.hypervisor.as_ref().map(|name| format!("hypervisor {name}"))),
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_busier_host_is_said_with_both_shares() {
        let why = "the host was busier under B: of its CPU time 3 % went to others under A, 34 % under B";
        assert_eq!(busier([Some(3.4), Some(34.0)]).as_deref(), Some(why));
        assert!(busier([Some(34.0), Some(3.4)]).is_some_and(|why| why.contains("busier under A")));
        assert_eq!(busier([Some(30.0), Some(34.0)]), None, "busy, and alike");
        assert_eq!(busier([Some(3.0), Some(9.0)]), None);
        assert_eq!(busier([None, Some(90.0)]), None);
    }
}
