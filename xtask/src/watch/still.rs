//! Whether a guest hangs, long before its deadline. One whose CPUs all halt, with nothing left that could wake one, has a
//! QEMU that neither runs nor wants to; our own kernels have no reason to rest for seconds. One that spins is not known
//! from one that works, nor is one whose instructions are counted: there QEMU goes on with its clock though all CPUs
//! halt. For those the deadline is there.

use std::time::{Duration, Instant};

/// How long a guest may do nothing.
pub const STILL: Duration = Duration::from_secs(2);
/// How often it is looked at.
const OFTEN: Duration = Duration::from_millis(250);
/// A look that comes later than this says nothing of what was before: it may have been us who did not read.
const LATE: Duration = Duration::from_secs(1);
/// What QEMU itself does meanwhile is less than one part in this many.
const IDLE_PART: u32 = 100;

/// What is seen of QEMU at a time.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// How long its threads have run since its start.
    pub ran: Duration,
    /// One of its threads runs or wants to. Once that says nothing: QEMU has timers of its own. One that gets no CPU wants to
    /// at each look.
    pub wants_to_run: bool,
    /// It is held and would go on, or nobody would tell.
    pub is_held: bool,
}

/// A guest that has spoken, and is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Still {
    /// Since when it may be that it does nothing, and how long it had run by then.
    since: Option<(Instant, Duration)>,
    looked: Instant,
    /// At the last look.
    wanted_to_run: bool,
}

impl Still {
    /// It has spoken now.
    pub const fn spoke(now: Instant) -> Self {
        Self { since: None, looked: now, wanted_to_run: false }
    }

    /// Whether it is time for a look.
    pub fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.looked) >= OFTEN
    }

    /// Whether it has done nothing for too long.
    pub fn look(&mut self, now: Instant, look: Look) -> bool {
        let is_late = now.saturating_duration_since(self.looked) >= LATE;
        let is_ready = look.wants_to_run && self.wanted_to_run;
        (self.looked, self.wanted_to_run) = (now, look.wants_to_run);
        let since = self.since.filter(|&(since, before)| {
            let time = now.saturating_duration_since(since);
            !is_late
                && !look.is_held
                && !is_ready
                && look.ran.saturating_sub(before) <= time.max(OFTEN) / IDLE_PART
        });
        self.since = since.or(Some((now, look.ran)));
        since.is_some_and(|(since, _)| now.saturating_duration_since(since) >= STILL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// When, in ms, each of the looks says that it stands still; looks are at the times that are given.
    fn still(looks: impl IntoIterator<Item = (u64, u64, bool)>) -> Vec<u64> {
        let start = Instant::now();
        let mut still = Still::spoke(start);
        let looks = looks.into_iter();
        looks
            .filter(|&(at, ran, is_held)| {
                still.look(start + ms(at), Look { ran: ms(ran), wants_to_run: false, is_held })
            })
            .map(|(at, ..)| at)
            .collect()
    }

    fn every_250_ms(until: u64) -> impl Iterator<Item = u64> {
        (1..=until / 250).map(|number| number * 250)
    }

    #[test]
    fn guest_that_does_nothing_for_two_seconds_stands_still() {
        assert_eq!(still(every_250_ms(3_000).map(|at| (at, 7, false))), [2_250, 2_500, 2_750, 3_000]);
        // QEMU's own part is none of the guest's.
        assert_eq!(still(every_250_ms(2_250).map(|at| (at, at / 200, false))), [2_250]);
    }

    #[test]
    fn guest_that_runs_does_not() {
        assert!(still(every_250_ms(60_000).map(|at| (at, at, false))).is_empty());
        // A little, now and then.
        assert!(still(every_250_ms(60_000).map(|at| (at, at / 1_500 * 100, false))).is_empty());
    }

    #[test]
    fn guest_that_is_held_does_not_and_has_its_time_anew_behind_it() {
        assert_eq!(still(every_250_ms(19_000).map(|at| (at, 7, at < 17_000))), [18_750, 19_000]);
        assert_eq!(still(every_250_ms(4_000).map(|at| (at, 7, at == 2_000))), [4_000]);
    }

    #[test]
    fn guest_that_gets_no_cpu_does_not_and_one_whose_qemu_wakes_once_does() {
        let stands_still_at = |wants_to_run: fn(u64) -> bool| {
            let start = Instant::now();
            let mut still = Still::spoke(start);
            let look = |at| Look { ran: ms(7), wants_to_run: wants_to_run(at), is_held: false };
            every_250_ms(10_000).find(|&at| still.look(start + ms(at), look(at)))
        };
        assert_eq!(stands_still_at(|_| true), None);
        assert_eq!(stands_still_at(|at| at % 1_000 != 0), None, "it had the CPU now and then");
        assert_eq!(stands_still_at(|at| at == 1_500), Some(2_250));
        assert_eq!(stands_still_at(|at| (1_000..1_500).contains(&at)), Some(3_250));
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        assert!(still([(250, 7, false), (60_000, 7, false), (60_250, 7, false)]).is_empty());
        let later = (0..=9).map(|number| (60_000 + number * 250, 7, false));
        assert_eq!(still([(250, 7, false)].into_iter().chain(later)), [62_000, 62_250]);
    }

    #[test]
    fn look_is_due_four_times_a_second() {
        let start = Instant::now();
        let mut still = Still::spoke(start);
        assert!(!still.is_due(start + ms(249)) && still.is_due(start + ms(250)));
        still.look(start + ms(300), Look { ran: ms(0), wants_to_run: false, is_held: false });
        assert!(!still.is_due(start + ms(549)) && still.is_due(start + ms(550)));
    }
}
