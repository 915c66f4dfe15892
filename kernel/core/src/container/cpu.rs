//! CPU time by groups: so many TSC ticks in each period, for a group and all that is in it.
//!
//! ```text
//!   machine   left ─┐
//!     ├─ web   left ─┤  one charge takes from each of them
//!     │   └─ job  left ─┘
//!     └─ batch  left
//! ```
//!
//! A charge goes to the group and to each around it, and the first that has nothing left says so. What was used
//! beyond comes off the next periods, so that over many of them no group gets more than its budgets. What was not
//! used is lost.
//!
//! All groups of a machine have periods of one length, which begin together. So a charge has to look at the clock
//! against the innermost group alone: whoever fills that anew fills those around it too.
//!
//! One of those who come first in a period fills a group; the others go on, and may take from what is left of the period
//! before, here or further out, until that one has got there. So a charge that meets it can count for the period before,
//! and say that there is nothing left: who is to wait asks again ([`CpuGroup::out_of_time`]).

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// A budget that is never used up.
pub const UNLIMITED: u64 = i64::MAX as u64;

/// A group that CPU time is charged to.
///
/// On cache lines of its own.
#[derive(Debug)]
#[repr(align(64))]
pub struct CpuGroup {
    /// What is left of the period; below 0 where more was used.
    left: AtomicI64,
    /// When the period ends that `left` is of.
    ends: AtomicU64,
    parent: Option<&'static Self>,
    budget: i64,
    period: u64,
    /// All that `left` ever got.
    granted: AtomicU64,
    throttles: AtomicU64,
    name: &'static str,
}

/// What comes of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "who is out of time must not go on"]
pub enum Charge {
    /// There is time left.
    Within,
    /// The group, or one around it, has none left.
    Out,
}

impl CpuGroup {
    /// A group outside of all others, of `budget` ticks in each period of so many.
    ///
    /// # Panics
    ///
    /// If one of them is 0, or the period too long to be told from never.
    pub const fn new(name: &'static str, budget: u64, period: u64) -> Self {
        Self::with(name, budget, period, None)
    }

    /// A group in `parent`, of `budget` ticks in each of its periods.
    ///
    /// # Panics
    ///
    /// If the budget is 0.
    pub const fn within(parent: &'static Self, name: &'static str, budget: u64) -> Self {
        Self::with(name, budget, parent.period, Some(parent))
    }

    const fn with(name: &'static str, budget: u64, period: u64, parent: Option<&'static Self>) -> Self {
        assert!(budget > 0 && period > 0 && period <= 1 << 62, "a group without time");
        let budget = if budget > UNLIMITED { UNLIMITED } else { budget } as i64;
        Self {
            left: AtomicI64::new(budget),
            ends: AtomicU64::new(0),
            parent,
            budget,
            period,
            granted: AtomicU64::new(budget as u64),
            throttles: AtomicU64::new(0),
            name,
        }
    }

    /// Takes `ticks` that were used until `now` from the group and from each around it.
    #[inline(always)]
    pub fn charge(&self, ticks: u64, now: u64) -> Charge {
        if now >= self.ends.load(Relaxed) {
            self.begin_period(now);
        }
        let mut group = self;
        // Relaxed: the numbers stand for themselves.
        while group.left.fetch_sub(ticks as i64, Relaxed).wrapping_sub(ticks as i64) >= 0 {
            match group.parent {
                Some(parent) => group = parent,
                None => return Charge::Within,
            }
        }
        group.charge_those_around(ticks)
    }

    /// The rest of a charge that found this group with nothing left.
    #[cold]
    #[inline(never)]
    fn charge_those_around(&self, ticks: u64) -> Charge {
        let mut around = self.parent;
        while let Some(group) = around {
            group.left.fetch_sub(ticks as i64, Relaxed);
            around = group.parent;
        }
        Charge::Out
    }

    /// Which group has nothing left at `now`: this, or the nearest one around it.
    pub fn out_of_time(&self, now: u64) -> Option<&Self> {
        if now >= self.ends.load(Relaxed) {
            self.begin_period(now);
        }
        let mut group = Some(self);
        while let Some(of) = group {
            if of.left.load(Relaxed) < 0 {
                return Some(of);
            }
            group = of.parent;
        }
        None
    }

    /// Gives this group and those around it what is theirs in the period that `now` is in.
    #[cold]
    #[inline(never)]
    fn begin_period(&self, now: u64) {
        // From the outside in, so that who fills an inner group charges none around it that is of a period before, but
        // where another is at that one.
        if let Some(parent) = self.parent {
            parent.begin_period(now);
        }
        // Relaxed: the period says nothing of what is left.
        let ends = self.ends.load(Relaxed);
        if now < ends {
            return;
        }
        let next = (now - now % self.period).saturating_add(self.period);
        // One of those who come here at the same time fills it.
        if self.ends.compare_exchange(ends, next, Relaxed, Relaxed).is_ok() {
            let periods = i64::try_from((next - ends).div_ceil(self.period)).unwrap_or(i64::MAX);
            let gift = self.budget.saturating_mul(periods);
            let filled = |left: i64| left.saturating_add(gift).min(self.budget);
            let before =
                self.left.fetch_update(Relaxed, Relaxed, |left| Some(filled(left))).unwrap_or_default();
            self.granted.fetch_add(filled(before).abs_diff(before), Relaxed);
        }
    }

    /// Counts that somebody waits for its next period.
    pub fn count_throttle(&self) {
        self.throttles.fetch_add(1, Relaxed);
    }

    /// How often somebody had to wait for its next period.
    pub fn throttles(&self) -> u64 {
        self.throttles.load(Relaxed)
    }

    /// Ticks that were charged to it, ever. A snapshot, where others charge meanwhile.
    pub fn used(&self) -> u64 {
        self.granted.load(Relaxed).wrapping_sub(self.left.load(Relaxed) as u64)
    }

    /// Ticks that it ever had; what was lost unused is not among them.
    pub fn granted(&self) -> u64 {
        self.granted.load(Relaxed)
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use std::{boxed::Box, vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const PERIOD: u64 = 1_000;

    fn leak(group: CpuGroup) -> &'static CpuGroup {
        Box::leak(Box::new(group))
    }

    #[test]
    fn group_is_out_behind_its_budget_and_in_again_in_the_next_period() {
        let group = CpuGroup::new("job", 100, PERIOD);
        assert_eq!(group.charge(60, 10), Charge::Within);
        assert_eq!(group.charge(40, 20), Charge::Within);
        assert_eq!(group.charge(1, 30), Charge::Out);
        assert_eq!(group.out_of_time(PERIOD - 1).map(CpuGroup::name), Some("job"));
        assert!(group.out_of_time(PERIOD).is_none());
        assert_eq!(group.used(), 101);
    }

    #[test]
    fn what_was_used_beyond_comes_off_the_next_periods() {
        let group = CpuGroup::new("job", 100, PERIOD);
        assert_eq!(group.charge(350, 1), Charge::Out);
        assert!(group.out_of_time(PERIOD).is_some(), "it owes 150 still");
        assert!(group.out_of_time(2 * PERIOD).is_some(), "and 50");
        assert!(group.out_of_time(3 * PERIOD).is_none());
        assert_eq!(group.charge(50, 3 * PERIOD), Charge::Within);
        assert_eq!(group.charge(1, 3 * PERIOD), Charge::Out);
    }

    #[test]
    fn what_was_not_used_is_lost() {
        let group = CpuGroup::new("job", 100, PERIOD);
        assert_eq!(group.charge(1, 1), Charge::Within);
        assert_eq!(group.charge(101, 50 * PERIOD), Charge::Out);
    }

    #[test]
    fn group_around_is_out_before_the_inner_one() {
        let machine = leak(CpuGroup::new("machine", 100, PERIOD));
        let [web, batch] = ["web", "batch"].map(|name| leak(CpuGroup::within(machine, name, 80)));
        assert_eq!(web.charge(70, 1), Charge::Within);
        assert_eq!(batch.charge(40, 2), Charge::Out);
        assert_eq!(batch.out_of_time(3).map(CpuGroup::name), Some("machine"));
        assert_eq!(web.out_of_time(3).map(CpuGroup::name), Some("machine"), "its sibling took the rest");
        assert!(web.out_of_time(PERIOD).is_none());
        assert_eq!(machine.used(), 110);
    }

    #[test]
    fn unlimited_group_is_never_out() {
        let group = CpuGroup::new("machine", UNLIMITED, PERIOD);
        for period in 0..10 {
            assert_eq!(group.charge(1 << 40, period * PERIOD), Charge::Within);
        }
        assert_eq!(group.used(), 10 << 40);
    }

    #[derive(Clone, Debug)]
    struct Step {
        group: usize,
        ticks: u64,
        after: u64,
    }

    /// Ticks of a charge.
    const MOST: u64 = 300;

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = (0..4_usize, 0..MOST, 0..400_u64);
        prop::collection::vec(step.prop_map(|(group, ticks, after)| Step { group, ticks, after }), 1..200)
    }

    proptest! {
        #[test]
        fn children_add_up_to_their_parent_and_nobody_gets_more_than_its_budgets(steps in steps()) {
            let machine = leak(CpuGroup::new("machine", 500, PERIOD));
            let web = leak(CpuGroup::within(machine, "web", 300));
            let batch = leak(CpuGroup::within(machine, "batch", 200));
            let job = leak(CpuGroup::within(web, "job", 250));
            let groups = [machine, web, batch, job];
            let budgets = [500, 300, 200, 250];
            let mut charged = [0; 4];
            let mut now = 0;
            for Step { group, ticks, after } in steps {
                now += after;
                // Who is out of time does not run, so is not charged.
                if groups[group].out_of_time(now).is_some() {
                    continue;
                }
                let chain = match group { 0 => vec![0], 1 => vec![0, 1], 2 => vec![0, 2], _ => vec![0, 1, 3] };
                let out = groups[group].charge(ticks, now) == Charge::Out;
                for of in &chain {
                    charged[*of] += ticks;
                }
                let nothing_left = chain.iter().any(|of| groups[*of].left.load(Relaxed) < 0);
                prop_assert_eq!(out, nothing_left);
                let periods = now / PERIOD + 1;
                for (of, group) in groups.iter().enumerate() {
                    prop_assert_eq!(group.used(), charged[of]);
                    prop_assert!(group.granted() <= budgets[of] * periods, "{} of {} periods", group.granted(), periods);
                    // One charge alone can go beyond.
                    prop_assert!(group.used() <= group.granted() + MOST);
                }
            }
        }
    }
}
