//! How far to believe it: what the numbers are, what was checked, and what they hang on.

use std::slice;

use crate::manifest::Manifest;
use crate::report::model::{Measured, Run};
use crate::report::table::prose;
use crate::results::Results;
use crate::results::cost::DISAGREEMENT_PERCENT;
use crate::table;

/// One fact.
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// `alarm` for what speaks against the numbers.
    pub(crate) class: &'static str,
    /// Whether it is something to type.
    pub(crate) is_code: bool,
}

/// How the manifest labels what the numbers are.
pub(crate) const NUMBERS: &str = "The numbers are";
pub(crate) const ALARM: &str = "alarm";

/// The facts of one run, the weightiest first.
pub(crate) fn facts(run: &Run<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let conditions = match &run.measured {
        Ok(Measured::Once(results)) => {
            let report = table::Report::new(results, run.manifest.as_ref());
            let kept = report.findings.into_iter().filter(|(label, _)| ["Skipped", "Void"].contains(label));
            facts.extend(kept.map(|(label, text)| weighed(label, text)));
            facts.push(counts(slice::from_ref(results)));
            facts.extend(passes(results));
            report.conditions
        }
        Ok(Measured::Often(often)) => {
            let report = often.findings().report();
            facts.push(counts(&often.results));
            let kept = report.findings.into_iter().filter(|(label, _)| CHECKS.contains(label));
            facts.extend(kept.map(|(label, text)| fact(label, text)));
            report.conditions
        }
        Err(_) => {
            let mut conditions = run.manifest.as_ref().map(Manifest::conditions).unwrap_or_default();
            // There are none.
            conditions.retain(|(label, _)| *label != NUMBERS);
            conditions
        }
    };
    facts.extend(conditions.into_iter().map(|(label, text)| weighed(label, text)));
    if run.manifest.is_none() {
        let why =
            run.manifest_problem.clone().unwrap_or_else(|| "there is no manifest beside the log".into());
        facts.push(alarm("Conditions", format!("not known: {why}")));
    }
    if let Some(why) = &run.trace_problem {
        facts.push(alarm("Trace", format!("how its boot ended is not known: {why}")));
    }
    // What they are comes before all that was checked, and what speaks against them before the rest.
    facts.sort_by_key(|fact| (fact.label != NUMBERS, fact.class != ALARM, fact.is_code));
    facts
}

/// Findings of a rigorous run that say how far to believe it.
const CHECKS: [&str; 4] = ["Method", "Stability", "Void boots", "Spread"];

pub(crate) fn fact(label: &'static str, text: String) -> Fact {
    let is_code = label == "Command";
    Fact { label, text: if is_code { text } else { prose(&text) }, class: "plain", is_code }
}

fn alarm(label: &'static str, text: String) -> Fact {
    Fact { class: ALARM, ..fact(label, text) }
}

pub(crate) fn weighed(label: &'static str, text: String) -> Fact {
    if speaks_against(label, &text) { alarm(label, text) } else { fact(label, text) }
}

fn speaks_against(label: &str, text: &str) -> bool {
    match label {
        "Clock suspect" | "Void" => true,
        "Host load" => text.contains("busy"),
        "Guest time" => text.contains("suspect"),
        _ => false,
    }
}

fn counts(boots: &[Results<'_>]) -> Fact {
    fact("Counts", table::counts(boots))
}

fn passes(results: &Results<'_>) -> Option<Fact> {
    let compared = results.modes.iter().filter_map(|mode| {
        let sampled = mode.sampled.as_ref()?;
        Some((mode.mode.name(), sampled.apart_percent?, sampled.disagrees()))
    });
    let (disagree, agree): (Vec<_>, Vec<_>) = compared.partition(|(.., disagrees)| *disagrees);
    let told = |modes: &[(&str, f64, bool)]| {
        modes
            .iter()
            .map(|(name, apart, _)| format!("{name} by {apart:.1}\u{202f}%"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (disagree.as_slice(), agree.as_slice()) {
        ([], []) => None,
        ([], agree) => Some(fact("Passes", format!("batch and sampled agree: {} apart", told(agree)))),
        (disagree, _) => Some(alarm(
            "Passes",
            format!(
                "batch and sampled disagree: {} apart, of {DISAGREEMENT_PERCENT}\u{202f}% allowed",
                told(disagree)
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::{model, testing};
    use switchlab_records::Unit;
    use switchlab_records::{Mode, Pass, Record};

    fn labels(facts: &[Fact]) -> Vec<&'static str> {
        facts.iter().map(|fact| fact.label).collect()
    }

    #[test]
    fn what_the_numbers_are_comes_first_and_the_command_last() {
        let log = golden::ended(golden::classic(12, 2, 1_000));
        let embedded = [testing::run(&log, Some(&testing::manifest()))];
        let facts = facts(&model::runs(&embedded)[0]);
        let labels = labels(&facts);
        assert_eq!((labels[0], *labels.last().unwrap()), (NUMBERS, "Command"), "{labels:?}");
        assert!(labels.contains(&"Counts") && labels.contains(&"Passes"), "{labels:?}");
    }

    #[test]
    fn passes_that_disagree_are_told_with_what_is_allowed() {
        let mut records = golden::classic(12, 2, 1_000);
        for record in &mut records {
            if let Record::Block(block) = record
                && block.pass == Pass::Batch
                && block.mode == Mode::CrossCore
            {
                block.ticks *= 2;
            }
        }
        let embedded = [testing::run(&golden::ended(records), Some(&testing::manifest()))];
        let facts = facts(&model::runs(&embedded)[0]);
        let passes = facts.iter().find(|fact| fact.label == "Passes").unwrap();
        assert_eq!(passes.class, ALARM);
        let allowed = format!(" apart, of {DISAGREEMENT_PERCENT}\u{202f}% allowed");
        assert!(passes.text.contains("disagree: ") && passes.text.ends_with(&allowed), "{}", passes.text);
    }

    #[test]
    fn counts_of_boots_are_told_in_the_terminals_words() {
        let log = golden::ended(golden::classic(12, 1, 1_000));
        let told = |embedded| {
            let embedded = [embedded];
            let facts = facts(&model::runs(&embedded)[0]);
            facts.into_iter().find(|fact| fact.label == "Counts").unwrap().text
        };
        let one = told(testing::run(&log, None));
        assert!(one.contains(", in all 16 blocks (8,800 handoffs)"), "{one}");
        let two = told(testing::boots(&log, &[testing::manifest(), testing::manifest()]));
        assert_eq!(two, one.replace("16 blocks (8,800", "32 blocks of 2 boots (17,600"));
    }

    #[test]
    fn void_blocks_speak_against_the_numbers() {
        let log = golden::ended(golden::classic(12, 2, 1_000));
        let embedded = [testing::run(&log, Some(&testing::manifest_with_voids(&[1])))];
        let facts = facts(&model::runs(&embedded)[0]);
        assert_eq!((facts[1].label, facts[1].class), ("Void", ALARM), "{:?}", labels(&facts));
    }

    #[test]
    fn broken_manifest_of_a_trace_is_told() {
        let told = |manifest: Vec<u8>| {
            let log = golden::ended(golden::classic(12, 2, 1_000));
            let mut run = testing::run(&log, Some(&testing::manifest()));
            run.push("trace.log".into(), golden::ended(golden::traced(Unit::Time, 3)).into());
            run.push("trace-manifest.json".into(), manifest);
            let embedded = [run];
            let facts = facts(&model::runs(&embedded)[0]);
            facts.into_iter().find(|fact| fact.label == "Trace").map(|fact| (fact.class, fact.text))
        };
        let (class, text) = told(b"{}".to_vec()).unwrap();
        assert!(class == ALARM && text.starts_with("how its boot ended is not known: no manifest"), "{text}");
        assert_eq!(told(serde_json::to_vec(&testing::manifest()).unwrap()), None);
    }

    #[test]
    fn log_without_conditions_says_that_they_are_not_known() {
        let log = golden::ended(golden::classic(12, 2, 1_000));
        let embedded = [testing::run(&log, None)];
        let facts = facts(&model::runs(&embedded)[0]);
        assert_eq!((facts[0].label, facts[0].class), ("Conditions", ALARM));
    }
}
