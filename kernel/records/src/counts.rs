//! Counts that are put together, and taken from each other.

use core::iter::Sum;

use crate::Counts;

impl Counts {
    /// The numbers, in the order of the fields.
    pub const fn to_array(self) -> [u64; 5] {
        // Taken apart without `..`: a count added to the record must be dealt with here.
        let Self { handoffs, switches, ipis_sent, ipis_taken, halts } = self;
        [handoffs, switches, ipis_sent, ipis_taken, halts]
    }

    /// Of numbers in the order of the fields.
    pub const fn from_array([handoffs, switches, ipis_sent, ipis_taken, halts]: [u64; 5]) -> Self {
        Self { handoffs, switches, ipis_sent, ipis_taken, halts }
    }

    /// What was counted behind `before`; modulo 2^64, as counters are.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            handoffs: self.handoffs.wrapping_sub(before.handoffs),
            switches: self.switches.wrapping_sub(before.switches),
            ipis_sent: self.ipis_sent.wrapping_sub(before.ipis_sent),
            ipis_taken: self.ipis_taken.wrapping_sub(before.ipis_taken),
            halts: self.halts.wrapping_sub(before.halts),
        }
    }

    /// What both counted; the largest number where that is more.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            handoffs: self.handoffs.saturating_add(other.handoffs),
            switches: self.switches.saturating_add(other.switches),
            ipis_sent: self.ipis_sent.saturating_add(other.ipis_sent),
            ipis_taken: self.ipis_taken.saturating_add(other.ipis_taken),
            halts: self.halts.saturating_add(other.halts),
        }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Counts = Counts { handoffs: 1, switches: 2, ipis_sent: 3, ipis_taken: 4, halts: 5 };
    const MORE: Counts =
        Counts { handoffs: 10, switches: 200, ipis_sent: 3_000, ipis_taken: 40_000, halts: 5 };

    #[test]
    fn each_count_keeps_to_its_own() {
        let both = Counts { handoffs: 11, switches: 202, ipis_sent: 3_003, ipis_taken: 40_004, halts: 10 };
        assert_eq!(FEW.plus(MORE), both);
        assert_eq!([FEW, MORE].into_iter().sum::<Counts>(), both);
        assert_eq!(both.since(FEW), MORE);
        assert_eq!(both.since(both), Counts::default());
    }

    #[test]
    fn numbers_stand_in_the_order_of_the_fields() {
        assert_eq!(FEW.to_array(), [1, 2, 3, 4, 5]);
        assert_eq!(Counts::from_array(MORE.to_array()), MORE);
    }

    #[test]
    fn counters_go_on_behind_their_end_and_sums_stay_there() {
        let last = Counts::from_array([u64::MAX; 5]);
        assert_eq!(FEW.since(last), Counts::from_array([2, 3, 4, 5, 6]));
        assert_eq!(FEW.plus(last), last);
    }
}
