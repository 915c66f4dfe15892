//! Each run of a report, judged: one boot, or many boots of a rigorous run.

use std::path::PathBuf;
use std::slice;

use switchlab_core::ruler::Ruler;
use switchlab_records::{Mode, Pass, Subject};

use super::embed::{EmbeddedFile, EmbeddedRun};
use super::listing::{self, Listing};
use super::plots::Quantity;
use crate::analysis::Summary;
use crate::compare;
use crate::exit::Outcome;
use crate::folder;
use crate::judged::{self, SideLog};
use crate::manifest::{self, Manifest};
use crate::results::Results;
use crate::rigorous::{self, BootEntry, BootResult, Boots, Findings};
use crate::status::Status;
use crate::steps::Whole;
use crate::verdict::Standing;

/// One run.
pub struct Run<'a> {
    /// Its name.
    pub name: String,
    /// What its elements' ids begin with.
    pub id: String,
    /// The serial log of its only boot, or of the last.
    pub log: &'a str,
    /// The facts beside the log of its first boot.
    pub manifest: Option<Manifest>,
    /// Why there are none although the file is there.
    pub manifest_problem: Option<String>,
    /// What it measured, or why that is nothing.
    pub measured: Result<Measured<'a>, NoResult>,
    /// The marked kernel's log; `None` where nothing was traced.
    pub trace: Option<SideLog>,
    /// Why nothing is known of its boot although its manifest is there.
    pub trace_problem: Option<String>,
    /// The loops as they were built, or why they are not known.
    pub listing: Result<Listing, String>,
}

/// What a run measured.
pub enum Measured<'a> {
    /// In one boot.
    Once(Box<Results<'a>>),
    /// In several, of which one at least passed.
    Often(Often<'a>),
}

/// What the boots of a rigorous run measured.
pub struct Often<'a> {
    boots: Boots,
    /// Each boot in a value for each mode.
    pub values: Vec<BootResult>,
    /// Each boot's results.
    pub results: Vec<Results<'a>>,
}

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResult {
    /// What became of it, in one line.
    pub outcome: String,
    /// How `run` and `replay` exit for it.
    pub status: u8,
}

/// What one repetition, a run of one boot or a boot, measured of a mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repetition {
    /// Its number, from 1.
    pub number: u32,
    /// One switch.
    pub switch: f64,
    /// Whether it counts.
    pub standing: Standing,
}

/// Lines of a log that a page without a result shows.
pub(super) const LAST_LINES: usize = 12;

/// The runs, in order. Boots whose run is not known stand each for itself.
pub fn runs(embedded: &[EmbeddedRun]) -> Vec<Run<'_>> {
    let mut runs = Vec::new();
    for run in embedded.iter().filter(|run| run.is_run()) {
        match run.file(rigorous::FILE) {
            Some(boots) => runs.push(Run::of_boots(run, boots)),
            None => runs.extend(run.logs().map(|log| Run::of_log(run, log))),
        }
    }
    for (run, number) in runs.iter_mut().zip(1..) {
        run.id = format!("run-{number}");
    }
    tell_apart(&mut runs);
    runs
}

/// Two folders may have one name: then those that follow get a number.
fn tell_apart(runs: &mut [Run<'_>]) {
    for index in (1..runs.len()).rev() {
        let (before, run) = runs.split_at_mut(index);
        let alike = before.iter().filter(|other| other.name == run[0].name).count();
        if alike > 0 {
            run[0].name += &format!(" ({})", alike + 1);
        }
    }
}

impl<'a> Run<'a> {
    fn of_log(run: &'a EmbeddedRun, log: &'a EmbeddedFile) -> Self {
        let name = match log.folder() {
            "" => run.name.clone(),
            folder => format!("{}, {folder}", run.name),
        };
        let (manifest, problem) = manifest_beside(run, log);
        let measured = judge(&log.text, manifest.as_ref()).map(|results| Measured::Once(Box::new(results)));
        Self::new(run, name, log, (manifest, problem), measured)
    }

    fn of_boots(run: &'a EmbeddedRun, boots: &EmbeddedFile) -> Self {
        let measured = Boots::parse(&boots.text)
            .map_err(|why| NoResult::new(&Outcome::InvalidLog(why)))
            .and_then(|boots| Often::new(run, boots))
            .map(Measured::Often);
        let last = run.logs().last().unwrap_or(&run.files[0]);
        let first = run.logs().next().unwrap_or(last);
        Self::new(run, run.name.clone(), last, manifest_beside(run, first), measured)
    }

    fn new(
        run: &'a EmbeddedRun,
        name: String,
        log: &'a EmbeddedFile,
        (manifest, manifest_problem): (Option<Manifest>, Option<String>),
        measured: Result<Measured<'a>, NoResult>,
    ) -> Self {
        // The boots of a run have one kernel, so one listing stands for all.
        let kept = run.beside(log, listing::FILE).or_else(|| run.file(listing::FILE));
        let kept = kept.and_then(|file| serde_json::from_str(&file.text).ok());
        let listing = match (kept, &manifest) {
            (Some(listing), _) => Ok(listing),
            (None, Some(manifest)) => listing::of_run(manifest),
            (None, None) => Err("there is no manifest, so the kernel's file is not known".into()),
        };
        // That of several boots stands beside them.
        let trace = run.beside(log, folder::TRACE_LOG).or_else(|| run.file(folder::TRACE_LOG));
        let (trace, trace_problem) = trace.map(|file| run.trace(file)).unzip();
        Self {
            name,
            id: String::new(),
            log: &log.text,
            measured,
            trace,
            trace_problem: trace_problem.flatten(),
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

    /// What each repetition measured of `mode`, in order; empty where the mode did not run.
    pub fn repetitions(&self, mode: Mode) -> Vec<Repetition> {
        match &self.measured {
            Err(_) => Vec::new(),
            Ok(Measured::Once(results)) => {
                let watch = self.manifest.as_ref().and_then(|manifest| manifest.watch.as_ref());
                let void = watch.map(|watch| watch.void_runs()).unwrap_or_default();
                let is_void =
                    |run| watch.is_some_and(|watch| watch.is_void(run, mode, Subject::Handoff, Pass::Batch));
                let standing = |run| if is_void(run) { Standing::Void } else { Standing::of(run, &void) };
                let repetition = |number| {
                    let switch = results.block(number, mode)?.switch;
                    Some(Repetition { number, switch, standing: standing(number) })
                };
                (1..=results.plan.runs).filter_map(repetition).collect()
            }
            Ok(Measured::Often(often)) => {
                let repetition = |boot: &BootResult| {
                    let (switch, standing) = boot.switch_of(mode)?;
                    Some(Repetition { number: boot.boot, switch, standing })
                };
                often.values.iter().filter_map(repetition).collect()
            }
        }
    }

    /// One switch of `mode` by the median of the repetitions that count; of all, where none does.
    /// `None` where the mode did not run.
    pub fn median(&self, mode: Mode) -> Option<f64> {
        let repetitions = self.repetitions(mode);
        let counting = repetitions.iter().filter(|one| one.standing == Standing::Counts);
        let mut values: Vec<f64> = counting.map(|one| one.switch).collect();
        if values.is_empty() {
            values = repetitions.iter().map(|one| one.switch).collect();
        }
        Summary::of(&values).ok().map(|summary| summary.median)
    }

    /// As one side of a comparison; `None` without a result.
    pub fn side(&self) -> Option<compare::Side> {
        let boots = match self.measured.as_ref().ok()? {
            Measured::Once(results) => {
                vec![compare::Boot::new(PathBuf::from(&self.name), results, self.manifest.clone())]
            }
            Measured::Often(often) => {
                let boots = often.results.iter().zip(&often.values);
                let boot = |(results, value): (&Results<'_>, &BootResult)| {
                    compare::Boot::new(PathBuf::from(&self.name), results, value.manifest.clone())
                };
                boots.map(boot).collect()
            }
        };
        Some(compare::Side { name: self.name.clone(), boots })
    }
}

impl<'a> Measured<'a> {
    /// The results of each boot; one at least.
    pub fn all(&self) -> &[Results<'a>] {
        match self {
            Self::Once(results) => slice::from_ref(results),
            Self::Often(often) => &often.results,
        }
    }

    /// Those of the first boot: what all boots have in common is there.
    pub fn first(&self) -> &Results<'a> {
        &self.all()[0]
    }

    /// What a trace is held against.
    pub fn wholes(&self) -> Vec<Whole> {
        match self {
            Self::Once(results) => Whole::of(results),
            Self::Often(often) => BootResult::middle(&often.values),
        }
    }

    /// What its numbers are.
    pub fn quantity(&self) -> Quantity {
        match self.first().ruler {
            Ruler::Time(_) => Quantity::Time,
            Ruler::Instructions => Quantity::Instructions,
        }
    }

    /// What a repetition is called.
    pub const fn repetition(&self) -> &'static str {
        match self {
            Self::Once(_) => "run",
            Self::Often(_) => "boot",
        }
    }
}

impl<'a> Often<'a> {
    fn new(run: &'a EmbeddedRun, boots: Boots) -> Result<Self, NoResult> {
        match &boots.end {
            Some(end) if end.is_early() => {
                return Err(NoResult { outcome: end.outcome.clone(), status: end.status });
            }
            Some(_) => {}
            None => {
                let why = "the run has not ended, or was ended by force";
                return Err(NoResult { outcome: why.into(), status: Status::InvalidLog.code() });
            }
        }
        let (mut values, mut results) = (Vec::new(), Vec::new());
        for entry in &boots.boots {
            let (value, result) = boot_of(run, entry)?;
            values.push(value);
            results.push(result);
        }
        if results.is_empty() {
            let why = "no boot passed".to_owned();
            return Err(NoResult { outcome: why, status: Status::InvalidLog.code() });
        }
        Ok(Self { boots, values, results })
    }

    /// What the boots come to.
    pub fn findings(&self) -> Findings<'_> {
        Findings::new(&self.boots, &self.values)
    }
}

fn boot_of<'a>(run: &'a EmbeddedRun, entry: &BootEntry) -> Result<(BootResult, Results<'a>), NoResult> {
    let path = format!("{}/{}", entry.folder, folder::LOG);
    let invalid = |why: String| NoResult::new(&Outcome::InvalidLog(format!("{path}: {why}")));
    let log = run.file(&path).ok_or_else(|| invalid("it is missing".into()))?;
    let (manifest, _) = manifest_beside(run, log);
    let results = judge(&log.text, manifest.as_ref())?;
    let value = BootResult::new(entry, &results, manifest.as_ref());
    Ok((value.map_err(|error| invalid(format!("{error:#}")))?, results))
}

/// The manifest, or why there is none although the file is there.
pub(super) fn manifest_beside(run: &EmbeddedRun, log: &EmbeddedFile) -> (Option<Manifest>, Option<String>) {
    match run.beside(log, manifest::FILE).map(|file| Manifest::parse(&file.text)) {
        None => (None, None),
        Some(Ok(manifest)) => (Some(manifest), None),
        Some(Err(why)) => (None, Some(why)),
    }
}

impl NoResult {
    pub(super) fn new(outcome: &Outcome) -> Self {
        Self { outcome: outcome.to_string(), status: outcome.status().code() }
    }
}

fn judge<'a>(text: &'a str, manifest: Option<&Manifest>) -> Result<Results<'a>, NoResult> {
    judged::saved(text, manifest).map_err(|outcome| NoResult::new(&outcome))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;
    use crate::report::testing;

    #[test]
    fn runs_of_one_name_are_told_apart() {
        let whole = golden::ended(golden::classic(12, 1, 1_000));
        let embedded = [(); 3].map(|()| testing::run(&whole, None));
        let names: Vec<_> = runs(&embedded).into_iter().map(|run| run.name).collect();
        assert_eq!(names, ["a", "a (2)", "a (3)"]);
    }

    #[test]
    fn void_boot_has_its_place_in_the_order_and_none_in_the_median() {
        let log = golden::ended(golden::classic(12, 2, 1_000));
        let manifests = [&[][..], &[1, 2], &[1]].map(testing::manifest_with_voids);
        let embedded = [testing::boots(&log, &manifests)];
        let run = &runs(&embedded)[0];
        let all = run.repetitions(Mode::SameCore);
        let told: Vec<_> = all.iter().map(|one| (one.number, one.switch, one.standing)).collect();
        // 202 and 204 ticks at 2 GHz: of the void boot all its runs, of the last the one that counts.
        let expected =
            [(1, 101.5, Standing::Counts), (2, 101.5, Standing::Void), (3, 102.0, Standing::Counts)];
        assert_eq!(told, expected);
        assert_eq!(run.median(Mode::SameCore), Some(101.75));
        let all_void = [testing::boots(&log, &manifests[1..2])];
        assert_eq!(runs(&all_void)[0].median(Mode::SameCore), Some(101.5), "where none counts, all stand");
    }

    #[test]
    fn void_runs_are_out_of_the_median() {
        let whole = golden::ended(golden::classic(12, 5, 1_000));
        let median = |void: &[u32]| {
            let embedded = [testing::run(&whole, Some(&testing::manifest_with_voids(void)))];
            runs(&embedded)[0].median(Mode::SameCore)
        };
        // 202 to 210 ticks at 2 GHz.
        assert_eq!(median(&[]), Some(103.0));
        assert_eq!(median(&[1, 2]), Some(104.0));
        assert_eq!(median(&[1, 2, 3, 4, 5]), Some(103.0), "where none counts, all stand");
    }
}
