//! What the original guessed of each level of isolation, and by what a guess is off: one table and one rule, for the
//! laboratory's levels, the host's and the report's costs.

use serde::Serialize;

/// From and to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Span {
    /// The least.
    pub low: f64,
    /// The most.
    pub high: f64,
}

impl Span {
    /// Of both.
    pub const fn of(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    /// The least and the most of them.
    pub fn over(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().fold(None, |span, value| match span {
            None => Some(Self::of(value, value)),
            Some(Self { low, high }) => Some(Self::of(low.min(value), high.max(value))),
        })
    }

    /// Both ends over a number.
    #[must_use]
    pub fn over_base(self, base: f64) -> Self {
        Self::of(self.low / base, self.high / base)
    }
}

/// What the original guessed of a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// What it called that.
    pub of: &'static str,
    /// One switch, in nanoseconds.
    pub ns: Span,
    /// Over a goroutine.
    pub factors: Span,
    /// What is exchanged at a switch, in its words; `None` where it has none.
    pub context: Option<&'static str>,
}

impl Guess {
    /// Nanoseconds and factors, from and to, and the context of a row of its table.
    const fn of(of: &'static str, ns: [f64; 2], factors: [f64; 2], context: Option<&'static str>) -> Self {
        Self { of, ns: Span::of(ns[0], ns[1]), factors: Span::of(factors[0], factors[1]), context }
    }
}

/// What the original measured of a goroutine, one way, in nanoseconds: the base of its factors.
pub const ORIGINAL_BASE_NS: f64 = 295.0;
/// No guess: what it measured, as one.
pub const GOROUTINE: Guess = Guess::of("goroutines", [ORIGINAL_BASE_NS; 2], [1.0; 2], Some("~2KB stack"));

/// Of threads. As the others no table has it: it is the hierarchy in the original's own text, "Context Switching Cost
/// Hierarchy", whose other row it measured.
pub const THREAD: Guess = Guess::of("OS threads", [1e3, 1e4], [1e1, 1e2], Some("registers + larger stack"));
/// Of processes.
pub const PROCESS: Guess =
    Guess::of("processes", [1e4, 1e5], [1e2, 1e3], Some("full memory space + file descriptors"));
/// Of containers.
pub const CONTAINER: Guess =
    Guess::of("containers", [1e5, 1e6], [1e3, 1e4], Some("process + namespaces + cgroups"));
/// Of guests.
pub const VM: Guess =
    Guess::of("virtual machines", [1e6, 1e7], [1e4, 1e5], Some("full OS state + hardware virtualization"));
/// Those of its table.
pub const TABLE: [Guess; 4] = [THREAD, PROCESS, CONTAINER, VM];

/// Of the network, below its table: "typically costs milliseconds", from one on.
pub const NETWORK: Guess = Guess::of("the network", [1e6, 1e7], [1e4, 1e5], None);

/// By what a guess was off, from what was measured: the least that it takes to bring them together, and the most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// The spans meet.
    Meets,
    /// What was guessed is so many times what was measured.
    TooHigh {
        /// Its nearest ends.
        least: f64,
        /// Its farthest ends.
        most: f64,
    },
    /// What was measured is so many times what was guessed.
    TooLow {
        /// Its nearest ends.
        least: f64,
        /// Its farthest ends.
        most: f64,
    },
}

impl Off {
    /// Of two spans of what is above 0.
    pub fn of(guessed: Span, measured: Span) -> Self {
        if guessed.low > measured.high {
            Self::TooHigh { least: guessed.low / measured.high, most: guessed.high / measured.low }
        } else if measured.low > guessed.high {
            Self::TooLow { least: measured.low / guessed.high, most: measured.high / guessed.low }
        } else {
            Self::Meets
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guess_is_off_by_what_lies_between_the_spans() {
        let guessed = Span::of(1_000.0, 10_000.0);
        assert_eq!(Off::of(guessed, Span::of(250.0, 500.0)), Off::TooHigh { least: 2.0, most: 40.0 });
        assert_eq!(Off::of(guessed, Span::of(20_000.0, 50_000.0)), Off::TooLow { least: 2.0, most: 50.0 });
        for meets in [(10.0, 1_000.0), (10_000.0, 20_000.0), (2_000.0, 3_000.0), (1.0, 1e9)] {
            assert_eq!(Off::of(guessed, Span::of(meets.0, meets.1)), Off::Meets);
        }
    }

    #[test]
    fn what_was_measured_at_one_point_is_off_by_its_nearer_end() {
        let off = |measured| Off::of(Span::of(1_000.0, 10_000.0), Span::of(measured, measured));
        assert_eq!(off(500.0), Off::TooHigh { least: 2.0, most: 20.0 });
        assert_eq!((off(1_000.0), off(10_000.0)), (Off::Meets, Off::Meets));
        assert_eq!(off(25_000.0), Off::TooLow { least: 2.5, most: 25.0 });
    }
}
