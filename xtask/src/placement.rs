//! Where unpinned tasks ran: the share of the handoffs of `free` that went to another CPU, what so many of them would
//! cost by the other modes, and what that makes of the original's question. The table, the report and the results
//! have it.

use serde::Serialize;
use switchlab_core::format::Grouped;
use switchlab_records::{Mode, Pass, Subject, Unit};

use crate::clock::time_text;
use crate::report::original::MEASURED;
use crate::results::Results;

/// How many handoffs of unpinned tasks there were, and how many of them went to another CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Crossings {
    /// Those whose receiver ran on another CPU than their sender.
    pub crossings: u64,
    /// All.
    pub handoffs: u64,
}

/// The same with what it means. Costs are of one handoff, raw, in the results' unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placement {
    /// How many crossed.
    #[serde(flatten)]
    pub of: Crossings,
    /// The part of the handoffs that crossed, from 0 to 1.
    pub share: f64,
    /// What so many cross-core handoffs, and same-core ones for the rest, would cost; `None` where one of the two
    /// was not measured.
    pub by_the_others: Option<f64>,
    /// What they did cost; `None` where nothing of it counts.
    pub free: Option<f64>,
    #[serde(skip)]
    same_and_cross: Option<[f64; 2]>,
    #[serde(skip)]
    unit: Unit,
    #[serde(skip)]
    cpus: Option<u32>,
}

impl Crossings {
    /// Of the batch pass; `None` where `free` did not run.
    pub fn of(results: &Results<'_>) -> Option<Self> {
        let blocks = results.blocks.iter().filter(|block| block.is_of(Subject::Handoff, Pass::Batch));
        Self::sum(blocks.filter_map(|result| {
            let crossings = result.block.crossings?;
            Some(Self { crossings, handoffs: result.block.counts.handoffs })
        }))
    }

    /// All together; `None` of none.
    pub fn sum(all: impl Iterator<Item = Self>) -> Option<Self> {
        all.reduce(|sum, one| Self {
            crossings: sum.crossings.saturating_add(one.crossings),
            handoffs: sum.handoffs.saturating_add(one.handoffs),
        })
    }

    fn share(self) -> f64 {
        self.crossings as f64 / self.handoffs.max(1) as f64
    }

    fn text(self) -> String {
        let handoffs = Grouped(self.handoffs);
        match self.crossings {
            0 => format!("none of {handoffs} free handoffs"),
            crossings => {
                let percent = percent_text(self.share());
                format!("{} of {handoffs} free handoffs ({percent})", Grouped(crossings))
            }
        }
    }
}

impl Placement {
    /// Of one boot; `None` where `free` did not run. Where all runs are void, nothing is said of costs.
    pub fn of(results: &Results<'_>) -> Option<Self> {
        let is_void = results.is_all_void();
        let cost = |mode| results.mode(mode).filter(|_| !is_void).map(|mode| mode.switch.raw);
        let cpus = results.cpus.map(|cpus| cpus.up);
        Some(Self::new(Crossings::of(results)?, cost, results.plan.unit, cpus))
    }

    /// Of so many crossings, where one handoff of a mode costs what `cost` says.
    pub fn new(of: Crossings, cost: impl Fn(Mode) -> Option<f64>, unit: Unit, cpus: Option<u32>) -> Self {
        let share = of.share();
        let same_and_cross = cost(Mode::SameCore).zip(cost(Mode::CrossCore)).map(<[f64; 2]>::from);
        let by_the_others = same_and_cross.map(|[same, cross]| share * cross + (1.0 - share) * same);
        Self {
            of,
            share,
            by_the_others: by_the_others.map(|cost| (cost * 1_000.0).round() / 1_000.0),
            free: cost(Mode::Free),
            same_and_cross,
            unit,
            cpus,
        }
    }

    /// As findings, each with its label.
    pub fn findings(&self) -> impl Iterator<Item = (&'static str, String)> {
        let original = self.of_the_original().map(|text| ("The original", text));
        [("Placement", self.sentence())].into_iter().chain(original)
    }

    /// What was counted, what it would cost, and what follows.
    pub fn sentence(&self) -> String {
        let mut text = format!("{} went to another CPU", self.of.text());
        if self.cpus == Some(1) {
            text += ": there is but one";
        }
        if let (Some(others), Some(free)) = (self.by_the_others, self.free) {
            let whose = match self.of.crossings {
                0 => "same-core's cost",
                _ => "cross-core's cost for those and same-core's for the rest",
            };
            let (verb, unit) = match self.unit {
                Unit::Time => ("took", ""),
                Unit::Instructions => ("executed", " instructions"),
            };
            let [others_text, free_text] = [others, free].map(|cost| self.figure(cost));
            text += &format!("; by {whose} one would be {others_text}{unit}, and it {verb} {free_text}");
            if others > 0.0 {
                text += &format!(", {:.2} times that", free / others);
            }
            text += ". So a mode that pins nothing, as the original's multi mode, measures handoffs ";
            text += match self.share {
                share if share < 0.5 => "within a core for the most part",
                _ => "between cores for the most part here",
            };
            if free > others {
                text += ", and what it takes beyond is the scheduler's work, not another core's";
            }
        }
        text
    }

    /// How many of the original's handoffs can have crossed, were a crossing as many times the rest there as here;
    /// `None` where this run says nothing of that, as instructions do not.
    pub fn of_the_original(&self) -> Option<String> {
        let [same, cross] = self.same_and_cross.filter(|_| self.unit == Unit::Time)?;
        let average = |mode| MEASURED.iter().find(|one| one.beside == mode).map(|one| one.average_ns);
        let times = average(Mode::Free)? / average(Mode::SameCore)?;
        let here = cross / same;
        let most = (times - 1.0) / (here - 1.0);
        (here.is_finite() && here > 1.0 && most < 1.0).then(|| {
            format!(
                "were a cross-core handoff {here:.1} times a same-core one there too, its {times:.2} times would leave room for \
                 {} of its handoffs to have crossed, at most",
                percent_text(most)
            )
        })
    }

    fn figure(&self, value: f64) -> String {
        match self.unit {
            Unit::Time => time_text(value),
            Unit::Instructions => format!("{value:.2}"),
        }
    }
}

fn percent_text(share: f64) -> String {
    match share * 100.0 {
        percent if percent < 0.01 => "<0.01 %".into(),
        percent => format!("{percent:.2} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use switchlab_records::read_log;

    fn placement(crossings: u64, costs: [Option<f64>; 3], unit: Unit) -> Placement {
        let [same, cross, free] = costs;
        let cost = |mode| match mode {
            Mode::SameCore => same,
            Mode::CrossCore => cross,
            Mode::Switch => Some(1.0),
            Mode::Free => free,
        };
        Placement::new(Crossings { crossings, handoffs: 1_000 }, cost, unit, Some(12))
    }

    #[test]
    fn crossings_are_weighed_by_what_the_pinned_modes_cost() {
        let placement = placement(100, [Some(30.0), Some(1_530.0), Some(270.0)], Unit::Time);
        assert_eq!((placement.share, placement.by_the_others), (0.1, Some(180.0)));
        let sentence = placement.sentence();
        let told = "100 of 1,000 free handoffs (10.00 %) went to another CPU; by cross-core's cost for those and \
                    same-core's for the rest one would be 180ns, and it took 270ns, 1.50 times that. So a mode that";
        assert!(sentence.starts_with(told), "{sentence}");
        // 656.36 over 591.48, less one, over 51 less one.
        let room = "were a cross-core handoff 51.0 times a same-core one there too, its 1.11 times would leave room for \
                    0.22 % of its handoffs to have crossed, at most";
        assert_eq!(placement.of_the_original().as_deref(), Some(room));
    }

    #[test]
    fn where_most_cross_it_is_said() {
        let sentence = placement(501, [Some(30.0), Some(60.0), Some(50.0)], Unit::Time).sentence();
        assert!(sentence.contains("measures handoffs between cores for the most part here"), "{sentence}");
        let sentence = placement(499, [Some(30.0), Some(60.0), Some(50.0)], Unit::Time).sentence();
        assert!(sentence.contains("measures handoffs within a core for the most part"), "{sentence}");
    }

    #[test]
    fn what_takes_less_takes_nothing_beyond() {
        let beyond = |free| placement(0, [Some(30.0), Some(60.0), Some(free)], Unit::Time).sentence();
        assert!(beyond(31.0).ends_with("what it takes beyond is the scheduler's work, not another core's"));
        assert!(beyond(29.0).ends_with("within a core for the most part"));
    }

    #[test]
    fn runs_that_are_all_void_say_nothing_of_costs() {
        let text = golden::ended(golden::classic(12, 2, 1_000));
        let mut results = Results::from_log(&read_log(&text)).unwrap();
        results.void_runs = [1, 2].into();
        let placement = Placement::of(&results).unwrap();
        assert_eq!((placement.of.crossings, placement.by_the_others, placement.free), (4, None, None));
        assert_eq!(placement.of_the_original(), None);
    }

    #[test]
    fn without_a_pinned_mode_nothing_follows() {
        let alone = placement(0, [Some(30.0), None, Some(50.0)], Unit::Time);
        assert_eq!(alone.by_the_others, None);
        assert_eq!(alone.sentence(), "none of 1,000 free handoffs went to another CPU");
    }

    #[test]
    fn instructions_say_nothing_of_the_originals_times() {
        let placement = placement(0, [Some(67.0), Some(99.0), Some(134.0)], Unit::Instructions);
        let sentence = placement.sentence();
        assert!(
            sentence.contains(
                "by same-core's cost one would be 67.00 instructions, and it executed 134.00, 2.00"
            )
        );
        assert_eq!(placement.of_the_original(), None);
    }

    #[test]
    fn crossings_are_those_of_the_batch_pass() {
        let text = golden::ended(golden::classic(12, 2, 1_000));
        let results = Results::from_log(&read_log(&text)).unwrap();
        assert_eq!(Crossings::of(&results), Some(Crossings { crossings: 4, handoffs: 4_000 }));
    }

    #[test]
    fn one_cpu_has_no_other_to_go_to() {
        let text = golden::ended(golden::classic(1, 1, 1_000));
        let results = Results::from_log(&read_log(&text)).unwrap();
        let sentence = Placement::of(&results).unwrap().sentence();
        assert!(sentence.ends_with(" went to another CPU: there is but one"), "{sentence}");
    }
}
