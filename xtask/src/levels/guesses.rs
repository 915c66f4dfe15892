//! The original's guesses, each held against what was measured: its time, and its factor over the goroutine.

use serde::Serialize;

use super::{median_ns, row};
use crate::bench::{Bench, Row};
use crate::guesses::{self, Guess, Off, Span};
use crate::report::original;

/// What the original said of a level, and which rows stand beside it.
pub(crate) struct Guessed {
    /// How the rows call it.
    pub(crate) level: &'static str,
    /// One switch, in nanoseconds.
    pub(crate) ns: Span,
    /// Over a goroutine; `None` where it is the goroutine.
    pub(crate) factor: Option<Span>,
    /// The rows of this level as it is meant, in use and waiting for one another: ids, or with a dash at the end what
    /// begins them.
    rows: &'static [&'static str],
}

impl Guessed {
    fn is_of(&self, row: &Row) -> bool {
        let is_named = |name: &&str| row.id == *name || name.ends_with('-') && row.id.starts_with(name);
        row.level.as_deref() == Some(self.level) && self.rows.iter().any(is_named)
    }
}

/// A guess beside what was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// The level.
    pub level: &'static str,
    /// What the original said that a switch takes, in nanoseconds.
    pub guessed_ns: Span,
    /// What it said of its factor over a goroutine.
    pub guessed_factor: Option<Span>,
    /// The factor that its own times come to.
    pub factor_by_its_own_times: Option<Span>,
    /// What was measured; `None` where nothing was.
    pub measured: Option<Measured>,
}

/// What was measured of a level.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The cheapest row and the dearest, in nanoseconds.
    pub one_way_ns: Span,
    /// Over the bare switch; `None` without that.
    pub over_fiber: Option<Span>,
    /// Over the goroutine; `None` without Go.
    pub over_goroutine: Option<Span>,
    /// By what the time was off.
    pub off: Off,
    /// By what the factor was off; `None` without Go, and of the goroutine.
    pub factor_off: Option<Off>,
}

/// The row that is the bare switch.
const FIBER: &str = "ours-bare";
/// The row that is the original's own base.
pub(super) const GOROUTINE: &str = "go-channel-p1";

/// What the original said, each beside what it is of.
pub(crate) fn guesses() -> Vec<Guessed> {
    // The goroutine was measured: the least and the most of its runs.
    let measured = original::MEASURED.first().map_or((f64::NAN, f64::NAN), |original| original.span_ns);
    let goroutine = Guessed {
        level: "goroutine",
        ns: Span::of(measured.0, measured.1),
        factor: None,
        rows: &[GOROUTINE],
    };
    let guessed = |(level, guess, rows): (&'static str, &Guess, &'static [&'static str])| Guessed {
        level,
        ns: guess.ns,
        factor: Some(guess.factors),
        rows,
    };
    let rest: [(&str, &Guess, &[&str]); 5] = [
        ("thread", &guesses::THREAD, &["futex-", "pipe-"]),
        ("process", &guesses::PROCESS, &["process-"]),
        ("container", &guesses::CONTAINER, &["container-all-"]),
        ("vm", &guesses::VM, &["vm-"]),
        ("network", &guesses::NETWORK, &["udp-", "tcp-"]),
    ];
    [goroutine].into_iter().chain(rest.map(guessed)).collect()
}

/// Each guess beside the rows of its level.
pub fn held(bench: &Bench) -> Vec<Held> {
    let base = |id: &str| row(bench, id).and_then(median_ns);
    let (fiber, goroutine) = (base(FIBER), base(GOROUTINE));
    let theirs = original::MEASURED.first().map(|original| original.average_ns);
    let one = |guess: Guessed| {
        let costs = bench.rows.iter().filter(|row| guess.is_of(row)).filter_map(median_ns);
        let Guessed { level, ns, factor, .. } = guess;
        let measured = Span::over(costs).map(|one_way_ns| {
            let over_goroutine = goroutine.map(|base| one_way_ns.over_base(base));
            Measured {
                one_way_ns,
                over_fiber: fiber.map(|base| one_way_ns.over_base(base)),
                over_goroutine,
                off: Off::of(ns, one_way_ns),
                factor_off: factor.zip(over_goroutine).map(|(guessed, found)| Off::of(guessed, found)),
            }
        });
        Held {
            level,
            guessed_ns: ns,
            guessed_factor: factor,
            factor_by_its_own_times: factor.and(theirs).map(|base| ns.over_base(base)),
            measured,
        }
    };
    guesses().into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{sample, without};
    use super::*;

    #[test]
    fn each_guess_stands_beside_the_rows_of_its_level() {
        let held = held(&sample());
        let levels: Vec<_> = held.iter().map(|held| held.level).collect();
        assert_eq!(levels, ["goroutine", "thread", "process", "container", "vm", "network"]);
        let thread = held[1].measured.as_ref().unwrap();
        // Not the row that spins: nobody waits there for the system.
        assert_eq!(thread.one_way_ns, Span::of(1_000.0, 4_000.0));
        assert_eq!(thread.over_fiber, Some(Span::of(500.0, 2_000.0)));
        assert_eq!(thread.over_goroutine, Some(Span::of(5.0, 20.0)));
        assert_eq!((thread.off, thread.factor_off), (Off::Meets, Some(Off::Meets)));
        assert_eq!(held[4].measured, None);
    }

    #[test]
    fn originals_factors_do_not_follow_from_its_own_times() {
        let held = held(&sample());
        let own = held[1].factor_by_its_own_times.unwrap();
        // 1 to 10 µs over 295 ns, where it says 10 to 100 times.
        assert!((3.3..3.5).contains(&own.low) && (33.0..35.0).contains(&own.high), "{own:?}");
        assert_eq!((held[0].guessed_factor, held[0].factor_by_its_own_times), (None, None));
    }

    #[test]
    fn without_go_there_is_no_factor_over_a_goroutine() {
        let held = held(&without(&sample(), GOROUTINE));
        let thread = held[1].measured.as_ref().unwrap();
        assert_eq!((thread.over_goroutine, thread.factor_off), (None, None));
        assert!(thread.over_fiber.is_some() && held[0].measured.is_none());
    }
}
