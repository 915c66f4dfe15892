//! When enough has been booted: a pure function of what was asked for and of what has come.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Boots where `--boots` names no number, and the least that `--until-stable` makes: an interval of
/// fewer says more of chance than of the modes, and one that is looked at after every boot would
/// be narrow by chance too often.
pub const LEAST_BOOTS: u32 = 10;

/// The most that `--until-stable` makes where nobody says.
pub const MOST_BOOTS: u32 = 50;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "goal", rename_all = "kebab-case")]
pub enum Goal {
    /// So many boots.
    Boots {
        /// How many.
        boots: u32,
    },
    /// Boots until the interval is narrow.
    Stable {
        /// The 95 % interval of the ratio, from end to end, in percent of the ratio.
        percent: f64,
        /// At least so many boots that count.
        least: u32,
        /// No more boots than this.
        most: u32,
    },
}

impl Goal {
    /// How many boots there are at most.
    pub const fn most(&self) -> u32 {
        match self {
            Self::Boots { boots } => *boots,
            Self::Stable { most, .. } => *most,
        }
    }
}

/// What has come so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Boots, the void ones included.
    pub boots: u32,
    /// Boots that count: both modes have a run that is not void.
    pub counted: u32,
    /// The interval's width in percent of the ratio; `None` without an interval.
    pub width_percent: Option<f64>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// There is more to boot.
    GoOn {
        /// How many boots would do, at the spread so far; `None` where that cannot be told.
        projected_boots: Option<u32>,
    },
    /// As many boots as were asked for.
    Complete,
    /// The interval is as narrow as was asked for.
    Stable,
    /// It is not, and there are no more boots.
    OutOfReach {
        /// How many boots would do, at the spread so far; `None` where that cannot be told.
        projected_boots: Option<u32>,
    },
}

/// What to do next.
pub fn step(goal: &Goal, tally: &Tally) -> Step {
    match *goal {
        Goal::Boots { boots } if tally.boots >= boots => Step::Complete,
        Goal::Boots { .. } => Step::GoOn { projected_boots: None },
        Goal::Stable { percent, least, most } => {
            let is_narrow = tally.width_percent.is_some_and(|width| width <= percent);
            let projected_boots = projected(percent, least, tally);
            match (is_narrow && tally.counted >= least, tally.boots >= most) {
                (true, _) => Step::Stable,
                (false, true) => Step::OutOfReach { projected_boots },
                (false, false) => Step::GoOn { projected_boots },
            }
        }
    }
}

/// An interval of n boots is about as wide as one over the root of n.
fn projected(percent: f64, least: u32, tally: &Tally) -> Option<u32> {
    let shrink = tally.width_percent? / percent;
    let needed = (f64::from(tally.counted) * shrink * shrink).ceil();
    (needed <= f64::from(MOST_PROJECTED)).then(|| (needed as u32).max(least))
}

/// A projection beyond this is none: nobody boots that often.
const MOST_PROJECTED: u32 = 1_000_000;

/// How it stands with the goal, in a sentence; empty where boots were counted and all came.
pub fn sentence(goal: &Goal, tally: &Tally) -> Option<String> {
    let Goal::Stable { percent, least, most } = *goal else { return None };
    let interval = tally
        .width_percent
        .map_or_else(|| "there is no interval".into(), |width| format!("the interval is {width:.2} % wide"));
    let stands = format!("{interval}, {percent} % asked for, after {}", Booted(tally));
    Some(match step(goal, tally) {
        Step::Stable => format!("{stands}: reached"),
        Step::GoOn { .. } => format!("{stands}: cut before it was reached"),
        Step::Complete => stands,
        Step::OutOfReach { projected_boots: Some(boots) } if boots > tally.counted => {
            format!("{stands}: not reached with --max-boots {most}; about {boots} would do at this spread")
        }
        Step::OutOfReach { projected_boots: None } if tally.width_percent.is_some() => {
            format!("{stands}: not reached with --max-boots {most}, and out of reach at this spread")
        }
        Step::OutOfReach { .. } => {
            format!("{stands}: not reached with --max-boots {most}, of which {least} have to count")
        }
    })
}

struct Booted<'a>(&'a Tally);

impl fmt::Display for Booted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { boots, counted, .. } = self.0;
        write!(f, "{boots} boot{}", if *boots == 1 { "" } else { "s" })?;
        if counted < boots { write!(f, " ({} void)", boots - counted) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOAL: Goal = Goal::Stable { percent: 5.0, least: 10, most: 50 };

    fn tally(boots: u32, width_percent: f64) -> Tally {
        Tally { boots, counted: boots, width_percent: Some(width_percent) }
    }

    #[test]
    fn so_many_boots_are_complete_whatever_they_show() {
        let goal = Goal::Boots { boots: 3 };
        let at = |boots| step(&goal, &Tally { boots, counted: 0, width_percent: None });
        assert_eq!((at(2), at(3)), (Step::GoOn { projected_boots: None }, Step::Complete));
    }

    #[test]
    fn goal_that_no_number_of_boots_reaches_is_said_to_be_out_of_reach() {
        let goal = Goal::Stable { percent: 0.001, least: 5, most: 6 };
        let said = sentence(&goal, &tally(6, 10.0)).unwrap();
        assert!(said.ends_with("not reached with --max-boots 6, and out of reach at this spread"), "{said}");
        assert_eq!(step(&goal, &tally(6, 10.0)), Step::OutOfReach { projected_boots: None });
    }

    #[test]
    fn narrow_interval_of_few_boots_is_not_believed() {
        assert_eq!(step(&GOAL, &tally(9, 0.1)), Step::GoOn { projected_boots: Some(10) });
        assert_eq!(step(&GOAL, &tally(10, 0.1)), Step::Stable);
        assert_eq!(step(&GOAL, &tally(10, 5.0)), Step::Stable);
    }

    #[test]
    fn twice_as_narrow_takes_four_times_the_boots() {
        assert_eq!(step(&GOAL, &tally(12, 10.0)), Step::GoOn { projected_boots: Some(48) });
        assert_eq!(step(&GOAL, &tally(50, 10.0)), Step::OutOfReach { projected_boots: Some(200) });
        assert_eq!(step(&GOAL, &tally(50, 1e12)), Step::OutOfReach { projected_boots: None });
    }

    #[test]
    fn void_boots_do_not_count_and_are_not_without_end() {
        let void = Tally { boots: 50, counted: 4, width_percent: None };
        assert_eq!(step(&GOAL, &void), Step::OutOfReach { projected_boots: None });
        let narrow = Tally { boots: 12, counted: 8, width_percent: Some(1.0) };
        assert_eq!(step(&GOAL, &narrow), Step::GoOn { projected_boots: Some(10) });
    }

    #[test]
    fn sentence_says_what_would_do() {
        let reached = sentence(&GOAL, &tally(12, 4.5)).unwrap();
        assert_eq!(reached, "the interval is 4.50 % wide, 5 % asked for, after 12 boots: reached");
        let far = sentence(&GOAL, &tally(50, 10.0)).unwrap();
        assert!(far.ends_with("not reached with --max-boots 50; about 200 would do at this spread"), "{far}");
        let void = sentence(&GOAL, &Tally { boots: 50, counted: 4, width_percent: None }).unwrap();
        assert_eq!(
            void,
            "there is no interval, 5 % asked for, after 50 boots (46 void): not reached with --max-boots 50, of which 10 have to count"
        );
        assert_eq!(sentence(&Goal::Boots { boots: 3 }, &tally(3, 1.0)), None);
    }
}
