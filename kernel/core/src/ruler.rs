//! What ticks are told as: times, where a clock made them; instructions, where the machine counted
//! those. The kernel's report and xtask's write their figures through it, so that no count of
//! instructions ever gets a unit of time.

use core::fmt::{self, Display};

use switchlab_records::Unit;

use crate::format::{Grouped, Hundredths, Nanoseconds};
use crate::stats::{TscHz, per_switch_hundredths, per_switch_ps, ticks_to_ns};

/// How ticks are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruler {
    /// As times, at this frequency.
    Time(TscHz),
    /// As instructions: a tick is one.
    Instructions,
}

impl Ruler {
    /// The ruler for `unit`; `None` for times without a frequency.
    pub const fn new(unit: Unit, tsc_hz: u64) -> Option<Self> {
        match (unit, TscHz::new(tsc_hz)) {
            (Unit::Instructions, _) => Some(Self::Instructions),
            (Unit::Time, Some(hz)) => Some(Self::Time(hz)),
            (Unit::Time, None) => None,
        }
    }

    /// What a tick is.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Time(_) => Unit::Time,
            Self::Instructions => Unit::Instructions,
        }
    }

    /// What its totals are called: `Time` or `Instructions`.
    pub const fn total_name(self) -> &'static str {
        match self {
            Self::Time(_) => "Time",
            Self::Instructions => "Instructions",
        }
    }

    /// A whole block: `639.96ms`, or `166,000,000`.
    pub const fn total(self, ticks: u64) -> Total {
        Total { ruler: self, ticks }
    }

    /// One switch of a block of `exchanges`: `319ns`, or `83.00`.
    pub const fn switch(self, ticks: u64, exchanges: u64) -> Switch {
        Switch { ruler: self, ticks, exchanges, places: Places::Whole }
    }

    /// The same with two decimals of a nanosecond where it is short: `17.97ns`.
    pub const fn fine_switch(self, ticks: u64, exchanges: u64) -> Switch {
        Switch { ruler: self, ticks, exchanges, places: Places::Fine }
    }
}

/// A block's ticks, as text.
#[derive(Clone, Copy, Debug)]
pub struct Total {
    ruler: Ruler,
    ticks: u64,
}

impl Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ruler {
            Ruler::Time(hz) => Nanoseconds(ticks_to_ns(self.ticks, hz)).fmt(f),
            Ruler::Instructions => Grouped(self.ticks).fmt(f),
        }
    }
}

/// One switch, as text; `-` of no exchanges.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    ruler: Ruler,
    ticks: u64,
    exchanges: u64,
    places: Places,
}

#[derive(Clone, Copy, Debug)]
enum Places {
    Whole,
    Fine,
}

impl Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ruler, ticks, exchanges, places } = *self;
        match ruler {
            Ruler::Instructions => match per_switch_hundredths(ticks, exchanges) {
                Some(hundredths) => Hundredths(hundredths).fmt(f),
                None => f.pad("-"),
            },
            Ruler::Time(hz) => match (per_switch_ps(ticks, exchanges, hz), places) {
                (None, _) => f.pad("-"),
                (Some(ps), Places::Fine) => fine(ps, f),
                (Some(ps), Places::Whole) => Nanoseconds(ps.saturating_add(500) / 1_000).fmt(f),
            },
        }
    }
}

/// Below 100 ns with two decimals, above as any time.
fn fine(ps: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if ps < 100_000 {
        write!(f, "{}ns", Hundredths((ps + 5) / 10))
    } else {
        Nanoseconds(ps.saturating_add(500) / 1_000).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    fn time() -> Ruler {
        Ruler::new(Unit::Time, 1_000_000_000).unwrap()
    }

    #[test]
    fn times_need_a_frequency_and_instructions_do_not() {
        assert_eq!(Ruler::new(Unit::Time, 0), None);
        assert_eq!(Ruler::new(Unit::Instructions, 0), Some(Ruler::Instructions));
        assert_eq!(Ruler::new(Unit::Instructions, 1), Some(Ruler::Instructions));
    }

    #[test]
    fn instructions_never_get_a_unit_of_time() {
        let ruler = Ruler::Instructions;
        assert_eq!(ruler.total(166_000_000).to_string(), "166,000,000");
        assert_eq!(ruler.switch(166_000_000, 1_000_000).to_string(), "83.00");
        assert_eq!(ruler.switch(43, 1).to_string(), "21.50");
        assert_eq!(ruler.switch(43, 0).to_string(), "-");
    }

    #[test]
    fn times_are_written_as_the_original_wrote_them() {
        assert_eq!(time().total(639_960_000).to_string(), "639.96ms");
        assert_eq!(time().switch(639_960_000, 1_000_000).to_string(), "320ns");
        assert_eq!(time().switch(1, 0).to_string(), "-");
    }

    #[test]
    fn short_times_keep_their_decimals_where_asked_for() {
        assert_eq!(time().fine_switch(70_428, 1_000).to_string(), "35.21ns");
        assert_eq!(time().fine_switch(5_374_800, 1_000).to_string(), "2.69µs");
    }
}
