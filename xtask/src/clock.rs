//! What the clock of a run is worth: who tells the TSC's frequency and how far they are apart, what reading
//! it costs, how far the CPUs' counters are apart, and whether it is suspect and why. From the records
//! alone; [`results`](crate::results) gathers them, [`table`](crate::table) prints what is here. What the
//! offsets do to a figure between two CPUs, `one_way` owns.

mod one_way;

use serde::Serialize;
use switchlab_core::format::Grouped;
use switchlab_core::stats::difference_ppm;
use switchlab_records::{Clock, Machine, Offset, Tsc, Unit};

use crate::manifest::plural;
pub use one_way::{Apart, OneWay, time_text};

/// How far sources of the frequency may be apart under emulation, in millionths: 0.1 %.
const ALLOWED_EMULATED_PPM: u64 = 1_000;
/// The same anywhere else: 0.05 %.
const ALLOWED_PPM: u64 = 500;
/// What QEMU's translator calls itself in CPUID's hypervisor leaf. It is what the guest is told, no proof.
const EMULATOR: &str = "TCGTCGTCGTCG";

/// What the records say of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// What a tick stands for. Instructions have no frequency, so no source of it.
    pub unit: Unit,
    /// The machine as the guest saw it.
    pub machine: Option<&'a Machine<'a>>,
    /// The last comparison of the clocks.
    pub clock: &'a Clock,
    /// What the TSC is like.
    pub tsc: Option<Tsc>,
    /// The offsets that were measured.
    pub offsets: &'a [Offset],
}

/// What the clock is worth. `_ticks` are TSC ticks.
#[derive(Clone, Debug, Serialize)]
pub struct Quality {
    /// Why the clock is suspect; empty where it is not.
    pub suspect: Vec<String>,
    /// Who tells the TSC's frequency.
    pub sources: Vec<Source>,
    /// How far the two of them that differ most are apart, in millionths; `None` for fewer than two.
    pub apart_ppm: Option<u64>,
    /// How far they may be.
    pub allowed_ppm: u64,
    /// What the TSC is like.
    pub tsc: Option<Tsc>,
    /// How far the CPUs' counters are apart.
    pub offsets: Vec<Offset>,
}

/// One that tells the TSC's frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Which.
    pub name: &'static str,
    /// What it tells.
    pub hz: u64,
}

impl Quality {
    /// Judges the clock.
    pub fn new(evidence: &Evidence<'_>) -> Self {
        let sources = sources(evidence);
        Self {
            suspect: suspect(evidence),
            apart_ppm: extremes(&sources).map(|extremes| extremes.ppm),
            sources,
            allowed_ppm: allowed_ppm(evidence.machine),
            tsc: evidence.tsc,
            offsets: evidence.offsets.to_vec(),
        }
    }

    /// Whether anything speaks against the clock.
    pub fn is_suspect(&self) -> bool {
        !self.suspect.is_empty()
    }

    /// The conditions that a report of `cpus` CPUs prints, label and text.
    pub fn conditions(&self, cpus: u32) -> Vec<(&'static str, String)> {
        let mut lines = Vec::new();
        if self.is_suspect() {
            lines.push(("Clock suspect", self.suspect.join("; ")));
        }
        lines.extend(self.tsc.map(|tsc| ("Clock reads", reads(&tsc))));
        if cpus > 1 {
            lines.push(("Clock offsets", offsets(&self.offsets)));
        }
        lines
    }

    /// Who tells the frequency, and how far they agree, in words.
    pub fn agreement(&self) -> String {
        let Some((last, others)) = self.sources.split_last() else {
            return "no clock of known frequency answered".into();
        };
        let Some(ppm) = self.apart_ppm else {
            return format!("by the {} alone", last.name);
        };
        let others: Vec<_> = others.iter().map(|source| source.name).collect();
        let agree = if ppm > self.allowed_ppm { "are up to" } else { "agree within" };
        let apart = if ppm > self.allowed_ppm { " apart" } else { "" };
        format!("{} and {} {agree} {} ppm{apart}", others.join(", "), last.name, Grouped(ppm))
    }
}

/// Why the clock is suspect, from what the log says alone; nothing where it is not.
pub fn suspect(evidence: &Evidence<'_>) -> Vec<String> {
    let sources = sources(evidence);
    let allowed = allowed_ppm(evidence.machine);
    let frequency = match (evidence.unit, extremes(&sources), sources.first()) {
        (Unit::Instructions, ..) => None,
        (Unit::Time, Some(Extremes { least, most, ppm }), _) => (ppm > allowed).then(|| {
            let (ppm, allowed) = (Grouped(ppm), Grouped(allowed));
            format!("{} and {} are {ppm} ppm apart, of {allowed} allowed", least.name, most.name)
        }),
        (Unit::Time, None, Some(only)) => Some(format!("only the {} tells its frequency", only.name)),
        (Unit::Time, None, None) => Some("no clock of known frequency answered".into()),
    };
    let used = used(evidence, &sources, allowed);
    let reads = match evidence.tsc {
        None => Some("the log does not say what reading it is like".into()),
        Some(Tsc { step_ticks: 0, .. }) => Some("it stands still".into()),
        Some(Tsc { steps_back: 0, .. }) => None,
        Some(Tsc { steps_back, .. }) => Some(format!("it stepped back {} on CPU 0", times(steps_back))),
    };
    let own = worst(evidence.offsets, |offset| offset.own_steps_back.into());
    let own = own.map(|(offset, more)| {
        let Offset { cpu, against, own_steps_back, .. } = *offset;
        format!("it stepped back {} on CPU {against} or CPU {cpu}{more}", times(own_steps_back.into()))
    });
    // A step back is one, whatever its size.
    let across =
        worst(evidence.offsets, |offset| offset.largest_step_back_ticks.max(offset.steps_back.min(1).into()));
    let across = across.map(|(offset, more)| {
        let Offset { cpu, against, steps_back, rounds, largest_step_back_ticks, .. } = *offset;
        let handovers = Grouped(u64::from(rounds) * 2);
        let largest = ticks(largest_step_back_ticks);
        format!(
            "it steps back from CPU to CPU: in {steps_back} of {handovers} handovers between CPUs {against} \
             and {cpu}, by up to {largest}{more}"
        )
    });
    [frequency, used, reads, own, across].into_iter().flatten().collect()
}

/// The frequency that all times use, held against those that tell it: against each where they agree, else
/// against the one that it is nearest to.
fn used(evidence: &Evidence<'_>, sources: &[Source], allowed: u64) -> Option<String> {
    let used = evidence.clock.tsc_hz;
    let agree = extremes(sources).is_none_or(|extremes| extremes.ppm <= allowed);
    let apart = sources.iter().filter_map(|source| Some((difference_ppm(used, source.hz)?, source.name)));
    let (ppm, name) = if agree { apart.max()? } else { apart.min()? };
    (ppm > allowed).then(|| {
        format!(
            "the frequency that times use and the {name}'s are {} ppm apart, of {} allowed",
            Grouped(ppm),
            Grouped(allowed)
        )
    })
}

/// All that tell the frequency. CPUID's leaf 16h is the base frequency in whole MHz, so it counts where
/// leaf 15h says nothing.
fn sources(evidence: &Evidence<'_>) -> Vec<Source> {
    if evidence.unit == Unit::Instructions {
        return Vec::new();
    }
    let clock = evidence.clock;
    let claims = evidence.tsc.map_or([0; 3], |tsc| {
        let base = if tsc.cpuid_15h_hz == 0 { tsc.cpuid_16h_hz } else { 0 };
        [tsc.cpuid_15h_hz, base, tsc.hypervisor_hz]
    });
    let [leaf_15h, leaf_16h, hypervisor] = claims;
    [
        ("PIT", clock.pit_hz),
        ("PM timer", clock.pm_timer_hz),
        ("HPET", clock.hpet_hz),
        ("CPUID leaf 15h", leaf_15h),
        ("CPUID leaf 16h", leaf_16h),
        ("hypervisor's CPUID leaf", hypervisor),
    ]
    .into_iter()
    .filter(|(_, hz)| *hz != 0)
    .map(|(name, hz)| Source { name, hz })
    .collect()
}

fn allowed_ppm(machine: Option<&Machine<'_>>) -> u64 {
    let emulated = machine.is_some_and(|machine| machine.hypervisor == EMULATOR);
    if emulated { ALLOWED_EMULATED_PPM } else { ALLOWED_PPM }
}

/// The two sources that differ most.
struct Extremes {
    least: Source,
    most: Source,
    ppm: u64,
}

/// `None` for fewer than two sources.
fn extremes(sources: &[Source]) -> Option<Extremes> {
    let least = *sources.iter().min_by_key(|source| source.hz)?;
    let most = *sources.iter().max_by_key(|source| source.hz)?;
    let ppm = (sources.len() > 1).then(|| difference_ppm(most.hz, least.hz)).flatten()?;
    Some(Extremes { least, most, ppm })
}

/// The offset that is worst by `badness`, 0 being none, and words for how many others are bad as well.
fn worst(offsets: &[Offset], badness: impl Fn(&Offset) -> u64) -> Option<(&Offset, String)> {
    let bad = || offsets.iter().filter(|offset| badness(offset) > 0);
    let worst = bad().max_by_key(|offset| badness(offset))?;
    let more = match bad().count() as u64 - 1 {
        0 => String::new(),
        others => format!(" (and between {} more)", plural(others, "pair")),
    };
    Some((worst, more))
}

fn reads(tsc: &Tsc) -> String {
    let Tsc { step_ticks, pairs, read_min_ticks, read_p50_ticks, read_p99_ticks, steps_back, .. } = *tsc;
    let [min, p50, p99] = [read_min_ticks, read_p50_ticks, read_p99_ticks].map(Grouped);
    let back = match steps_back {
        0 => "none stepped back".into(),
        steps => format!("{} stepped back", Grouped(steps)),
    };
    format!(
        "in steps of {}; two in a row {p50} apart (p50), {p99} (p99), {min} at least, of {} pairs; {back}",
        ticks(step_ticks),
        Grouped(pairs.into())
    )
}

fn offsets(offsets: &[Offset]) -> String {
    if offsets.is_empty() {
        return "not measured".into();
    }
    let known = offsets.iter().filter(|offset| is_known(offset));
    let Some(largest) = known.max_by_key(|offset| offset.offset_ticks.unsigned_abs()) else {
        return "not known: no round trip could be timed".into();
    };
    let Offset { cpu, against, rounds, offset_ticks, bound_ticks, .. } = *largest;
    format!(
        "largest offset {}, known to within {} (CPU {cpu} against CPU {against}); {} of CPUs, {} each",
        ticks(offset_ticks.unsigned_abs()),
        Grouped(bound_ticks),
        plural(offsets.len() as u64, "pair"),
        plural(rounds.into(), "round trip")
    )
}

/// Whether a round trip could be timed.
fn is_known(offset: &Offset) -> bool {
    offset.bound_ticks != u64::MAX
}

fn ticks(ticks: u64) -> String {
    format!("{} tick{}", Grouped(ticks), if ticks == 1 { "" } else { "s" })
}

fn times(count: u64) -> String {
    plural(count, "time")
}

#[cfg(test)]
mod tests;
