//! How often everything must have happened in a timed block, and the check of it. The experiment
//! and the tests call it; a block whose counts are off has no result.

use core::fmt;

use switchlab_records::{Counts, Mode, Subject};

/// What must have happened in `exchanges` exchanges: two one-way handoffs in each of them.
///
/// | mode | handoffs | switches | IPIs sent, taken |
/// |---|---|---|---|
/// | same-core | 2N | 2N | 0 |
/// | cross-core | 2N | 0: the task halts in place | 2N, 2N |
/// | switch | 2N | 2N | 0 |
/// | free | 2N | as `found` | as many taken as `found` has sent |
///
/// In a null loop nothing is handed over: all are 0.
///
/// What is not prescribed is what was `found`: halts always, and in `free`, where tasks go where they like, what
/// it takes to bring them there.
pub const fn expected(subject: Subject, mode: Mode, exchanges: u64, found: &Counts) -> Counts {
    let both_ways = match subject {
        Subject::Handoff => exchanges.saturating_mul(2),
        Subject::Null => 0,
    };
    let (switches, ipis) = match (subject, mode) {
        (_, Mode::SameCore | Mode::Switch) | (Subject::Null, Mode::Free) => (both_ways, 0),
        (_, Mode::CrossCore) => (0, both_ways),
        (Subject::Handoff, Mode::Free) => (found.switches, found.ipis_sent),
    };
    Counts { handoffs: both_ways, switches, ipis_sent: ipis, ipis_taken: ipis, halts: found.halts }
}

/// Whether so many of a block's handoffs can have gone to another CPU: 0 to 2N of them where tasks are free, and
/// none is told where they are bound or nothing is handed over.
pub const fn can_cross(subject: Subject, mode: Mode, exchanges: u64, crossings: Option<u64>) -> bool {
    match (subject, mode, crossings) {
        (Subject::Handoff, Mode::Free, Some(crossings)) => crossings <= exchanges.saturating_mul(2),
        (Subject::Handoff, Mode::Free, None) => false,
        (_, _, crossings) => crossings.is_none(),
    }
}

/// A count that is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Which, by its name in the record.
    pub name: &'static str,
    /// What it had to be.
    pub expected: u64,
    /// What it is.
    pub found: u64,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.name, self.expected, self.found)
    }
}

impl core::error::Error for Mismatch {}

/// Holds the counts of a block against those that it must have, halts apart.
///
/// # Errors
///
/// The first count that is off, in the order of the record.
pub fn check(found: &Counts, expected: &Counts) -> Result<(), Mismatch> {
    // Taken apart without `..`: a count added to the record must be dealt with here.
    let Counts { handoffs, switches, ipis_sent, ipis_taken, halts: _ } = *expected;
    let counts = [
        ("handoffs", handoffs, found.handoffs),
        ("switches", switches, found.switches),
        ("ipis_sent", ipis_sent, found.ipis_sent),
        ("ipis_taken", ipis_taken, found.ipis_taken),
    ];
    match counts.into_iter().find(|(_, expected, found)| expected != found) {
        Some((name, expected, found)) => Err(Mismatch { name, expected, found }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Subject::{Handoff, Null};
    use std::string::ToString;

    const MODES: [Mode; 4] = Mode::ALL;
    const NOTHING: Counts = Counts { handoffs: 0, switches: 0, ipis_sent: 0, ipis_taken: 0, halts: 0 };

    #[test]
    fn each_mode_has_two_handoffs_per_exchange() {
        for mode in MODES {
            assert_eq!(expected(Handoff, mode, 1_000_000, &NOTHING).handoffs, 2_000_000);
        }
    }

    #[test]
    fn null_loop_hands_nothing_over() {
        for mode in MODES {
            assert_eq!(expected(Null, mode, 1_000_000, &NOTHING), Counts::default());
        }
    }

    #[test]
    fn one_core_switches_and_two_cores_interrupt() {
        let on_one =
            Counts { handoffs: 2_000_000, switches: 2_000_000, ipis_sent: 0, ipis_taken: 0, halts: 0 };
        assert_eq!(expected(Handoff, Mode::SameCore, 1_000_000, &NOTHING), on_one);
        assert_eq!(expected(Handoff, Mode::Switch, 1_000_000, &NOTHING), on_one);
        assert_eq!(
            expected(Handoff, Mode::CrossCore, 1_000_000, &NOTHING),
            Counts {
                handoffs: 2_000_000,
                switches: 0,
                ipis_sent: 2_000_000,
                ipis_taken: 2_000_000,
                halts: 0
            }
        );
    }

    #[test]
    fn free_tasks_switch_as_they_like_and_every_ipi_is_taken() {
        let found = Counts { handoffs: 6, switches: 9, ipis_sent: 4, ipis_taken: 3, halts: 5 };
        let due = Counts { handoffs: 8, ipis_taken: 4, ..found };
        assert_eq!(expected(Handoff, Mode::Free, 4, &found), due);
        assert_eq!(expected(Null, Mode::Free, 4, &found), Counts { halts: 5, ..NOTHING });
    }

    #[test]
    fn crossings_are_at_most_the_handoffs_of_free_tasks() {
        let can = |mode, subject, crossings| can_cross(subject, mode, 5, crossings);
        assert!(can(Mode::Free, Handoff, Some(0)) && can(Mode::Free, Handoff, Some(10)));
        assert!(!can(Mode::Free, Handoff, Some(11)) && !can(Mode::Free, Handoff, None));
        assert!(!can(Mode::Free, Null, Some(0)) && can(Mode::Free, Null, None));
        for mode in [Mode::SameCore, Mode::CrossCore, Mode::Switch] {
            assert!(can(mode, Handoff, None) && !can(mode, Handoff, Some(0)));
        }
    }

    #[test]
    fn counts_that_agree_pass_whatever_the_halts() {
        for mode in MODES {
            let expected = expected(Handoff, mode, 7, &NOTHING);
            assert_eq!(check(&Counts { halts: 13, ..expected }, &expected), Ok(()));
        }
    }

    #[test]
    fn lost_ipi_is_named() {
        let expected = expected(Handoff, Mode::CrossCore, 1_000_000, &NOTHING);
        let found = Counts { ipis_taken: 1_999_999, ..expected };
        let mismatch = check(&found, &expected).unwrap_err();
        assert_eq!(mismatch.to_string(), "ipis_taken: expected 2000000, found 1999999");
    }

    #[test]
    fn every_count_but_halts_is_looked_at() {
        let expected = expected(Handoff, Mode::CrossCore, 5, &NOTHING);
        let one_off = [
            ("handoffs", Counts { handoffs: 11, ..expected }),
            ("switches", Counts { switches: 1, ..expected }),
            ("ipis_sent", Counts { ipis_sent: 9, ..expected }),
            ("ipis_taken", Counts { ipis_taken: 9, ..expected }),
        ];
        for (name, found) in one_off {
            assert_eq!(check(&found, &expected).unwrap_err().name, name);
        }
    }

    #[test]
    fn first_of_several_is_named() {
        let found = Counts::default();
        assert_eq!(
            check(&found, &expected(Handoff, Mode::Switch, 1, &NOTHING)).unwrap_err().name,
            "handoffs"
        );
    }
}
