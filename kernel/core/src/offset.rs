//! How far two CPUs' counters are apart, from messages that go to and fro between them.
//!
//! In each round one CPU reads its counter, asks, the other reads its own and answers, and the first
//! reads again. The other's reading lies between the two of the first, nobody knows where: taking it for the
//! middle is off by half the round trip at most, whatever the way there and the way back took. So the
//! shortest round trip says most.
//!
//! ```text
//! against   asked ──┐                   ┌── returned
//! cpu               └── answered ───────┘
//!
//! offset = answered - (asked + returned) / 2      known to within (returned - asked) / 2
//! ```

/// One round's readings, in ticks, in the order in which they were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// By the CPU that asks, before it asks.
    pub asked: u64,
    /// By the CPU that answers, between the question and its answer.
    pub answered: u64,
    /// By the CPU that asks, when the answer has come.
    pub returned: u64,
}

/// What is known of the offset, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The answering CPU's counter minus the asking CPU's, at one moment.
    pub ticks: i64,
    /// It is off by this at most, either way.
    pub bound_ticks: u64,
}

impl Offset {
    /// Of one round; `None` where the asking CPU's counter stepped back in it.
    fn of(round: Round) -> Option<Self> {
        let round_trip = round.returned.checked_sub(round.asked)?;
        let middle = round.asked + round_trip / 2;
        // The middle is rounded down, so up to the end of the round trip it is half of it, rounded up.
        Some(Self {
            ticks: round.answered.wrapping_sub(middle).cast_signed(),
            bound_ticks: round_trip.div_ceil(2),
        })
    }
}

/// What rounds between two CPUs show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rounds {
    /// How many there were.
    pub count: u32,
    /// Of the shortest round trip; `None` while none could be timed.
    pub offset: Option<Offset>,
    /// Of the two handovers in each round, those after which the other CPU read less than the CPU
    /// before it.
    pub steps_back: u32,
    /// The largest of these steps, in ticks.
    pub largest_step_back_ticks: u64,
    /// Readings below an earlier one of the same CPU.
    pub own_steps_back: u32,
    last: Option<Round>,
}

impl Rounds {
    /// Takes the next round.
    pub fn add(&mut self, round: Round) {
        let Round { asked, answered, returned } = round;
        self.count += 1;
        for (before, after) in [(asked, answered), (answered, returned)] {
            let step = before.saturating_sub(after);
            self.steps_back += u32::from(step > 0);
            self.largest_step_back_ticks = self.largest_step_back_ticks.max(step);
        }
        let last = self.last.replace(round).unwrap_or(Round { asked, answered, returned: asked });
        for (before, after) in [(last.returned, asked), (asked, returned), (last.answered, answered)] {
            self.own_steps_back += u32::from(after < before);
        }
        if let Some(offset) = Offset::of(round)
            && self.offset.is_none_or(|best| offset.bound_ticks < best.bound_ticks)
        {
            self.offset = Some(offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rounds(rounds: &[[u64; 3]]) -> Rounds {
        let mut all = Rounds::default();
        for &[asked, answered, returned] in rounds {
            all.add(Round { asked, answered, returned });
        }
        all
    }

    fn offset(ticks: i64, bound_ticks: u64) -> Option<Offset> {
        Some(Offset { ticks, bound_ticks })
    }

    #[test]
    fn answer_in_the_middle_is_no_offset() {
        assert_eq!(rounds(&[[100, 150, 200]]).offset, offset(0, 50));
        assert_eq!(rounds(&[[100, 1_150, 200]]).offset, offset(1_000, 50));
        assert_eq!(rounds(&[[1_000, 50, 1_100]]).offset, offset(-1_000, 50));
    }

    #[test]
    fn odd_round_trip_is_known_to_within_its_larger_half() {
        // Both ends of the round trip are possible: 0 - 0 and 0 - 5.
        assert_eq!(rounds(&[[0, 0, 5]]).offset, offset(-2, 3));
    }

    #[test]
    fn shortest_round_trip_counts_wherever_it_stands() {
        let all = [[0, 900, 1_000], [2_000, 2_052, 2_100], [3_000, 3_390, 3_400]];
        assert_eq!(rounds(&all).offset, offset(2, 50));
        assert_eq!(rounds(&all).count, 3);
    }

    #[test]
    fn reading_below_the_other_cpus_before_it_is_a_step_back() {
        // Ahead: the way back shows it. Behind: the way there does.
        let ahead = rounds(&[[100, 1_150, 200], [300, 1_350, 400]]);
        assert_eq!((ahead.steps_back, ahead.largest_step_back_ticks, ahead.own_steps_back), (2, 950, 0));
        let behind = rounds(&[[1_000, 150, 1_200]]);
        assert_eq!((behind.steps_back, behind.largest_step_back_ticks, behind.own_steps_back), (1, 850, 0));
        // Equal readings are none.
        assert_eq!(rounds(&[[100, 100, 100]]).steps_back, 0);
    }

    #[test]
    fn reading_below_an_earlier_one_of_the_same_cpu_is_its_own_step_back() {
        let answering = rounds(&[[100, 110, 120], [130, 105, 150]]);
        assert_eq!((answering.own_steps_back, answering.steps_back), (1, 1));
        let between = rounds(&[[100, 110, 120], [115, 125, 130]]);
        assert_eq!((between.own_steps_back, between.steps_back), (1, 0));
        let within = rounds(&[[100, 110, 90]]);
        assert_eq!((within.own_steps_back, within.steps_back, within.offset), (1, 1, None));
    }

    proptest! {
        /// Two counters of one rate, `offset` apart, whatever the ways there and back take.
        #[test]
        fn planted_offset_is_within_the_bound(
            planted in -1_000_000_000i64..1_000_000_000,
            ways in prop::collection::vec((0u64..1_000_000, 0u64..1_000_000), 1..20),
        ) {
            let (mut now, mut all) = (10_000_000_000u64, Rounds::default());
            for (there, back) in ways {
                let asked = now;
                let answered = (asked + there).wrapping_add_signed(planted);
                now += there + back;
                all.add(Round { asked, answered, returned: now });
            }
            let found = all.offset.expect("no step back");
            prop_assert!(found.ticks.abs_diff(planted) <= found.bound_ticks);
            prop_assert_eq!(all.own_steps_back, 0);
        }

        #[test]
        fn nothing_panics(readings: [[u64; 3]; 4]) {
            let _ = rounds(&readings);
        }
    }
}
