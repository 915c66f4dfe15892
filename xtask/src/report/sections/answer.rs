//! The first sentence: what was found, or that there is no result and why.

use switchlab_records::{Mode, Unit};

use crate::manifest::plural;
use crate::report::model::{Boot, NoResult};
use crate::report::plots::Quantity;
use crate::report::table::spaced;
use crate::results::{ModeResult, Results};
use crate::table;

/// The top of the page.
pub(crate) struct Answer {
    /// The sentence; the page's only heading of its rank.
    pub(crate) sentence: String,
    /// The same for a tab of a browser.
    pub(crate) title: String,
    /// What was measured, a line for each boot.
    pub(crate) subjects: Vec<String>,
    /// `failed` where there is no result.
    pub(crate) class: &'static str,
}

impl Answer {
    pub(crate) fn new(boots: &[Boot<'_>]) -> Self {
        let failed = boots.iter().any(|boot| boot.result.is_err());
        let sentence = sentence(boots);
        Self {
            title: format!("{} · switchlab", sentence.split([':', ';']).next().unwrap_or_default()),
            sentence,
            subjects: boots.iter().map(|boot| subject(boot, boots.len())).collect(),
            class: if failed { "failed" } else { "answer" },
        }
    }
}

fn sentence(boots: &[Boot<'_>]) -> String {
    let failed = boots.iter().find_map(|boot| Some((boot, boot.result.as_ref().err()?)));
    match (boots, failed) {
        ([_], Some((_, NoResult { outcome, status }))) => {
            format!("No result: {outcome} (exit status {status}).")
        }
        (_, Some((boot, NoResult { outcome, status }))) => {
            format!("No result for all: {} has none: {outcome} (exit status {status}).", boot.name)
        }
        ([boot], None) => boot.result.as_ref().map_or_else(|_| String::new(), of_one),
        (_, None) => format!("{}, side by side and not compared.", plural(boots.len() as u64, "boot")),
    }
}

/// Of one boot that has a result.
fn of_one(results: &Results<'_>) -> String {
    let raw = |mode: &ModeResult| {
        let [raw, ..] = mode.switch.texts(results.ruler);
        spaced(&raw)
    };
    let skipped = |mode| results.skipped(mode).unwrap_or("no block of it");
    let runs = plural(u64::from(results.plan.runs), "run");
    match (results.mode(Mode::SameCore), results.mode(Mode::CrossCore), results.plan.unit) {
        (Some(same), Some(cross), Unit::Time) => format!(
            "A handoff takes {} on one CPU and {} between two CPUs, by the means of {runs}; how sure the \
             difference is was not computed.",
            raw(same),
            raw(cross),
        ),
        (Some(same), Some(cross), Unit::Instructions) => counted(same, cross),
        (Some(same), None, unit) => format!(
            "A handoff takes {}{} on one CPU; cross-core was skipped ({}), so nothing is compared.",
            raw(same),
            if unit == Unit::Instructions { " instructions" } else { "" },
            skipped(Mode::CrossCore),
        ),
        (None, ..) => {
            format!("Same-core was not measured ({}), so nothing is compared.", skipped(Mode::SameCore))
        }
    }
}

/// Instructions are fewer or more, and never faster. They are counted: there is no interval.
fn counted(same: &ModeResult, cross: &ModeResult) -> String {
    // Both have the same exchanges, so the same switches.
    let what = match same.mean_ticks.cmp(&cross.mean_ticks) {
        std::cmp::Ordering::Less => "fewer on one CPU",
        std::cmp::Ordering::Equal => "the same",
        std::cmp::Ordering::Greater => "more on one CPU",
    };
    let [same, cross] = [same, cross].map(|mode| Quantity::Instructions.text(mode.switch.raw));
    format!(
        "A handoff takes {same} instructions on one CPU and {cross} between two CPUs: {what}. They are counted and \
         not estimated, so there is no interval."
    )
}

fn subject(boot: &Boot<'_>, boots: usize) -> String {
    let name = if boots > 1 { format!("{}: ", boot.name) } else { String::new() };
    let what = match &boot.result {
        Ok(results) => table::Report::new(results, boot.manifest.as_ref()).title,
        Err(_) => "no result".into(),
    };
    let started = boot.manifest.as_ref().map_or_else(String::new, |manifest| {
        format!(", {}", manifest.started.split('.').next().unwrap_or_default().replace('T', " ") + " UTC")
    });
    format!("{name}{what}{started}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::{EmbeddedRun, model};

    fn run(name: &str, log: String) -> EmbeddedRun {
        let mut run = EmbeddedRun { name: name.into(), files: Vec::new() };
        run.push("serial.log".into(), log.into_bytes());
        run
    }

    fn said(runs: &[EmbeddedRun]) -> String {
        Answer::new(&model::boots(runs)).sentence.replace('\u{202f}', " ")
    }

    #[test]
    fn times_are_told_without_a_winner_where_nothing_is_known_of_it() {
        let text = golden::ended(golden::classic(12, 2, 1_000));
        let sentence = said(&[run("a", text)]);
        assert!(
            sentence.starts_with("A handoff takes 102 ns on one CPU and 3.99 µs between two CPUs"),
            "{sentence}"
        );
        assert!(!sentence.contains("faster"), "{sentence}");
    }

    #[test]
    fn instructions_are_fewer_and_never_faster() {
        let text = golden::ended(golden::classic_in(Unit::Instructions, 12, 1, 1_000));
        let sentence = said(&[run("a", text)]);
        assert_eq!(
            sentence,
            "A handoff takes 202 instructions on one CPU and 7,990 between two CPUs: fewer on one CPU. They are \
             counted and not estimated, so there is no interval."
        );
    }

    #[test]
    fn skipped_mode_is_said_to_be() {
        let text = golden::ended(golden::classic(1, 1, 1_000));
        let sentence = said(&[run("a", text)]);
        assert!(sentence.contains("cross-core was skipped (one CPU), so nothing is compared"), "{sentence}");
    }

    #[test]
    fn run_without_a_result_says_so_first() {
        let whole = golden::ended(golden::classic(12, 1, 1_000));
        let cut = golden::log(&golden::classic(12, 1, 1_000));
        let sentence = said(&[run("a", cut.clone())]);
        assert!(sentence.starts_with("No result: the log is not valid: "), "{sentence}");
        assert!(sentence.ends_with("(exit status 6)."), "{sentence}");
        let sentence = said(&[run("a", whole), run("b", cut)]);
        assert!(sentence.starts_with("No result for all: b has none: "), "{sentence}");
    }
}
