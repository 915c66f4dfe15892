//! From ticks to what a report says: times, means, ratios, throughput. Integers only, since the
//! kernel has no floating point; the kernel's report and xtask compute with the same functions.
//!
//! Every result is exact to the last digit that it has: 128 bits on the way, then rounded once,
//! to the nearest, half up. What would not fit 64 bits is [`u64::MAX`].

use core::fmt;
use core::num::NonZeroU64;

const NS_PER_SECOND: NonZeroU64 = NonZeroU64::new(1_000_000_000).unwrap();

/// Frequency of the TSC in ticks per second; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TscHz(NonZeroU64);

impl TscHz {
    /// `None` for 0: a clock that stands still measures nothing.
    pub const fn new(ticks_per_second: u64) -> Option<Self> {
        match NonZeroU64::new(ticks_per_second) {
            Some(hz) => Some(Self(hz)),
            None => None,
        }
    }

    /// Ticks per second.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for TscHz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The time that `ticks` take, in nanoseconds.
pub fn ticks_to_ns(ticks: u64, tsc_hz: TscHz) -> u64 {
    scaled(ticks, NS_PER_SECOND.get(), tsc_hz.0)
}

/// The ticks that `ns` nanoseconds take.
pub fn ns_to_ticks(ns: u64, tsc_hz: TscHz) -> u64 {
    scaled(ns, tsc_hz.get(), NS_PER_SECOND)
}

/// Nanoseconds of one switch, which is one way: a block of `ticks` divided by twice its
/// exchanges. `None` for no exchanges.
pub fn per_switch_ns(ticks: u64, exchanges: u64, tsc_hz: TscHz) -> Option<u64> {
    per_switch(u128::from(ticks) * u128::from(NS_PER_SECOND.get()), exchanges, tsc_hz)
}

/// The same in picoseconds: for switches of a few nanoseconds.
pub fn per_switch_ps(ticks: u64, exchanges: u64, tsc_hz: TscHz) -> Option<u64> {
    // 64 bits of ticks and 40 of picoseconds per second: fits.
    per_switch(u128::from(ticks) * u128::from(NS_PER_SECOND.get()) * 1_000, exchanges, tsc_hz)
}

/// Ticks of one switch in hundredths: for ticks that are instructions. `None` for no exchanges.
pub fn per_switch_hundredths(ticks: u64, exchanges: u64) -> Option<u64> {
    let exchanges = u128::from(NonZeroU64::new(exchanges)?.get());
    Some(narrow((u128::from(ticks) * 100 / exchanges).div_ceil(2)))
}

fn per_switch(scaled_ticks: u128, exchanges: u64, tsc_hz: TscHz) -> Option<u64> {
    let divisor = u128::from(NonZeroU64::new(exchanges)?.get()) * u128::from(tsc_hz.get());
    // Halved at the end, since twice the divisor may have 129 bits. Half of the quotient, half up:
    // exact, because what the division cuts off is less than one.
    Some(narrow((scaled_ticks / divisor).div_ceil(2)))
}

/// The arithmetic mean; `None` of nothing.
pub fn mean(values: impl IntoIterator<Item = u64>) -> Option<u64> {
    let (sum, count) =
        values.into_iter().fold((0u128, 0u64), |(sum, count), value| (sum + u128::from(value), count + 1));
    Some(rounded(sum, u128::from(NonZeroU64::new(count)?.get())))
}

/// How often `b` goes into `a`, in hundredths: 140 for 1.40. `None` where `b` is 0.
///
/// "1.40x faster" is the slower time over the faster one.
pub fn ratio_hundredths(a: u64, b: u64) -> Option<u64> {
    Some(scaled(a, 100, NonZeroU64::new(b)?))
}

/// `part` of `whole` in tenths of a percent: 99 for 9.9 %. `None` where `whole` is 0.
///
/// "9.9 % faster" is the time that is saved, of the slower time:
/// `percent_tenths(slower - faster, slower)`.
pub fn percent_tenths(part: u64, whole: u64) -> Option<u64> {
    Some(scaled(part, 1_000, NonZeroU64::new(whole)?))
}

/// Events in a second, where `events` of them took `ticks`. `None` where no time passed.
pub fn per_second(events: u64, ticks: u64, tsc_hz: TscHz) -> Option<u64> {
    Some(scaled(events, tsc_hz.get(), NonZeroU64::new(ticks)?))
}

/// How far `a` is from `b`, in millionths of `b`; `None` where `b` is 0. Two clocks that are
/// 0.1 % apart are 1,000 apart.
pub fn difference_ppm(a: u64, b: u64) -> Option<u64> {
    Some(scaled(a.abs_diff(b), 1_000_000, NonZeroU64::new(b)?))
}

/// `value * factor / divisor`.
fn scaled(value: u64, factor: u64, divisor: NonZeroU64) -> u64 {
    rounded(u128::from(value) * u128::from(factor), u128::from(divisor.get()))
}

/// To the nearest, half up. `divisor` has at most 64 bits, so that nothing overflows: a product
/// of two 64-bit numbers is at least 2^65 - 1 below the end of 128 bits.
fn rounded(dividend: u128, divisor: u128) -> u64 {
    narrow((dividend + divisor / 2) / divisor)
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hz(hz: u64) -> TscHz {
        TscHz::new(hz).unwrap()
    }

    #[test]
    fn clock_that_stands_still_is_none() {
        assert_eq!(TscHz::new(0), None);
        assert_eq!(hz(2_000_000_000).get(), 2_000_000_000);
    }

    #[test]
    fn ticks_become_nanoseconds_to_the_nearest() {
        assert_eq!(ticks_to_ns(2_000_000_000, hz(2_000_000_000)), 1_000_000_000);
        assert_eq!(ticks_to_ns(1, hz(2_000_000_000)), 1);
        assert_eq!(ticks_to_ns(1, hz(2_000_000_001)), 0);
        assert_eq!(ticks_to_ns(10, hz(3_000_000_000)), 3);
        assert_eq!(ticks_to_ns(5, hz(3_000_000_000)), 2);
        assert_eq!(ticks_to_ns(0, hz(1)), 0);
    }

    #[test]
    fn long_times_do_not_overflow() {
        // A year at 3 GHz: 9.5e16 ticks, whose product with 1e9 needs 87 bits.
        assert_eq!(ticks_to_ns(94_608_000_000_000_000, hz(3_000_000_000)), 31_536_000_000_000_000);
        assert_eq!(ticks_to_ns(u64::MAX, hz(1)), u64::MAX);
        assert_eq!(ticks_to_ns(u64::MAX, hz(u64::MAX)), 1_000_000_000);
    }

    #[test]
    fn one_switch_is_half_an_exchange() {
        // The original's first run: 639.96 ms for 1,000,000 exchanges. It cut 319.98 off to 319.
        let tsc = hz(1_000_000_000);
        assert_eq!(per_switch_ns(639_960_000, 1_000_000, tsc), Some(320));
        assert_eq!(per_switch_ps(639_960_000, 1_000_000, tsc), Some(319_980));
        assert_eq!(per_switch_ns(639_960_000, 0, tsc), None);
    }

    #[test]
    fn one_switch_is_rounded_once() {
        let tsc = hz(1_000_000_000);
        for (ticks, ns) in [(0, 0), (9, 0), (10, 1), (29, 1), (30, 2), (49, 2), (50, 3)] {
            assert_eq!(per_switch_ns(ticks, 10, tsc), Some(ns), "{ticks}");
        }
        assert_eq!(per_switch_ns(u64::MAX, u64::MAX, hz(u64::MAX)), Some(0));
        assert_eq!(per_switch_ps(u64::MAX, 1, hz(1)), Some(u64::MAX));
    }

    #[test]
    fn mean_of_the_originals_runs_is_the_originals() {
        let single = [639_960, 568_300, 554_180, 638_690, 556_240];
        let multi = [896_700, 588_720, 610_070, 592_500, 593_790];
        let (single, multi) = (mean(single).unwrap(), mean(multi).unwrap());
        assert_eq!((single, multi), (591_474, 656_356));
        assert_eq!(ratio_hundredths(multi, single), Some(111));
        assert_eq!(percent_tenths(multi - single, multi), Some(99));
    }

    #[test]
    fn mean_is_rounded_half_up_and_none_of_nothing() {
        assert_eq!(mean([1, 2]), Some(2));
        assert_eq!(mean([1, 1, 2]), Some(1));
        assert_eq!(mean([u64::MAX; 7]), Some(u64::MAX));
        assert_eq!(mean([]), None);
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(ratio_hundredths(1, 0), None);
        assert_eq!(percent_tenths(1, 0), None);
        assert_eq!(per_second(1, 0, hz(1)), None);
        assert_eq!(difference_ppm(1, 0), None);
    }

    #[test]
    fn throughput_is_events_in_a_second() {
        assert_eq!(per_second(2_000_000, 1_000_000_000, hz(2_000_000_000)), Some(4_000_000));
        assert_eq!(per_second(u64::MAX, 1, hz(u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn clocks_apart_are_told_in_millionths() {
        assert_eq!(difference_ppm(2_002_000_000, 2_000_000_000), Some(1_000));
        assert_eq!(difference_ppm(1_998_000_000, 2_000_000_000), Some(1_000));
        assert_eq!(difference_ppm(2_000_000_000, 2_000_000_000), Some(0));
    }

    proptest! {
        #[test]
        fn more_ticks_never_take_less_time(a: u64, b: u64, frequency in 1u64..) {
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(ticks_to_ns(less, hz(frequency)) <= ticks_to_ns(more, hz(frequency)));
        }

        #[test]
        fn time_is_off_by_half_a_nanosecond_at_most(ticks: u64, frequency in 1_000_000u64..10_000_000_000) {
            let ns = ticks_to_ns(ticks, hz(frequency));
            prop_assume!(ns != u64::MAX);
            let exact = u128::from(ticks) * 1_000_000_000;
            let back = u128::from(ns) * u128::from(frequency);
            prop_assert!(exact.abs_diff(back) * 2 <= u128::from(frequency));
        }

        #[test]
        fn ticks_come_back_from_nanoseconds(ticks in 0u64..1 << 50, frequency in 1u64..=1_000_000_000) {
            let ns = ticks_to_ns(ticks, hz(frequency));
            // Of a slow clock they may be more than there is room for.
            prop_assume!(ns != u64::MAX);
            prop_assert_eq!(ns_to_ticks(ns, hz(frequency)), ticks);
        }

        #[test]
        fn one_switch_is_the_block_over_twice_the_exchanges(
            ticks in 0u64..1 << 50,
            exchanges in 1u64..1_000_000_000,
            frequency in 1u64..10_000_000_000,
        ) {
            let divisor = 2 * u128::from(exchanges) * u128::from(frequency);
            let exact = (u128::from(ticks) * 1_000_000_000 + divisor / 2) / divisor;
            prop_assert_eq!(u128::from(per_switch_ns(ticks, exchanges, hz(frequency)).unwrap()), exact);
        }

        #[test]
        fn mean_lies_between_the_least_and_the_most(values in prop::collection::vec(any::<u64>(), 1..50)) {
            let mean = mean(values.iter().copied()).unwrap();
            prop_assert!(values.iter().min().unwrap() <= &mean);
            prop_assert!(values.iter().max().unwrap() >= &mean);
        }

        #[test]
        fn nothing_panics(a: u64, b: u64, c: u64) {
            let _ = (ratio_hundredths(a, b), percent_tenths(a, b), difference_ppm(a, b));
            if let Some(hz) = TscHz::new(c) {
                let _ = (per_switch_ns(a, b, hz), per_switch_ps(a, b, hz), per_second(a, b, hz));
                let _ = (ticks_to_ns(a, hz), ns_to_ticks(b, hz));
            }
        }
    }
}
