//! Memory by groups: pages that a group and all that is in it may have at one time.
//!
//! A charge is made to the group and to each around it, or to none of them: whose limit it would break is named.
//! So no group ever has more than its limit, not for a moment.

use core::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// A limit that is never reached.
pub const UNLIMITED: u64 = u64::MAX;

/// A group that pages are charged to.
#[derive(Debug)]
pub struct MemoryGroup {
    name: &'static str,
    parent: Option<&'static Self>,
    limit: u64,
    used: AtomicU64,
    most: AtomicU64,
    refusals: AtomicU64,
}

/// A charge would have broken a group's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverLimit {
    /// The group: the one that is charged, or the nearest around it.
    pub group: &'static str,
    /// Its limit, in pages.
    pub limit: u64,
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "over the limit of {}: {} pages", self.group, self.limit)
    }
}

impl core::error::Error for OverLimit {}

impl MemoryGroup {
    /// A group outside of all others, of at most `limit` pages.
    pub const fn new(name: &'static str, limit: u64) -> Self {
        Self::with(name, limit, None)
    }

    /// A group in `parent`, of at most `limit` pages.
    pub const fn within(parent: &'static Self, name: &'static str, limit: u64) -> Self {
        Self::with(name, limit, Some(parent))
    }

    const fn with(name: &'static str, limit: u64, parent: Option<&'static Self>) -> Self {
        let [used, most, refusals] = [const { AtomicU64::new(0) }; 3];
        Self { name, parent, limit, used, most, refusals }
    }

    /// Charges `pages` to the group and to each around it.
    ///
    /// # Errors
    ///
    /// [`OverLimit`]: then to none, and the group that is named counts a refusal.
    pub fn charge(&self, pages: u64) -> Result<(), OverLimit> {
        let mut group = Some(self);
        while let Some(of) = group {
            if let Err(over) = of.charge_alone(pages) {
                self.uncharge_up_to(pages, of);
                return Err(over);
            }
            group = of.parent;
        }
        Ok(())
    }

    fn charge_alone(&self, pages: u64) -> Result<(), OverLimit> {
        let fits = |used: u64| used.checked_add(pages).filter(|sum| *sum <= self.limit);
        // Relaxed: the numbers stand for themselves.
        match self.used.fetch_update(Relaxed, Relaxed, fits) {
            Ok(before) => {
                self.most.fetch_max(before + pages, Relaxed);
                Ok(())
            }
            Err(_) => {
                self.refusals.fetch_add(1, Relaxed);
                Err(OverLimit { group: self.name, limit: self.limit })
            }
        }
    }

    /// Takes a charge back from this group and those around it, before `end`.
    fn uncharge_up_to(&self, pages: u64, end: &Self) {
        let mut group = self;
        while !core::ptr::eq(group, end) {
            group.used.fetch_sub(pages, Relaxed);
            let Some(parent) = group.parent else { return };
            group = parent;
        }
    }

    /// Takes back what was charged.
    pub fn uncharge(&self, pages: u64) {
        let mut group = Some(self);
        while let Some(of) = group {
            of.used.fetch_sub(pages, Relaxed);
            group = of.parent;
        }
    }

    /// Pages that it has.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// The most that it ever had.
    pub fn most(&self) -> u64 {
        self.most.load(Relaxed)
    }

    /// How often its own limit was in the way.
    pub fn refusals(&self) -> u64 {
        self.refusals.load(Relaxed)
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

    fn leak(group: MemoryGroup) -> &'static MemoryGroup {
        Box::leak(Box::new(group))
    }

    #[test]
    fn group_has_at_most_its_limit() {
        let group = MemoryGroup::new("job", 10);
        assert_eq!(group.charge(10), Ok(()));
        assert_eq!(group.charge(1), Err(OverLimit { group: "job", limit: 10 }));
        group.uncharge(4);
        assert_eq!(group.charge(4), Ok(()));
        assert_eq!((group.used(), group.most(), group.refusals()), (10, 10, 1));
    }

    #[test]
    fn limit_of_a_group_around_is_in_the_way_before_the_inner_one() {
        let web = leak(MemoryGroup::new("web", 12));
        let [job, sibling] = ["job", "sibling"].map(|name| leak(MemoryGroup::within(web, name, 10)));
        assert_eq!(sibling.charge(9), Ok(()));
        assert_eq!(job.charge(4), Err(OverLimit { group: "web", limit: 12 }));
        assert_eq!((job.used(), web.used()), (0, 9), "to none where not to all");
        assert_eq!(job.charge(3), Ok(()));
        assert_eq!([web.refusals(), job.refusals()], [1, 0]);
    }

    #[test]
    fn sum_that_wraps_is_over() {
        let group = MemoryGroup::new("machine", UNLIMITED);
        assert_eq!(group.charge(u64::MAX), Ok(()));
        assert!(group.charge(1).is_err());
    }

    proptest! {
        #[test]
        fn nobody_is_over_its_limit_children_add_up_and_nothing_is_left_behind(
            steps in prop::collection::vec((0..4_usize, 0..12_u64, any::<bool>()), 1..200)
        ) {
            let machine = leak(MemoryGroup::new("machine", 40));
            let web = leak(MemoryGroup::within(machine, "web", 25));
            let batch = leak(MemoryGroup::within(machine, "batch", 30));
            let job = leak(MemoryGroup::within(web, "job", 20));
            let groups = [machine, web, batch, job];
            let limits = [40, 25, 30, 20];
            let mut held: Vec<Vec<u64>> = vec![Vec::new(); 4];
            for (at, pages, takes) in steps {
                if takes {
                    if groups[at].charge(pages).is_ok() {
                        held[at].push(pages);
                    }
                } else if let Some(pages) = held[at].pop() {
                    groups[at].uncharge(pages);
                }
                let own = held.iter().map(|pages| pages.iter().sum::<u64>()).collect::<Vec<_>>();
                prop_assert_eq!(job.used(), own[3]);
                prop_assert_eq!(web.used(), own[1] + job.used());
                prop_assert_eq!(batch.used(), own[2]);
                prop_assert_eq!(machine.used(), own[0] + web.used() + batch.used());
                for (group, limit) in groups.iter().zip(limits) {
                    prop_assert!(group.most() <= limit);
                }
            }
            for (group, pages) in groups.iter().zip(held) {
                pages.into_iter().for_each(|pages| group.uncharge(pages));
            }
            prop_assert!(groups.iter().all(|group| group.used() == 0));
        }
    }
}
