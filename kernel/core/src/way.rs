//! The ways in which a CPU can wait for another.

use core::fmt;

/// A way to wait for another CPU's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Halts; whoever sends interrupts it by an IPI.
    Halt,
    /// Looks again and again.
    Spin,
    /// The same, with a PAUSE between two looks.
    SpinPause,
    /// Looks for as long as a halt would cost, then halts.
    SpinHalt,
    /// Arms MONITOR on the message's line and waits in MWAIT.
    Mwait,
}

impl Way {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Halt, Self::Spin, Self::SpinPause, Self::SpinHalt, Self::Mwait];
    /// Their names.
    pub const NAMES: [&'static str; 5] = [
        Self::Halt.name(),
        Self::Spin.name(),
        Self::SpinPause.name(),
        Self::SpinHalt.name(),
        Self::Mwait.name(),
    ];

    /// The name, as records, tables and the command line have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::Spin => "spin",
            Self::SpinPause => "spin-pause",
            Self::SpinHalt => "spin-halt",
            Self::Mwait => "mwait",
        }
    }
}

/// Some of the ways, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways(u8);

impl Ways {
    /// All of them.
    pub const ALL: Self = Self((1 << Way::ALL.len()) - 1);

    /// Reads names with commas between them; `None` for a name that is none, that comes twice, or is
    /// missing.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',').try_fold(Self(0), |ways, name| {
            let way = Way::ALL.into_iter().find(|way| way.name() == name)?;
            (!ways.contains(way)).then(|| Self(ways.0 | 1 << way as u8))
        })
    }

    /// Whether `way` is among them.
    pub const fn contains(self, way: Way) -> bool {
        self.0 & 1 << way as u8 != 0
    }

    /// They, in the order in which they are shown.
    pub fn iter(self) -> impl Iterator<Item = Way> {
        Way::ALL.into_iter().filter(move |way| self.contains(*way))
    }
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter()
            .enumerate()
            .try_for_each(|(place, way)| write!(f, "{}{}", if place == 0 { "" } else { "," }, way.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn list_of_names_reads_back_in_the_order_in_which_it_is_shown() {
        let ways = Ways::parse("spin-halt,halt").unwrap();
        assert_eq!(ways.iter().collect::<std::vec::Vec<_>>(), [Way::Halt, Way::SpinHalt]);
        assert_eq!(ways.to_string(), "halt,spin-halt");
        assert_eq!(Ways::ALL.to_string(), Way::NAMES.join(","));
        assert_eq!(Ways::parse(&Ways::ALL.to_string()), Some(Ways::ALL));
    }

    #[test]
    fn list_with_a_name_that_is_none_or_twice_or_missing_is_refused() {
        for text in ["", "halt,", ",halt", "halt,halt", "sleep", "HALT", "halt spin"] {
            assert_eq!(Ways::parse(text), None, "{text}");
        }
    }
}
