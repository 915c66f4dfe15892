//! How far to believe it: what the numbers are, what was checked, and what they hang on.

use crate::manifest::{Manifest, plural};
use crate::report::model::Boot;
use crate::report::table::spaced;
use crate::results::Results;
use crate::table;
use crate::watch::Watch;

/// One fact.
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// `alarm` for what speaks against the numbers.
    pub(crate) class: &'static str,
    /// Whether it is something to type.
    pub(crate) is_code: bool,
}

/// The facts of one boot, the weightiest first.
pub(crate) fn facts(boot: &Boot<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let conditions = match &boot.result {
        Ok(results) => {
            let report = table::Report::new(results, boot.manifest.as_ref());
            let checked =
                report.findings.into_iter().filter(|(label, _)| ["Counts", "Skipped"].contains(label));
            facts.extend(checked.map(|(label, text)| fact(label, text)));
            facts.extend(passes(results));
            facts.extend(replication(results));
            report.conditions
        }
        Err(_) => {
            let mut conditions = boot.manifest.as_ref().map(Manifest::conditions).unwrap_or_default();
            // There are none.
            conditions.retain(|(label, _)| *label != NUMBERS);
            conditions
        }
    };
    let watch = boot.manifest.as_ref().and_then(|manifest| manifest.watch.as_ref());
    facts.extend(conditions.into_iter().map(|(label, text)| {
        let against = speaks_against(label, &text, watch);
        if against { alarm(label, text) } else { fact(label, text) }
    }));
    if boot.manifest.is_none() {
        let why =
            boot.manifest_problem.clone().unwrap_or_else(|| "there is no manifest beside the log".into());
        facts.push(alarm("Conditions", format!("not known: {why}")));
    }
    // What they are comes before all that was checked, and what speaks against them before the rest.
    facts.sort_by_key(|fact| (fact.label != NUMBERS, fact.class != ALARM, fact.is_code));
    facts
}

/// How the manifest labels what the numbers are.
const NUMBERS: &str = "The numbers are";
const ALARM: &str = "alarm";

fn fact(label: &'static str, text: String) -> Fact {
    let is_code = label == "Command";
    Fact { label, text: if is_code { text } else { spaced(&text) }, class: "plain", is_code }
}

fn alarm(label: &'static str, text: String) -> Fact {
    Fact { class: ALARM, ..fact(label, text) }
}

fn speaks_against(label: &str, text: &str, watch: Option<&Watch>) -> bool {
    match label {
        "Clock suspect" | "Void" => true,
        "Host load" => text.starts_with("busy"),
        "Guest time" => watch.and_then(|watch| watch.guest_time).is_some_and(|time| time.is_suspect()),
        _ => false,
    }
}

fn passes(results: &Results<'_>) -> Option<Fact> {
    let compared = results.modes.iter().filter_map(|mode| {
        let sampled = mode.sampled.as_ref()?;
        Some((mode.mode.name(), sampled.apart_percent?, sampled.disagrees()))
    });
    let (disagree, agree): (Vec<_>, Vec<_>) = compared.partition(|(.., disagrees)| *disagrees);
    let told = |modes: &[(&str, f64, bool)]| {
        modes.iter().map(|(name, apart, _)| format!("{name} by {apart:.1} %")).collect::<Vec<_>>().join(", ")
    };
    match (disagree.as_slice(), agree.as_slice()) {
        ([], []) => None,
        ([], agree) => Some(fact("Passes", format!("batch and sampled agree: {} apart", told(agree)))),
        (disagree, _) => Some(alarm(
            "Passes",
            format!("batch and sampled disagree: {} apart, of 5 % allowed", told(disagree)),
        )),
    }
}

fn replication(results: &Results<'_>) -> Option<Fact> {
    let runs = plural(u64::from(results.plan.runs), "run");
    let text = match results.quantity() {
        crate::report::plots::Quantity::Instructions => return None,
        crate::report::plots::Quantity::Time => {
            format!("{runs} in one boot: as many looks at one boot, which are not independent")
        }
    };
    Some(fact("Replication", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::{EmbeddedRun, model};

    #[test]
    fn what_the_numbers_are_comes_first_and_the_command_last() {
        let mut run = EmbeddedRun { name: "a".into(), files: Vec::new() };
        run.push("serial.log".into(), golden::ended(golden::classic(12, 2, 1_000)).into_bytes());
        let manifest = serde_json::to_vec(&crate::report::testing::manifest()).unwrap();
        run.push("manifest.json".into(), manifest);
        let runs = [run];
        let facts = facts(&model::boots(&runs)[0]);
        let labels: Vec<_> = facts.iter().map(|fact| fact.label).collect();
        assert_eq!((labels[0], *labels.last().unwrap()), ("The numbers are", "Command"), "{labels:?}");
        assert!(labels.contains(&"Counts") && labels.contains(&"Passes"), "{labels:?}");
    }

    #[test]
    fn log_without_conditions_says_that_they_are_not_known() {
        let mut run = EmbeddedRun { name: "a".into(), files: Vec::new() };
        run.push("serial.log".into(), golden::ended(golden::classic(12, 2, 1_000)).into_bytes());
        let runs = [run];
        let facts = facts(&model::boots(&runs)[0]);
        assert_eq!((facts[0].label, facts[0].class), ("Conditions", "alarm"));
    }
}
