//! What the boots of a rigorous run come to. Computed from their logs and manifests alone: the same
//! files give the same JSON and CSV to the byte, whenever they are read.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use switchlab_records::{Mode, Pass, Subject, Unit};

use super::boots::{BootEntry, Boots};
use super::goal::{Goal, Step, Tally, step};
use crate::analysis::{Bootstrap, Comparison, Series, Summary, Unfit, compare};
use crate::exit::Outcome;
use crate::folder;
use crate::judged;
use crate::manifest::Manifest;
use crate::placement::{Crossings, Placement};
use crate::results::percentiles::{Percentile, tracked};
use crate::results::{Results, unit_name};
use crate::steps::Whole;
use crate::verdict::Standing;
use crate::watch::Watch;

/// Version of `results.json` of a rigorous run.
const FORMAT: u32 = 2;

/// One boot, in a value for each mode.
#[derive(Clone, Debug, Serialize)]
pub struct BootResult {
    /// From 1.
    pub boot: u32,
    /// What its kernel got as `seed`.
    pub seed: u64,
    /// Runs, the void ones included.
    pub runs: u32,
    /// The runs that are void.
    pub void_runs: Vec<u32>,
    /// The median switch over the same-core blocks that are not void, raw, in the findings' unit;
    /// `None` where all are void or the mode did not run.
    pub same_core: Option<f64>,
    /// The same of cross-core.
    pub cross_core: Option<f64>,
    /// The same of two bare contexts.
    pub switch: Option<f64>,
    /// The same of two tasks that are bound to no CPU.
    pub free: Option<f64>,
    /// How many of their handoffs went to another CPU; `None` where they did not run.
    pub crossings: Option<Crossings>,
    /// Each of [`Mode::ALL`] over all runs, the void ones included: shown where the boot is void, and never
    /// compared.
    pub with_void_runs: [Option<f64>; 4],
    /// The percentiles of its exchanges that trackers follow, of the modes that have a value.
    #[serde(skip)]
    pub percentiles: Vec<Percentile>,
    /// Whether its times are to be trusted.
    pub clock_suspect: bool,
    /// What it was asked for, in one line.
    #[serde(skip)]
    pub title: Title,
    /// What each mode took, the void runs included: what a trace is held against.
    #[serde(skip)]
    pub wholes: Vec<Whole>,
    /// All blocks, as the CSV of a single boot has them.
    #[serde(skip)]
    csv: String,
    /// What it ran on.
    #[serde(skip)]
    pub manifest: Option<Manifest>,
}

/// What all boots of a run have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// What its figures are.
    pub unit: Unit,
    /// The two CPUs.
    pub pair: [u32; 2],
    /// CPUs that are up.
    pub cpus: Option<u32>,
    /// Exchanges in a block.
    pub exchanges: u64,
    /// Runs in a boot.
    pub runs: u32,
    /// Why there is no cross-core mode, where there is none.
    pub skipped: Option<String>,
}

impl BootResult {
    /// From a boot's results and what was seen of it from outside.
    ///
    /// # Errors
    ///
    /// None that a valid log can cause.
    pub fn new(
        entry: &BootEntry,
        results: &Results<'_>,
        manifest: Option<&Manifest>,
    ) -> anyhow::Result<Self> {
        let watch = manifest.and_then(|manifest| manifest.watch.as_ref());
        let void_runs = watch.map(Watch::void_runs).unwrap_or_default();
        let is_counted = |run: u32, mode| {
            let is_void = watch.is_some_and(|watch| watch.is_void(run, mode, Subject::Handoff, Pass::Batch));
            !void_runs.contains(&run) && !is_void
        };
        let median_of = |mode, is_wanted: &dyn Fn(u32, Mode) -> bool| {
            let switch = |run| results.block(run, mode).map(|block| block.switch);
            let runs = (1..=results.plan.runs).filter(|run| is_wanted(*run, mode));
            let values: Vec<f64> = runs.filter_map(switch).collect();
            Summary::of(&values).ok().map(|summary| summary.median)
        };
        let median = |mode| median_of(mode, &is_counted);
        let counted = results.modes.iter().filter(|of| median(of.mode).is_some());
        let percentiles = counted.flat_map(|of| tracked(results, of)).collect();
        let guest_time = watch.and_then(|watch| watch.guest_time);
        Ok(Self {
            boot: entry.number,
            seed: entry.seed,
            runs: results.plan.runs,
            same_core: median(Mode::SameCore),
            cross_core: median(Mode::CrossCore),
            switch: median(Mode::Switch),
            free: median(Mode::Free),
            crossings: Crossings::of(results),
            percentiles,
            with_void_runs: Mode::ALL.map(|mode| median_of(mode, &|_, _| true)),
            clock_suspect: results.clock.is_suspect() || guest_time.is_some_and(|time| time.is_suspect()),
            title: Title {
                unit: results.plan.unit,
                pair: results.plan.pair,
                cpus: results.cpus.map(|cpus| cpus.up),
                exchanges: results.plan.exchanges,
                runs: results.plan.runs,
                skipped: results.skipped(Mode::CrossCore).map(str::to_owned),
            },
            wholes: Whole::of(results),
            csv: results.csv()?,
            manifest: manifest.cloned(),
            void_runs: void_runs.into_iter().collect(),
        })
    }

    /// What the boots that are not void took in the middle; of all boots, where all are void.
    pub fn middle(of_boots: &[Self]) -> Vec<Whole> {
        let of_counted = of_boots.iter().filter(|boot| boot.void_runs.is_empty());
        match Whole::middle(of_counted.map(|boot| &*boot.wholes)) {
            none if none.is_empty() => Whole::middle(of_boots.iter().map(|boot| &*boot.wholes)),
            wholes => wholes,
        }
    }

    /// The median switch of `mode`; `None` where all its runs are void or it did not run.
    pub const fn value(&self, mode: Mode) -> Option<f64> {
        match mode {
            Mode::SameCore => self.same_core,
            Mode::CrossCore => self.cross_core,
            Mode::Switch => self.switch,
            Mode::Free => self.free,
        }
    }

    /// One switch of `mode`: over the runs that count, and where none does, over all, which then is void.
    /// `None` where the mode did not run.
    pub fn switch_of(&self, mode: Mode) -> Option<(f64, Standing)> {
        let all = || Some((self.with_void_runs[mode as usize]?, Standing::Void));
        self.value(mode).map(|switch| (switch, Standing::Counts)).or_else(all)
    }

    /// Both values that are compared; `None` where the boot is void.
    pub fn pair(&self) -> Option<(f64, f64)> {
        self.same_core.zip(self.cross_core)
    }
}

/// What the boots come to.
#[derive(Debug)]
pub struct Findings<'a> {
    /// What was asked for.
    pub boots: &'a Boots,
    /// The boots that passed.
    pub results: &'a [BootResult],
    /// Cross-core against same-core, the boots resampled as pairs; `None` without a pair.
    pub comparison: Option<Comparison>,
    /// Why there is no verdict; `None` where there is one, and where instructions need none.
    pub no_verdict: Option<String>,
    /// How it stands with what was asked for.
    pub tally: Tally,
}

impl<'a> Findings<'a> {
    /// Compares the boots.
    pub fn new(boots: &'a Boots, results: &'a [BootResult]) -> Self {
        let (same, cross): (Vec<f64>, Vec<f64>) = results.iter().filter_map(BootResult::pair).unzip();
        let base = Series { name: Mode::SameCore.name(), values: &same };
        let other = Series { name: Mode::CrossCore.name(), values: &cross };
        // Instructions are counted: there is nothing to be sure of.
        let is_time = results.first().is_none_or(|boot| boot.title.unit == Unit::Time);
        // A time of 0 has no ratio: such boots are shown and lead to nothing.
        let compared = is_time.then(|| compare(base, other, Bootstrap::default())).transpose();
        let skipped = results.first().and_then(|boot| boot.title.skipped.as_ref());
        let (comparison, no_verdict) = match (compared, skipped) {
            (_, Some(why)) => (None, Some(format!("cross-core is skipped: {why}"))),
            (Ok(comparison), None) => (comparison, None),
            (Err(unfit), None) => (None, Some(why_no_verdict(results, &unfit))),
        };
        let width = match is_time {
            true => comparison.as_ref().and_then(Comparison::relative_width),
            // Counts that are the same in every boot leave nothing open.
            false => results.windows(2).all(|two| two[0].pair() == two[1].pair()).then_some(0.0),
        };
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let tally = Tally {
            boots: count(results.len()),
            counted: count(same.len()),
            width_percent: width.map(|width| width * 100.0),
        };
        Self { boots, results, comparison, no_verdict, tally }
    }

    /// Whether to go on.
    pub fn step(&self) -> Step {
        step(&self.boots.goal, &self.tally)
    }

    /// As JSON, with a newline at its end.
    ///
    /// # Errors
    ///
    /// None to be expected.
    pub fn json(&self) -> anyhow::Result<String> {
        #[derive(Serialize)]
        struct Json<'a> {
            format: u32,
            experiment: &'a str,
            unit: Option<&'a str>,
            seed: u64,
            goal: &'a Goal,
            step: Step,
            boots: &'a [BootResult],
            comparison: Option<&'a Comparison>,
            placement: Option<Placement>,
            #[serde(skip_serializing_if = "Option::is_none")]
            no_verdict: Option<&'a str>,
            interval_width_percent: Option<f64>,
        }
        let json = Json {
            format: FORMAT,
            experiment: &self.boots.experiment,
            unit: self.results.first().map(|boot| unit_name(boot.title.unit)),
            seed: self.boots.seed,
            goal: &self.boots.goal,
            step: self.step(),
            boots: self.results,
            comparison: self.comparison.as_ref(),
            placement: self.placement(),
            no_verdict: self.no_verdict.as_deref(),
            interval_width_percent: self.tally.width_percent,
        };
        Ok(serde_json::to_string_pretty(&json)? + "\n")
    }

    /// As CSV: the rows of each boot, with its number and seed before them.
    ///
    /// # Errors
    ///
    /// None to be expected.
    pub fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for (index, boot) in self.results.iter().enumerate() {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(boot.csv.as_bytes());
            for (line, row) in reader.records().enumerate() {
                let row = row?;
                let (number, seed) = match (line, index) {
                    (0, 0) => ("boot".into(), "seed".into()),
                    (0, _) => continue,
                    _ => (boot.boot.to_string(), boot.seed.to_string()),
                };
                writer.write_record([&*number, &*seed].into_iter().chain(row.iter()))?;
            }
        }
        Ok(String::from_utf8(writer.into_inner()?)?)
    }

    /// Writes `results.json` and `results.csv` into `folder`.
    ///
    /// # Errors
    ///
    /// The file that cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        for (name, text) in [("results.json", self.json()?), ("results.csv", self.csv()?)] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

fn why_no_verdict(results: &[BootResult], unfit: &Unfit) -> String {
    match unfit {
        Unfit::Empty => "no boot has both modes in a run that is not void".into(),
        Unfit::Value { position, value } => {
            let mut of_pairs = results.iter().filter(|boot| boot.pair().is_some());
            let boot = of_pairs.nth(position - 1).map_or(0, |boot| boot.boot);
            format!("a switch of boot {boot} took {value} ns, and no ratio can be had of that")
        }
        Unfit::Lengths { .. } | Unfit::TooMany(_) | Unfit::NoResamples => unfit.to_string(),
    }
}

impl BootResult {
    /// Reads a boot again, from its folder in `whole`.
    ///
    /// # Errors
    ///
    /// The log's path, and what became of the boot.
    pub fn read(whole: &Path, entry: &BootEntry) -> Result<Self, (std::path::PathBuf, Outcome)> {
        let log_path = whole.join(&entry.folder).join(folder::LOG);
        let read = || {
            let bytes = fs::read(&log_path).map_err(|error| Outcome::InvalidLog(error.to_string()))?;
            let manifest = Manifest::read(&whole.join(&entry.folder)).map_err(Outcome::InvalidLog)?;
            Self::of_log(entry, &String::from_utf8_lossy(&bytes), manifest.as_ref())
        };
        read().map_err(|outcome| (log_path.clone(), outcome))
    }

    /// From a boot's log and the manifest beside it.
    ///
    /// # Errors
    ///
    /// What became of the boot.
    pub fn of_log(entry: &BootEntry, text: &str, manifest: Option<&Manifest>) -> Result<Self, Outcome> {
        let results = judged::saved(text, manifest)?;
        Self::new(entry, &results, manifest).map_err(|error| Outcome::InvalidLog(format!("{error:#}")))
    }
}

#[cfg(test)]
mod tests;
