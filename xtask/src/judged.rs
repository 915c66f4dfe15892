//! A log judged: its results, or what became of the run. `run` asks as a guest ends; `replay`, `compare`,
//! `report` and the boots of a rigorous run ask of a log that was kept, and all get one answer.

use std::path::Path;

use switchlab_records::{ExitCode, read_log};

use crate::exit::{Outcome, judge_log};
use crate::manifest::{Ending, Manifest, StatusOf};
use crate::results::Results;
use crate::status::Status;
use crate::survey::Survey;
use crate::watch::Watch;

/// What a log says, by what was measured.
pub enum Found<'a> {
    /// The modes of the classic job.
    Classic(Box<Results<'a>>),
    /// An experiment with many points.
    Survey(Box<Survey<'a>>),
}

impl<'a> Found<'a> {
    /// Reads a log that passed, without what is void.
    ///
    /// # Errors
    ///
    /// What the log lacks, or what in it contradicts itself.
    pub fn from_log(text: &'a str, watch: Option<&Watch>) -> Result<Self, String> {
        let log = read_log(text);
        if Survey::is_survey(&log) {
            return Ok(Self::Survey(Box::new(Survey::from_log(&log)?.watched(watch))));
        }
        Ok(Self::Classic(Box::new(Results::from_log(&log)?.without_void(watch)?)))
    }

    /// The results of modes; of other results, why they are none.
    ///
    /// # Errors
    ///
    /// It is a survey.
    pub fn classic(self) -> Result<Results<'a>, Outcome> {
        match self {
            Self::Classic(results) => Ok(*results),
            Self::Survey(survey) => Err(Outcome::InvalidLog(format!(
                "it is of {}, which measures at many points, not of classic's modes",
                survey.plan.experiment
            ))),
        }
    }

    /// Takes the instructions that were counted beside it, where it has points.
    ///
    /// # Errors
    ///
    /// What became of the boot that counted, and what its log lacks.
    pub fn count(&mut self, beside: &SideLog) -> Result<(), Outcome> {
        match self {
            Self::Classic(_) => Ok(()),
            Self::Survey(survey) => survey.count(&beside.survey()?).map_err(Outcome::InvalidLog),
        }
    }

    /// Writes `results.json` and `results.csv` into `folder`.
    ///
    /// # Errors
    ///
    /// The file that cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        match self {
            Self::Classic(results) => results.write(folder),
            Self::Survey(survey) => survey.write(folder),
        }
    }
}

/// The results of a log that was kept, with what is void out of its figures.
///
/// How QEMU ended counts as well, where the manifest knows it: a whole log of a guest that was killed
/// behind its end is no pass.
///
/// # Errors
///
/// What became of the run: as its manifest has it, else as the log says.
pub fn saved<'a>(text: &'a str, manifest: Option<&Manifest>) -> Result<Results<'a>, Outcome> {
    saved_of_any_kind(text, manifest)?.classic()
}

/// The same of any experiment.
///
/// # Errors
///
/// As [`saved`].
pub fn saved_of_any_kind<'a>(text: &'a str, manifest: Option<&Manifest>) -> Result<Found<'a>, Outcome> {
    found(outcome(text, manifest), text, manifest.and_then(|manifest| manifest.watch.as_ref()))
}

/// The log of a boot of its own beside those that measure: of the marked kernel, or where instructions are counted.
pub struct SideLog {
    /// What came.
    pub text: String,
    /// What became of its boot.
    pub outcome: Outcome,
}

impl SideLog {
    /// Judges `text` by itself and by the manifest of its own boot.
    pub fn new(text: String, manifest: Option<&Manifest>) -> Self {
        Self { outcome: outcome(&text, manifest), text }
    }

    /// What its handoffs take in instructions, of a log of points.
    ///
    /// # Errors
    ///
    /// What became of its boot, and what its log lacks.
    pub fn survey(&self) -> Result<Survey<'_>, Outcome> {
        match found(self.outcome.clone(), &self.text, None)? {
            Found::Survey(survey) => Ok(*survey),
            Found::Classic(_) => Err(Outcome::InvalidLog("it has no points".into())),
        }
    }

    /// Whether Ctrl-C ended it: what was measured before it is whole all the same.
    pub fn is_cut(&self) -> bool {
        self.outcome.status() == Status::Interrupted
    }
}

/// What became of a boot whose log was kept: as its manifest has it, else as the log says.
fn outcome(text: &str, manifest: Option<&Manifest>) -> Outcome {
    let ended = manifest.and_then(|manifest| manifest.ending.as_ref()).map_or(Outcome::Pass, noted);
    if ended == Outcome::Pass { judge_log(text) } else { ended }
}

/// The results of a log whose end was judged, with what is void out of its figures.
///
/// # Errors
///
/// The outcome where it is no pass, and where the log's records are no results.
pub fn results<'a>(outcome: Outcome, text: &'a str, watch: Option<&Watch>) -> Result<Results<'a>, Outcome> {
    found(outcome, text, watch)?.classic()
}

/// The same of any experiment.
///
/// # Errors
///
/// As [`results`].
pub fn found<'a>(outcome: Outcome, text: &'a str, watch: Option<&Watch>) -> Result<Found<'a>, Outcome> {
    match outcome {
        Outcome::Pass => Found::from_log(text, watch).map_err(Outcome::InvalidLog),
        outcome => Err(outcome),
    }
}

/// What a manifest says of an end.
fn noted(Ending { outcome, status, status_of, .. }: &Ending) -> Outcome {
    let status = match (status_of, Status::from_code(*status)) {
        (StatusOf::Xtask, Some(status)) => status,
        // QEMU ends with 0 after a reset: a pass is the guest's own code for it, and nothing else.
        (StatusOf::Qemu, _) | (StatusOf::Xtask, None) => match ExitCode::from_qemu_status((*status).into()) {
            Some(ExitCode::Pass) => Status::Pass,
            Some(ExitCode::Fail) => Status::Fail,
            _ => Status::Crashed,
        },
    };
    match status {
        Status::Pass => Outcome::Pass,
        status => Outcome::Noted { status, text: outcome.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::testing;

    fn ended(status: u8, status_of: StatusOf, outcome: &str) -> Manifest {
        let ending = Ending { outcome: outcome.into(), status, status_of, elapsed_ms: 1, cpus_up_ms: None };
        Manifest { ending: Some(ending), ..testing::manifest() }
    }

    fn refused(text: &str, manifest: Option<&Manifest>) -> (Status, String) {
        let outcome = saved(text, manifest).map(|_| "results").unwrap_err();
        (outcome.status(), outcome.to_string())
    }

    #[test]
    fn whole_log_of_a_guest_that_did_not_end_well_has_no_results() {
        let text = golden::ended(golden::classic(12, 1, 1_000));
        assert!(saved(&text, None).is_ok() && saved(&text, Some(&testing::manifest())).is_ok());
        let why = "the deadline passed before the guest ended";
        assert_eq!(refused(&text, Some(&ended(4, StatusOf::Xtask, why))), (Status::Deadline, why.into()));
    }

    #[test]
    fn cut_log_has_no_results_whatever_the_manifest_says() {
        let text = golden::log(&golden::classic(12, 1, 1_000));
        let (status, why) = refused(&text, Some(&testing::manifest()));
        assert!(status == Status::InvalidLog && why.contains("end record is missing"), "{why}");
        assert_eq!(refused(&text, None), (status, why));
    }

    #[test]
    fn failed_log_and_log_of_no_results_say_which() {
        let failed = golden::ended(vec![golden::start(), golden::failure("handoffs: expected 4, found 3")]);
        let why = "the kernel says that it failed: handoffs: expected 4, found 3";
        assert_eq!(refused(&failed, None), (Status::Fail, why.into()));
        let (status, why) = refused(&golden::ended(vec![golden::start()]), None);
        assert!(status == Status::InvalidLog && why.contains("there is no plan record"), "{why}");
    }

    #[test]
    fn status_of_a_kernel_of_ones_own_is_qemus() {
        let text = golden::ended(golden::classic(12, 1, 1_000));
        assert!(saved(&text, Some(&ended(33, StatusOf::Qemu, "QEMU ended with status 33"))).is_ok());
        // 0 is a reset's, and no pass; those of ours mean nothing here.
        let crashed = [0, 1, 2, 3, 4, 5, 6, 7, 37, 39, 99, 101, 130].map(|status| (status, Status::Crashed));
        for (status, means) in [(35, Status::Fail)].into_iter().chain(crashed) {
            let found = refused(&text, Some(&ended(status, StatusOf::Qemu, "it ended")));
            assert_eq!(found, (means, "it ended".into()), "{status}");
        }
    }

    #[test]
    fn void_runs_are_out_of_the_figures() {
        let text = golden::ended(golden::classic(12, 5, 1_000));
        let results = saved(&text, Some(&testing::manifest_with_voids(&[1, 2]))).unwrap();
        assert_eq!(results.void_runs.into_iter().collect::<Vec<_>>(), [1, 2]);
        assert!(results.modes.iter().all(|mode| mode.blocks == 3));
    }
}
