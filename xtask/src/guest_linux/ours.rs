//! What of the laboratory's own stands in the table beside Linux: modes of `classic`, and levels of `hierarchy`, each a
//! line of [`OURS`].

use switchlab_records::Mode;

/// A row of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ours {
    /// Where its figure comes from.
    pub figure: Figure,
    /// The level on as many CPUs that it is held against; as a rule none: others are held against it.
    pub over: Option<&'static str>,
}

/// Where a figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// A mode of `classic`.
    Mode(Mode),
    /// A level of `hierarchy`, its two sides on so many CPUs.
    Level {
        /// Its series.
        series: &'static str,
        /// 1 or 2.
        cpus: u64,
    },
}

/// All of them, in the order of the table. A new level is a new line.
pub const OURS: &[Ours] = &[
    CHANNEL,
    IPI,
    level("xsave-pair", 1),
    THREAD,
    level("thread-lazy", 1),
    level("thread-lazy-used", 1),
    level("thread-preempted", 1),
    THREAD_OTHER,
    SYSTEM_CALL,
    level("thread-user", 1),
    level("thread-user", 2),
    level("cr3-load", 1),
    PROCESS,
    level("process-fastpath", 1),
    over("container-namespaces", 1, "process"),
    over("container-quota", 1, "process"),
    over("container-memory", 1, "process"),
    over("container-filter", 1, "process"),
    over("container-filter-arguments", 1, "container-filter"),
    over("container", 1, "process"),
    PROCESS_OTHER,
    level("process-fastpath", 2),
    over("container", 2, "process"),
    level("vm-round-trip", 1),
    level("vm", 1),
    level("vm-wake-up", 1),
    level("vm", 2),
];

/// Two tasks that hand over by channels on one CPU.
pub const CHANNEL: Ours = mode(Mode::SameCore);
/// Two CPUs, of which each wakes the other by an IPI.
pub const IPI: Ours = mode(Mode::CrossCore);
/// Two threads that block, on one CPU and on two.
pub const THREAD: Ours = level("thread", 1);
/// See [`THREAD`].
pub const THREAD_OTHER: Ours = level("thread", 2);
/// A system call alone.
pub const SYSTEM_CALL: Ours = level("system-call", 1);
/// Two processes, on one CPU and on two.
pub const PROCESS: Ours = level("process", 1);
/// See [`PROCESS`].
pub const PROCESS_OTHER: Ours = level("process", 2);

const fn mode(mode: Mode) -> Ours {
    Ours { figure: Figure::Mode(mode), over: None }
}

const fn level(series: &'static str, cpus: u64) -> Ours {
    Ours { figure: Figure::Level { series, cpus }, over: None }
}

/// One that is held against the level that it adds to.
const fn over(series: &'static str, cpus: u64, base: &'static str) -> Ours {
    Ours { over: Some(base), ..level(series, cpus) }
}

impl Ours {
    /// What other rows name as their base.
    pub fn id(self) -> String {
        match self.figure {
            Figure::Mode(Mode::CrossCore) => "laboratory-ipi".into(),
            Figure::Mode(_) => "laboratory-channel".into(),
            Figure::Level { series, cpus: 1 } => format!("laboratory-{series}-same"),
            Figure::Level { series, .. } => format!("laboratory-{series}-other"),
        }
    }

    /// What the table calls it.
    pub fn title(self) -> String {
        match self.figure {
            Figure::Mode(Mode::CrossCore) => "IPI handoff, two cores".into(),
            Figure::Mode(_) => "channel, one core".into(),
            Figure::Level { series, cpus: 1 } => format!("{series}, one core"),
            Figure::Level { series, .. } => format!("{series}, two cores"),
        }
    }

    /// Whether its two sides are on two CPUs.
    pub const fn is_on_two_cpus(self) -> bool {
        matches!(self.figure, Figure::Mode(Mode::CrossCore) | Figure::Level { cpus: 2, .. })
    }

    /// The id of the row that it is held against.
    pub fn base(self) -> Option<String> {
        match self.figure {
            Figure::Level { cpus, .. } => self.over.map(|series| level(series, cpus).id()),
            Figure::Mode(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::hierarchy;

    #[test]
    fn each_row_has_a_name_of_its_own_and_stands_behind_its_base() {
        let ids: Vec<_> = OURS.iter().map(|ours| ours.id()).collect();
        for (place, ours) in OURS.iter().enumerate() {
            assert!(!ids[..place].contains(&ours.id()), "{ours:?} twice");
            assert!(ours.base().is_none_or(|base| ids[..place].contains(&base)), "{ours:?}");
        }
    }

    #[test]
    fn levels_are_those_of_the_hierarchy() {
        for ours in OURS {
            if let Figure::Level { series, .. } = ours.figure {
                assert!(hierarchy::level(series).is_some(), "{series}");
            }
        }
    }
}
