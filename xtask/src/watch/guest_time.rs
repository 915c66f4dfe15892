//! The guest's time held against the host's: how long the job took by the guest's clock, and how
//! long passed on the host between the arrivals of the two records that say so.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use switchlab_core::stats::{TscHz, difference_ppm, ticks_to_ns};
use switchlab_records::{Clock, ClockPhase};

/// What is further apart makes every time suspect, in millionths: 2 %.
const SUSPECT_PPM: u64 = 20_000;

/// Over less than this nothing is said: a record takes milliseconds to arrive.
const LEAST: Duration = Duration::from_secs(10);

/// Both times of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestTime {
    /// By the guest's TSC, at the frequency that all times of the run use.
    pub guest_ns: u64,
    /// By the host's monotonic clock.
    pub host_ns: u64,
    /// How far the guest's is from the host's.
    pub apart_ppm: u64,
}

impl GuestTime {
    /// Of several boots, all their times together; `None` of none.
    pub fn sum(boots: impl IntoIterator<Item = Self>) -> Option<Self> {
        let add = |sum: Self, boot: Self| Self {
            guest_ns: sum.guest_ns.saturating_add(boot.guest_ns),
            host_ns: sum.host_ns.saturating_add(boot.host_ns),
            apart_ppm: 0,
        };
        let sum = boots.into_iter().reduce(add)?;
        Some(Self { apart_ppm: difference_ppm(sum.guest_ns, sum.host_ns)?, ..sum })
    }

    /// Whether times of this guest are suspect.
    pub const fn is_suspect(&self) -> bool {
        self.apart_ppm > SUSPECT_PPM && self.is_long_enough()
    }

    const fn is_long_enough(&self) -> bool {
        self.host_ns as u128 >= LEAST.as_nanos()
    }
}

impl fmt::Display for GuestTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |ns: u64| Duration::from_nanos(ns).as_secs_f64();
        let (guest, host) = (seconds(self.guest_ns), seconds(self.host_ns));
        write!(f, "{guest:.2} s, host {host:.2} s, {:.2} % apart", self.apart_ppm as f64 / 10_000.0)?;
        match (self.is_suspect(), self.is_long_enough()) {
            (true, _) => write!(f, ": clock suspect"),
            (false, true) => Ok(()),
            (false, false) => write!(f, " (too short to judge: {} s are needed)", LEAST.as_secs()),
        }
    }
}

/// The two records and their arrivals.
#[derive(Default)]
pub struct Arrivals {
    before: Option<(Clock, Instant)>,
    after: Option<(Clock, Instant)>,
}

impl Arrivals {
    /// A clock record came at `at`.
    pub fn clock(&mut self, clock: &Clock, at: Instant) {
        match clock.phase {
            ClockPhase::Before => self.before = Some((*clock, at)),
            ClockPhase::After => self.after = Some((*clock, at)),
        }
    }

    /// Both times; `None` without both records, or where no clock but the PIT answered, which
    /// does not watch the whole job.
    ///
    /// The record after the job tells its window from the first look at the clock on, the one before
    /// the job up to its own last look. Each is written at once after its last look: the difference of
    /// the windows is the guest's time between the two records.
    pub fn compare(&self) -> Option<GuestTime> {
        let ((before, came_before), (after, came_after)) = self.before.zip(self.after)?;
        let whole = match (after.hpet_hz, after.pm_timer_hz) {
            (0, 0) => return None,
            (0, _) => after.pm_timer_window_ticks.checked_sub(before.pm_timer_window_ticks)?,
            _ => after.hpet_window_ticks.checked_sub(before.hpet_window_ticks)?,
        };
        let guest_ns = ticks_to_ns(whole, TscHz::new(after.tsc_hz)?);
        let host = came_after.checked_duration_since(came_before)?;
        let host_ns = u64::try_from(host.as_nanos()).unwrap_or(u64::MAX);
        Some(GuestTime { guest_ns, host_ns, apart_ppm: difference_ppm(guest_ns, host_ns)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn clock(phase: ClockPhase, window_ms: u64) -> Clock {
        Clock {
            phase,
            tsc_hz: 2_000_000_000,
            pit_hz: 2_000_000_000,
            pit_window_ticks: 40 * MS,
            pm_timer_hz: 2_000_000_000,
            pm_timer_window_ticks: window_ms * 2 * MS,
            hpet_hz: 2_000_000_000,
            hpet_window_ticks: window_ms * 2 * MS,
        }
    }

    fn compare(before: Clock, after: Clock, host: Duration) -> Option<GuestTime> {
        let start = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.clock(&before, start);
        arrivals.clock(&after, start + host);
        arrivals.compare()
    }

    #[test]
    fn guests_time_is_the_difference_of_the_windows() {
        let time = compare(
            clock(ClockPhase::Before, 20),
            clock(ClockPhase::After, 12_320),
            Duration::from_millis(12_300),
        );
        assert_eq!(time, Some(GuestTime { guest_ns: 12_300 * MS, host_ns: 12_300 * MS, apart_ppm: 0 }));
        assert_eq!(time.unwrap().to_string(), "12.30 s, host 12.30 s, 0.00 % apart");
    }

    #[test]
    fn without_hpet_the_pm_timer_tells() {
        let without = |clock| Clock { hpet_hz: 0, hpet_window_ticks: 0, ..clock };
        let (before, after) = (clock(ClockPhase::Before, 20), clock(ClockPhase::After, 1_020));
        let time = compare(without(before), without(after), Duration::from_millis(1_000));
        assert_eq!(time.map(|time| time.guest_ns), Some(1_000 * MS));
        let alone = Clock { pm_timer_hz: 0, ..without(after) };
        assert_eq!(compare(without(before), alone, Duration::from_millis(1_000)), None);
    }

    #[test]
    fn more_than_two_percent_over_ten_seconds_is_suspect() {
        let of = |guest_ms: u64, host_ms: u64| {
            let after = clock(ClockPhase::After, 20 + guest_ms);
            compare(clock(ClockPhase::Before, 20), after, Duration::from_millis(host_ms)).unwrap()
        };
        assert!(of(10_300, 10_000).is_suspect() && of(9_700, 10_000).is_suspect());
        assert!(!of(10_100, 10_000).is_suspect());
        assert!(of(10_300, 10_000).to_string().ends_with("3.00 % apart: clock suspect"));
        assert!(!of(600, 500).is_suspect());
        assert!(of(600, 500).to_string().ends_with("(too short to judge: 10 s are needed)"));
    }

    #[test]
    fn short_boots_are_long_together() {
        let boot = GuestTime { guest_ns: 4_120 * MS, host_ns: 4_000 * MS, apart_ppm: 30_000 };
        assert!(!boot.is_suspect());
        let all = GuestTime::sum([boot; 3]).unwrap();
        assert_eq!((all.host_ns, all.apart_ppm, all.is_suspect()), (12_000 * MS, 30_000, true));
        assert_eq!(GuestTime::sum([]), None);
    }

    #[test]
    fn one_record_alone_tells_nothing() {
        let mut arrivals = Arrivals::default();
        arrivals.clock(&clock(ClockPhase::Before, 20), Instant::now());
        assert_eq!(arrivals.compare(), None);
    }
}
