//! Which ways to wait this machine has, what each of the others would need, and what some need that is measured right
//! before them.

use alloc::{format, vec::Vec};

use switchlab_core::{CpuId, Way, Ways};
use switchlab_records::{Named, Unit};

use super::{
    super::points::{self, named},
    Bench, Waiting,
};
use crate::{
    arch::mwait::{self, Mwait},
    bring_up::refuse,
};

/// What some of the ways need that is measured right before them.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// See [`Bench::break_even_ticks`]; 0 where nobody spins, then halts.
    pub break_even_ticks: u64,
    /// MWAIT, and its [`Bench::untouched_returns`].
    pub mwait: Option<(Mwait, u64)>,
}

/// How long MWAIT is looked at on a line that nobody writes to.
const UNTOUCHED_TICKS: u64 = 1_000_000;
/// How often it may return meanwhile where it truly waits: for the write at the end, and for what else may end
/// it, such as an interrupt of the machine's own.
const FEW: u64 = 16;

impl Needs {
    /// Measures what `found` needs, between two CPUs.
    pub fn measure(bench: &Bench, found: &Found, pair: [CpuId; 2]) -> Self {
        Self { break_even_ticks: 0, mwait: None }.between(bench, found, pair).on_a_line(bench, found, pair)
    }

    /// The same between two other CPUs. What MWAIT is, the whole machine is.
    #[must_use]
    pub fn between(self, bench: &Bench, found: &Found, pair: [CpuId; 2]) -> Self {
        let spins = found.ways.contains(&Way::SpinHalt);
        Self { break_even_ticks: if spins { bench.break_even_ticks(pair) } else { 0 }, ..self }
    }

    fn on_a_line(self, bench: &Bench, found: &Found, pair: [CpuId; 2]) -> Self {
        let returns = |mwait| (mwait, bench.untouched_returns(mwait, pair, UNTOUCHED_TICKS));
        Self { mwait: found.mwait.map(returns), ..self }
    }

    /// What is told of them with a way's points.
    pub fn told(&self, way: Way) -> Vec<Named<'static>> {
        match (way, self.mwait) {
            (Way::SpinHalt, _) => named([("break-even-ticks", self.break_even_ticks)]),
            (Way::Mwait, Some((_, returns))) => {
                named([("true-wait", u64::from(returns <= FEW)), ("untouched-returns", returns)])
            }
            _ => Vec::new(),
        }
    }

    /// How to wait in `way`.
    pub fn waiting(&self, way: Way) -> Waiting {
        match (way, self.mwait) {
            (Way::Halt, _) => Waiting::Halt,
            (Way::Spin, _) => Waiting::Spin,
            (Way::SpinPause, _) => Waiting::SpinPause,
            (Way::SpinHalt, _) => Waiting::SpinHalt { patience_ticks: self.break_even_ticks },
            (Way::Mwait, Some((mwait, _))) => Waiting::Mwait(mwait),
            (Way::Mwait, None) => refuse(format_args!("`mwait` is measured only where it was found")),
        }
    }
}

/// The ways that were asked for, as far as this machine has them.
pub struct Found {
    /// Those that it has.
    pub ways: Vec<Way>,
    /// MONITOR and MWAIT, where they were asked for and are there.
    pub mwait: Option<Mwait>,
    /// The others, with what they would need.
    absent: Vec<(Way, &'static str)>,
}

/// Why pure spinning is not counted. QEMU lets a virtual CPU go on until it halts or pauses, or until a timer of
/// the host's ends its turn: as many instructions as it spins meanwhile, so another number each time, or billions.
const NO_TURNS: &str = "a CPU that spins without PAUSE gives way only when the host's timers say so, so its instructions do not repeat; it needs unit=time, which is a run without --deterministic";

impl Found {
    /// Looks which of `ways` there are, where a tick is a `unit`. Ends the machine where none is left.
    pub fn among(ways: Ways, unit: Unit) -> Self {
        let mwait = if ways.contains(Way::Mwait) { Mwait::detect() } else { None };
        let reason = |way| match way {
            Way::Mwait if mwait.is_none() => Some(mwait::ABSENT),
            Way::Spin if unit == Unit::Instructions => Some(NO_TURNS),
            _ => None,
        };
        let found: Vec<_> = ways.iter().filter(|way| reason(*way).is_none()).collect();
        let absent: Vec<_> = ways.iter().filter_map(|way| Some((way, reason(way)?))).collect();
        if found.is_empty() {
            let told =
                absent.iter().map(|(way, reason)| format!("`{}` can not be measured: {reason}", way.name()));
            refuse(format_args!("ways={ways}: {}", told.collect::<Vec<_>>().join("; ")));
        }
        Self { ways: found, mwait, absent }
    }

    /// Reports the ways that are absent.
    pub fn report_absent(&self) {
        for (way, reason) in &self.absent {
            points::absent(way.name(), Vec::new(), *reason);
        }
    }
}
