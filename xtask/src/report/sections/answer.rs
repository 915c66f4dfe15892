//! The first sentence: what was found, or that there is no result and why.

use switchlab_records::{Mode, Unit};

use crate::analysis::{Comparison, LEAST_RUNS, Verdict};
use crate::compare::{self, Compared};
use crate::manifest::plural;
use crate::report::model::{Measured, NoResult, Run};
use crate::report::table::spaced;
use crate::rigorous::Findings;
use crate::table;
use crate::verdict::{self, RunsVerdict};

/// The top of the page.
pub(crate) struct Answer {
    /// The sentence; the page's only heading of its rank.
    pub(crate) sentence: String,
    /// The same for a tab of a browser.
    pub(crate) title: String,
    /// What was measured, a line for each run.
    pub(crate) subjects: Vec<String>,
    /// `failed` where there is no result.
    pub(crate) class: &'static str,
}

impl Answer {
    pub(crate) fn new(runs: &[Run<'_>], compared: &[Result<Compared, String>]) -> Self {
        let failed = runs.iter().any(|run| run.measured.is_err());
        let sentence = spaced(&sentence(runs, compared));
        Self {
            title: format!(
                "{} · switchlab",
                sentence.split([':', ';', '(']).next().unwrap_or_default().trim()
            ),
            sentence,
            subjects: runs.iter().map(|run| subject(run, runs.len())).collect(),
            class: if failed { "failed" } else { "answer" },
        }
    }
}

/// The first run against each of the others. Empty for one run, and where one has no result.
pub(crate) fn comparisons(runs: &[Run<'_>]) -> Vec<Result<Compared, String>> {
    let sides: Option<Vec<_>> = runs.iter().map(Run::side).collect();
    let Some((first, others)) = sides.as_deref().and_then(<[_]>::split_first) else { return Vec::new() };
    others.iter().map(|other| compare::compare(first, other, &[])).collect()
}

fn sentence(runs: &[Run<'_>], compared: &[Result<Compared, String>]) -> String {
    let failed = runs.iter().find_map(|run| Some((run, run.measured.as_ref().err()?)));
    match (runs, failed) {
        ([_], Some((_, NoResult { outcome, status }))) => {
            format!("No result: {outcome} (exit status {status}).")
        }
        (_, Some((run, NoResult { outcome, status }))) => {
            format!("No result for all: {} has none: {outcome} (exit status {status}).", run.name)
        }
        ([run], None) => {
            run.measured.as_ref().map_or_else(|_| String::new(), |measured| of_one(run, measured))
        }
        (_, None) => of_several(runs, compared),
    }
}

/// Of several runs that all have a result: the first is A, each other one is B in its turn.
fn of_several(runs: &[Run<'_>], compared: &[Result<Compared, String>]) -> String {
    let (Some(first), others) = (runs.first(), runs.get(1..).unwrap_or_default()) else {
        return String::new();
    };
    let each = others.iter().zip(compared).map(|(other, compared)| match compared {
        Ok(compared) => {
            // A and B get their names.
            let words = compared.verdict.sentence.split(' ').map(|word| match word {
                "A" => &*first.name,
                "B" => &*other.name,
                word => word,
            });
            words.collect::<Vec<_>>().join(" ")
        }
        Err(why) => format!("{} and {} can not be compared: {why}", first.name, other.name),
    });
    let mut text = each.collect::<Vec<_>>().join("; ");
    let starts_with_a_name = runs.iter().any(|run| text.starts_with(&run.name));
    if let Some(letter) = text.get_mut(..1).filter(|_| !starts_with_a_name) {
        letter.make_ascii_uppercase();
    }
    format!("{text}.")
}

/// Of one run that has a result.
fn of_one(run: &Run<'_>, measured: &Measured<'_>) -> String {
    let results = measured.first();
    let skipped = |mode| results.skipped(mode).unwrap_or("no block of it");
    let figure = |mode| run.median(mode).map(|value| measured.quantity().text(value));
    let unit = if results.plan.unit == Unit::Instructions { " instructions" } else { "" };
    let text = match (figure(Mode::SameCore), figure(Mode::CrossCore)) {
        (Some(same), Some(cross)) => of_both(run, measured, &same, &cross),
        // It has blocks, and nothing can be told of them.
        (None, _) if results.mode(Mode::SameCore).is_some() => {
            "Same-core is below resolution, so nothing is compared.".into()
        }
        (Some(same), None) if results.mode(Mode::CrossCore).is_some() => format!(
            "A handoff takes {same}{unit} on one CPU; cross-core is below resolution, so nothing is compared."
        ),
        (Some(same), None) => format!(
            "A handoff takes {same}{unit} on one CPU; cross-core was skipped ({}), so nothing is compared.",
            skipped(Mode::CrossCore)
        ),
        (None, _) => {
            format!("Same-core was not measured ({}), so nothing is compared.", skipped(Mode::SameCore))
        }
    };
    if title(run).is_some_and(|title| title.ends_with(table::SUSPECT)) {
        return format!("{text} The clock is suspect.");
    }
    text
}

fn of_both(run: &Run<'_>, measured: &Measured<'_>, same: &str, cross: &str) -> String {
    let (comparison, repetitions) = match measured {
        Measured::Once(results) => {
            let watch = run.manifest.as_ref().and_then(|manifest| manifest.watch.as_ref());
            let void = watch.map(|watch| watch.void_runs()).unwrap_or_default();
            match verdict::of_runs(results, &void) {
                Some(RunsVerdict::Compared(comparison)) => (Ok(*comparison), "run"),
                Some(RunsVerdict::Exact) => return counted(run, same, cross),
                Some(RunsVerdict::AllVoid) => {
                    return "No verdict: every run is void, so no figure here is to be trusted.".into();
                }
                None => (Err("no run counts in both modes".into()), "run"),
            }
        }
        Measured::Often(_) if measured.first().plan.unit == Unit::Instructions => {
            return counted(run, same, cross);
        }
        Measured::Often(often) => {
            let Findings { comparison, no_verdict, .. } = often.findings();
            (comparison.ok_or(no_verdict.unwrap_or_default()), "boot")
        }
    };
    let comparison = match comparison {
        Ok(comparison) => comparison,
        Err(why) => return format!("No verdict: {why}. On one CPU {same}, between two {cross}."),
    };
    compared(&comparison, measured.first().plan.unit, repetitions, same, cross)
}

/// By a comparison of cross-core with same-core.
fn compared(comparison: &Comparison, unit: Unit, repetition: &str, same: &str, cross: &str) -> String {
    let (ratio, ends) = comparison.figures();
    let runs = plural(comparison.base_runs.min(comparison.other_runs) as u64, repetition);
    let of_one_boot = if repetition == "run" { " of one boot" } else { "" };
    let (long, instructions) = match unit {
        Unit::Time => ("as long", ""),
        Unit::Instructions => ("as many instructions", " instructions"),
    };
    let Some([low, high]) = ends else {
        return format!(
            "No verdict, since one takes {LEAST_RUNS} {repetition}s that count: by {runs}{of_one_boot} a handoff takes \
             {same}{instructions} on one CPU and {cross} between two CPUs."
        );
    };
    match comparison.verdict {
        Verdict::Faster | Verdict::Slower => format!(
            "A handoff between two CPUs takes {ratio} times {long} as on one CPU (95 % interval {low} to {high}): \
             {cross} against {same}, by the medians of {runs}{of_one_boot}."
        ),
        Verdict::NoDifferenceShown | Verdict::NotEnoughRuns => format!(
            "No difference shown between a handoff on one CPU and between two CPUs: {same} and {cross}{instructions}, \
             {ratio} times {long} (95 % interval {low} to {high}), by the medians of {runs}{of_one_boot}."
        ),
    }
}

/// Instructions are fewer or more, and never faster. They are counted: there is no interval.
fn counted(run: &Run<'_>, same: &str, cross: &str) -> String {
    let values = [Mode::SameCore, Mode::CrossCore].map(|mode| run.median(mode).unwrap_or_default());
    let what = match values[0].total_cmp(&values[1]) {
        std::cmp::Ordering::Less => "fewer on one CPU",
        std::cmp::Ordering::Equal => "the same",
        std::cmp::Ordering::Greater => "more on one CPU",
    };
    format!(
        "A handoff takes {same} instructions on one CPU and {cross} between two CPUs: {what}. They are counted and \
         not estimated, so there is no interval."
    )
}

fn title(run: &Run<'_>) -> Option<String> {
    Some(match run.measured.as_ref().ok()? {
        Measured::Once(results) => table::Report::new(results, run.manifest.as_ref()).title,
        Measured::Often(often) => often.findings().report().title,
    })
}

fn subject(run: &Run<'_>, runs: usize) -> String {
    let name = if runs > 1 { format!("{}: ", run.name) } else { String::new() };
    let what = title(run).unwrap_or_else(|| "no result".into());
    let started = run.manifest.as_ref().map_or_else(String::new, |manifest| {
        format!(", {}", manifest.started.split('.').next().unwrap_or_default().replace('T', " ") + " UTC")
    });
    format!("{name}{what}{started}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::{EmbeddedRun, model, testing};
    use switchlab_records::{Block, Record};

    fn said(embedded: &[EmbeddedRun]) -> String {
        let runs = model::runs(embedded);
        Answer::new(&runs, &comparisons(&runs)).sentence.replace('\u{202f}', " ")
    }

    fn of_log(log: &str) -> String {
        said(&[testing::run(log, None)])
    }

    /// Same-core takes as long as cross-core does, in odd runs a little more, in even ones less.
    fn tie(runs: u32) -> String {
        let mut records = golden::classic(12, runs, 1_000);
        let mut cross = std::collections::BTreeMap::new();
        for record in &records {
            if let Record::Block(Block { run, mode: Mode::CrossCore, subject, pass, ticks, .. }) = record {
                cross.insert((*run, *subject as u8, *pass as u8), *ticks);
            }
        }
        for record in &mut records {
            if let Record::Block(block) = record
                && block.mode == Mode::SameCore
            {
                let like = cross[&(block.run, block.subject as u8, block.pass as u8)];
                block.ticks = if block.run % 2 == 0 { like - like / 20 } else { like + like / 20 };
            }
        }
        golden::ended(golden::fitted(records))
    }

    #[test]
    fn difference_is_told_with_its_interval() {
        let sentence = of_log(&golden::ended(golden::classic(12, 5, 1_000)));
        assert_eq!(
            sentence,
            "A handoff between two CPUs takes 38.7 times as long as on one CPU (95 % interval 37.9 to 39.6): 3.99 µs \
             against 103 ns, by the medians of 5 runs of one boot."
        );
    }

    #[test]
    fn tie_is_called_no_difference_shown() {
        let sentence = of_log(&tie(8));
        assert!(sentence.starts_with("No difference shown between a handoff on one CPU and"), "{sentence}");
        assert!(sentence.contains("95 % interval 0.9"), "{sentence}");
    }

    #[test]
    fn few_runs_have_no_verdict() {
        let sentence = of_log(&golden::ended(golden::classic(12, 2, 1_000)));
        assert_eq!(
            sentence,
            "No verdict, since one takes 5 runs that count: by 2 runs of one boot a handoff takes 102 ns on one CPU \
             and 3.99 µs between two CPUs."
        );
    }

    #[test]
    fn void_runs_do_not_count() {
        let log = golden::ended(golden::classic(12, 5, 1_000));
        let run = |void: &[u32]| testing::run(&log, Some(&testing::manifest_with_voids(void)));
        assert!(said(&[run(&[2])]).starts_with("No verdict, since one takes 5 runs that count: by 4 runs"));
        assert!(said(&[run(&[1, 2, 3, 4, 5])]).starts_with("No verdict: every run is void"));
    }

    #[test]
    fn instructions_are_fewer_and_never_faster() {
        let sentence = of_log(&golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000)));
        assert_eq!(
            sentence,
            "A handoff takes 202 instructions on one CPU and 7,990 between two CPUs: fewer on one CPU. They are \
             counted and not estimated, so there is no interval."
        );
    }

    #[test]
    fn skipped_mode_is_said_to_be() {
        let sentence = of_log(&golden::ended(golden::classic(1, 1, 1_000)));
        assert!(sentence.contains("cross-core was skipped (one CPU), so nothing is compared"), "{sentence}");
    }

    #[test]
    fn suspect_clock_is_in_the_sentence() {
        let mut records = golden::classic(12, 5, 1_000);
        if let Some(Record::Clock(clock)) = records.last_mut() {
            clock.pit_hz += clock.pit_hz / 500;
        }
        assert!(of_log(&golden::ended(records)).ends_with("of one boot. The clock is suspect."));
    }

    #[test]
    fn runs_are_compared_with_the_first_by_name() {
        let log = golden::ended(golden::classic(12, 6, 1_000));
        let sentence = said(&[testing::run(&log, None), testing::run(&log, None)]);
        assert!(sentence.starts_with("No difference shown between a and a (2) in "), "{sentence}");
        let counted = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000));
        let sentence = said(&[testing::run(&log, None), testing::run(&counted, None)]);
        assert!(sentence.starts_with("a and a (2) can not be compared: "), "{sentence}");
    }

    #[test]
    fn run_without_a_result_says_so_first() {
        let whole = golden::ended(golden::classic(12, 1, 1_000));
        let cut = golden::log(&golden::classic(12, 1, 1_000));
        let sentence = of_log(&cut);
        assert!(sentence.starts_with("No result: the log is not valid: "), "{sentence}");
        assert!(sentence.ends_with("(exit status 6)."), "{sentence}");
        let sentence = said(&[testing::run(&whole, None), testing::run(&cut, None)]);
        assert!(sentence.starts_with("No result for all: a (2) has none: "), "{sentence}");
    }
}
