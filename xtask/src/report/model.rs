//! Each boot of a report, judged: its log, its manifest, and what else it left.

use switchlab_core::ruler::Ruler;
use switchlab_records::read_log;

use super::embed::{EmbeddedFile, EmbeddedRun};
use super::listing::{self, Listing};
use super::plots::Quantity;
use crate::exit::{Outcome, judge_log};
use crate::folder;
use crate::manifest::{self, Manifest};
use crate::results::Results;
use crate::status::Status;

/// One boot.
pub struct Boot<'a> {
    /// The run's name, and the boot's within it.
    pub name: String,
    /// What its elements' ids begin with.
    pub id: String,
    /// The serial log.
    pub log: &'a str,
    /// The facts beside it.
    pub manifest: Option<Manifest>,
    /// Why there are none although the file is there.
    pub manifest_problem: Option<String>,
    /// What it measured, or why that is nothing.
    pub result: Result<Results<'a>, NoResult>,
    /// The marked kernel's log; `None` where nothing was traced.
    pub trace: Option<&'a str>,
    /// The loops as they were built, or why they are not known.
    pub listing: Result<Listing, String>,
}

/// Why a boot has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResult {
    /// What became of it, in one line.
    pub outcome: String,
    /// How `run` and `replay` exit for it.
    pub status: u8,
}

/// Lines of a log that a page without a result shows.
const LAST_LINES: usize = 20;

/// The boots of all runs, in order.
pub fn boots(runs: &[EmbeddedRun]) -> Vec<Boot<'_>> {
    let logs = runs.iter().flat_map(|run| run.logs().map(move |log| (run, log)));
    let mut boots: Vec<_> = logs.zip(1..).map(|((run, log), number)| Boot::new(run, log, number)).collect();
    tell_apart(&mut boots);
    boots
}

/// Two folders may have one name: then those that follow get a number.
fn tell_apart(boots: &mut [Boot<'_>]) {
    for index in (1..boots.len()).rev() {
        let (before, boot) = boots.split_at_mut(index);
        let alike = before.iter().filter(|other| other.name == boot[0].name).count();
        if alike > 0 {
            boot[0].name += &format!(" ({})", alike + 1);
        }
    }
}

impl<'a> Boot<'a> {
    fn new(run: &'a EmbeddedRun, log: &'a EmbeddedFile, number: usize) -> Self {
        let name = match log.folder() {
            "" => run.name.clone(),
            folder => format!("{}, {folder}", run.name),
        };
        let read = run.beside(log, manifest::FILE).map(|file| Manifest::parse(&file.text));
        let (manifest, manifest_problem) = match read {
            None => (None, None),
            Some(Ok(manifest)) => (Some(manifest), None),
            Some(Err(why)) => (None, Some(why)),
        };
        // The boots of a run have one kernel, so one listing may stand for all.
        let kept = run.beside(log, listing::FILE).or_else(|| run.file(listing::FILE));
        let kept = kept.and_then(|file| serde_json::from_str(&file.text).ok());
        let listing = match (kept, &manifest) {
            (Some(listing), _) => Ok(listing),
            (None, Some(manifest)) => listing::of_run(manifest),
            (None, None) => Err("there is no manifest, so the kernel's file is not known".into()),
        };
        Self {
            name,
            id: format!("boot-{number}"),
            log: &log.text,
            result: judge(&log.text, manifest.as_ref()),
            trace: run.beside(log, folder::TRACE_LOG).map(|file| &*file.text),
            listing,
            manifest,
            manifest_problem,
        }
    }

    /// The last lines of its log.
    pub fn tail(&self) -> String {
        let lines: Vec<&str> = self.log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

impl Results<'_> {
    /// What the numbers of a plot of these results are.
    pub(super) const fn quantity(&self) -> Quantity {
        match self.ruler {
            Ruler::Time(_) => Quantity::Time,
            Ruler::Instructions => Quantity::Instructions,
        }
    }
}

/// The log's result. How QEMU ended counts as well, where the manifest knows it: a whole log of a
/// guest that was killed behind its end is no pass.
fn judge<'a>(text: &'a str, manifest: Option<&Manifest>) -> Result<Results<'a>, NoResult> {
    if let Some(ending) = manifest.and_then(|manifest| manifest.ending.as_ref())
        && ending.status != Status::Pass.code()
    {
        return Err(NoResult { outcome: ending.outcome.clone(), status: ending.status });
    }
    let results = match judge_log(text) {
        Outcome::Pass => Results::from_log(&read_log(text)).map_err(Outcome::InvalidLog),
        outcome => Err(outcome),
    };
    results.map_err(|outcome| NoResult { outcome: outcome.to_string(), status: outcome.status().code() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::manifest::Ending;
    use crate::report::testing;

    #[test]
    fn whole_log_of_a_guest_that_did_not_end_well_is_no_result() {
        let text = golden::ended(golden::classic(12, 1, 1_000));
        let mut manifest = testing::manifest();
        assert!(judge(&text, Some(&manifest)).is_ok());
        let outcome = "the deadline passed before the guest ended".to_owned();
        manifest.ending = Some(Ending { outcome, status: 4, elapsed_ms: 1, cpus_up_ms: None });
        let none = judge(&text, Some(&manifest)).unwrap_err();
        assert_eq!((&*none.outcome, none.status), ("the deadline passed before the guest ended", 4));
    }

    #[test]
    fn cut_log_is_no_result_whatever_the_manifest_says() {
        let text = golden::log(&golden::classic(12, 1, 1_000));
        let none = judge(&text, Some(&testing::manifest())).unwrap_err();
        assert_eq!(none.status, Status::InvalidLog.code());
        assert!(none.outcome.contains("end record is missing"), "{}", none.outcome);
    }
}
