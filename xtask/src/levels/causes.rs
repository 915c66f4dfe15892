//! The four reasons that the original gave for its second mode, twelve threads, being slower than its first: each
//! weighed by what it comes to here. A count of how often the thing happens, times what it costs by itself.

use serde::Serialize;
use switchlab_core::format::Grouped;

use super::guesses::GOROUTINE;
use super::{median_ns, row};
use crate::analysis::{Bootstrap, Comparison, LEAST_RUNS, Series, Verdict, compare};
use crate::bench::{Bench, Row};
use crate::report::original;

/// What is found of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It explains a tenth of the difference, or more.
    Confirmed,
    /// It explains less.
    Refuted,
    /// What it takes to tell is not there.
    NotObservable,
}

impl Finding {
    /// As people read it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::NotObservable => "not observable here",
        }
    }
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// As the original calls it.
    pub name: &'static str,
    /// What is found.
    pub finding: Finding,
    /// What it comes to in a handoff, in nanoseconds; `None` where that is not known.
    pub ns: Option<f64>,
    /// The figures, in words.
    pub why: String,
}

/// What is to be explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The original's two modes, as they are here.
    pub comparison: Comparison,
    /// How much longer a handoff of the second takes, in nanoseconds.
    pub ns: f64,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Causes {
    /// The second mode against the first; `None` without Go.
    pub difference: Option<Difference>,
    /// How many handoffs of either mode left their CPU, in words.
    pub crossings: String,
    /// The four, in the original's order.
    pub causes: Vec<Cause>,
}

/// What part of the difference a reason has to explain.
const LEAST_SHARE: f64 = 0.1;

const TWELVE: &str = "go-channel-p12";
const TWELVE_ON_ONE_CPU: &str = "go-channel-p12-one-cpu";
const FUTEX: &str = "futex-same-core";
const CACHE_LINE: &str = "spin-other-core";
const LOCKED: &str = "barrier-locked";

/// The original's names of them.
const NAMES: [&str; 4] = ["OS switches", "Cache lines", "Barriers", "Coordination"];

/// Weighs all four.
pub fn weigh(bench: &Bench) -> Causes {
    let (difference, crossings) = (difference(bench), crossings(bench));
    let Some(facts) = difference.as_ref().and_then(|difference| Facts::of(bench, difference)) else {
        let why = "the goroutines have no figures";
        return Causes { difference, crossings, causes: NAMES.map(|name| unknown(name, why)).into() };
    };
    if facts.is_undecided {
        let why = format!("too few rounds to say whether P=12 is slower: a verdict takes {LEAST_RUNS}");
        return Causes { difference, crossings, causes: NAMES.map(|name| unknown(name, why.clone())).into() };
    }
    let (switches, lines) = (facts.switches(), facts.cache_lines());
    let others = [&switches, &lines].into_iter().filter_map(|cause| cause.ns).sum();
    let causes = vec![switches, lines, facts.barriers(), facts.coordination(others)];
    Causes { difference, crossings, causes }
}

/// Neither mode pins anything: where its goroutines run, the system and Go's scheduler say.
fn crossings(bench: &Bench) -> String {
    let told = [("P=1", GOROUTINE), ("P=12", TWELVE)].map(|(mode, id)| {
        let crossed = row(bench, id).and_then(|row| row.measured()?.crossed);
        crossed.map_or_else(
            || format!("{mode} was not looked at"),
            |crossed| {
                let (count, of) = (Grouped(crossed.crossed), Grouped(crossed.handoffs));
                format!(
                    "{count} of {of} handoffs of {mode} went to another CPU ({:.3} %)",
                    100.0 * crossed.share()
                )
            },
        )
    });
    format!("{}; in passes of their own, in which each side asks where it runs", told.join(", "))
}

fn difference(bench: &Bench) -> Option<Difference> {
    let [one, twelve] = [GOROUTINE, TWELVE].map(|id| row(bench, id));
    let (one, twelve) = (one?, twelve?);
    let series = |row: &'_ Row| row.measured().map(|measured| measured.one_way_ns.clone());
    let [base, other] = [series(one)?, series(twelve)?];
    let comparison = compare(
        Series { name: &one.title, values: &base },
        Series { name: &twelve.title, values: &other },
        Bootstrap::default(),
    );
    Some(Difference { comparison: comparison.ok()?, ns: median_ns(twelve)? - median_ns(one)? })
}

fn unknown(name: &'static str, why: impl Into<String>) -> Cause {
    Cause { name, finding: Finding::NotObservable, ns: None, why: why.into() }
}

/// What the reasons are weighed by.
struct Facts<'a> {
    bench: &'a Bench,
    one: &'a Row,
    twelve: &'a Row,
    /// What is to be explained, in nanoseconds: the difference where one is shown, else the original's, in its
    /// share of a handoff here.
    due_ns: f64,
    is_shown: bool,
    /// There were too few rounds for either.
    is_undecided: bool,
}

impl<'a> Facts<'a> {
    fn of(bench: &'a Bench, difference: &Difference) -> Option<Self> {
        let (one, twelve) = (row(bench, GOROUTINE)?, row(bench, TWELVE)?);
        let is_shown = difference.comparison.verdict == Verdict::Slower;
        let is_undecided = difference.comparison.verdict == Verdict::NotEnoughRuns;
        let [theirs, theirs_of_twelve] = [0, 1].map(|mode| original::MEASURED.get(mode));
        let share = theirs_of_twelve?.average_ns / theirs?.average_ns - 1.0;
        let due_ns = if is_shown { difference.ns } else { share * median_ns(one)? };
        Some(Self { bench, one, twelve, due_ns, is_shown, is_undecided })
    }

    /// What a row takes.
    fn cost(&self, id: &str) -> Option<f64> {
        row(self.bench, id).and_then(median_ns)
    }

    /// A reason that comes to so much.
    fn cause(&self, name: &'static str, ns: f64, what: &str) -> Cause {
        let share = ns.max(0.0) / self.due_ns;
        let finding = match (share >= LEAST_SHARE, self.is_shown) {
            (false, _) => Finding::Refuted,
            (true, true) => Finding::Confirmed,
            (true, false) => Finding::NotObservable,
        };
        let due = if self.is_shown {
            format!("the {} that P=12 takes longer", time(self.due_ns))
        } else {
            format!(
                "the {} that the original's difference would be here, where P=12 is not shown to be slower",
                time(self.due_ns)
            )
        };
        let why = format!("{what}: {}, {:.1} % of {due}", time(ns), 100.0 * share);
        Cause { name, finding, ns: Some(ns), why }
    }

    fn switches(&self) -> Cause {
        let each =
            |row: &Row| row.measured().and_then(|measured| measured.switched).map(|switched| switched.each());
        let (Some(one), Some(twelve)) = (each(self.one), each(self.twelve)) else {
            return unknown(NAMES[0], "the system did not count its switches");
        };
        let Some(cost) = self.cost(FUTEX) else {
            return unknown(NAMES[0], "threads by futex have no figure, so a switch of theirs has no price");
        };
        let what =
            format!("{twelve:.4} switches of threads a handoff, {one:.4} with P=1; at {} each", time(cost));
        self.cause(NAMES[0], (twelve - one) * cost, &what)
    }

    fn cache_lines(&self) -> Cause {
        let Some(crossed) = self.twelve.measured().and_then(|measured| measured.crossed) else {
            return unknown(NAMES[1], "where the goroutines ran could not be looked at");
        };
        let Some(cost) = self.cost(CACHE_LINE) else {
            return unknown(
                NAMES[1],
                "it takes two CPUs to see what a cache line costs that goes from one to the other",
            );
        };
        let what = format!(
            "{:.3} % of the handoffs of P=12 left their CPU; at {} for a cache line that goes to another and is waited for",
            100.0 * crossed.share(),
            time(cost)
        );
        self.cause(NAMES[1], crossed.share() * cost, &what)
    }

    /// The same instructions run in both modes, whatever they cost.
    fn barriers(&self) -> Cause {
        let Some(cost) = self.cost(LOCKED) else {
            return unknown(NAMES[2], "a barrier has no figure");
        };
        // Go's scheduler looks for an idle processor at each wake-up, by locked instructions, where it has more than one
        // (`wakep` in its runtime/proc.go); how often, it does not tell.
        unknown(
            NAMES[2],
            format!(
                "the program has the same ones in both modes, and those of Go's scheduler nobody counts; {} more at {} \
                 each would make the difference",
                (self.due_ns / cost).ceil(),
                time(cost)
            ),
        )
    }

    /// What is left of the difference when the others have had their share.
    fn coordination(&self, others_ns: f64) -> Cause {
        let (Some(one), Some(twelve)) = (median_ns(self.one), median_ns(self.twelve)) else {
            return unknown(NAMES[3], "the goroutines have no figures");
        };
        let on_one_cpu = self.cost(TWELVE_ON_ONE_CPU).map_or_else(String::new, |cost| {
            format!("; kept to one CPU, where no core has another to agree with, P=12 takes {}", time(cost))
        });
        let what = format!("what the others leave of {} against {}{on_one_cpu}", time(twelve), time(one));
        self.cause(NAMES[3], twelve - one - others_ns, &what)
    }
}

fn time(ns: f64) -> String {
    if ns < 0.0 { format!("-{}", crate::bench::show::time(-ns)) } else { crate::bench::show::time(ns) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{sample, with, without};
    use super::*;
    use crate::bench::row::{Crossed, Switched};

    fn findings(bench: &Bench) -> Vec<Finding> {
        weigh(bench).causes.iter().map(|cause| cause.finding).collect()
    }

    fn cause(bench: &Bench, name: &str) -> Cause {
        weigh(bench).causes.into_iter().find(|cause| cause.name == name).unwrap()
    }

    #[test]
    fn reason_is_weighed_by_its_share_of_the_difference() {
        use Finding::{Confirmed, NotObservable, Refuted};
        let bench = sample();
        // 300 against 200 ns; 0.05 switches more at 1,000 ns are 50, 0.1 % of 100 ns nothing, and 49.9 are left.
        assert_eq!(findings(&bench), [Confirmed, Refuted, NotObservable, Confirmed]);
        assert!((cause(&bench, "OS switches").ns.unwrap() - 50.0).abs() < 1e-9);
        assert!((cause(&bench, "Cache lines").ns.unwrap() - 0.1).abs() < 1e-9);
        assert!((cause(&bench, "Coordination").ns.unwrap() - 49.9).abs() < 1e-9);
    }

    #[test]
    fn what_happens_as_often_in_both_modes_explains_nothing() {
        let alike = with(&sample(), "go-channel-p12", |measured| {
            measured.switched = Some(Switched { handoffs: 100, voluntary: 0, involuntary: 0 });
        });
        assert_eq!(cause(&alike, "OS switches").finding, Finding::Refuted);
        let crossing = with(&sample(), "go-channel-p12", |measured| {
            measured.crossed = Some(Crossed { handoffs: 100, crossed: 90 });
        });
        assert_eq!(cause(&crossing, "Cache lines").finding, Finding::Confirmed);
    }

    #[test]
    fn without_a_difference_only_what_is_too_small_for_the_originals_is_told() {
        let alike = with(&sample(), "go-channel-p12", |measured| {
            measured.one_way_ns = vec![200.0, 201.0, 199.0, 202.0, 198.0];
        });
        use Finding::{NotObservable, Refuted};
        // 50 ns of switches are more than a tenth of 11 % of 200 ns.
        assert_eq!(findings(&alike), [NotObservable, Refuted, NotObservable, Refuted]);
        assert!(cause(&alike, "OS switches").why.contains("not shown to be slower"));
    }

    #[test]
    fn too_few_rounds_weigh_nothing() {
        let truncated = |bench: &Bench, id| with(bench, id, |measured| measured.one_way_ns.truncate(2));
        let few = truncated(&truncated(&sample(), TWELVE), GOROUTINE);
        assert_eq!(findings(&few), [Finding::NotObservable; 4]);
        assert!(cause(&few, "Barriers").why.contains("a verdict takes 5"), "{}", cause(&few, "Barriers").why);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(findings(&without(&sample(), GOROUTINE)), [Finding::NotObservable; 4]);
        let no_price = cause(&without(&sample(), FUTEX), "OS switches");
        assert!(no_price.finding == Finding::NotObservable && no_price.why.contains("no price"));
        let one_cpu = cause(&without(&sample(), CACHE_LINE), "Cache lines");
        assert!(one_cpu.finding == Finding::NotObservable && one_cpu.why.contains("two CPUs"));
    }
}
