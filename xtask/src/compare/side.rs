//! What a side's boots measured. Owned facts: the log's text is gone. What is void is left out here,
//! and counted.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use switchlab_records::{Cpus, Machine, Mode, Pass, Plan, Subject, Unit};

use super::SideFacts;
use crate::analysis::Summary;
use crate::clock;
use crate::manifest::Manifest;
use crate::results::Results;
use crate::results::cost::UnitValue;
use crate::survey::{Cell, PointResult, Survey, cells, owned};

/// Percentiles that are told, in ten-thousandths, with their names.
pub(super) const RANKS: [(u32, &str); 2] = [(5_000, "p50"), (9_900, "p99")];

/// One or more boots of one build.
#[derive(Clone, Debug)]
pub struct Side {
    /// As it was asked for.
    pub name: String,
    /// Its boots, one at least.
    pub boots: Vec<Boot>,
}

/// One boot.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Its log; what it is called in messages.
    pub log: PathBuf,
    /// The facts beside it; `None` where there is none.
    pub manifest: Option<Manifest>,
    /// What the log says of its conditions.
    pub facts: Facts,
    /// What was measured of each mode; none of an experiment with many points.
    pub modes: Vec<Measured>,
    /// What was measured at each point, in counted instructions; none of classic.
    pub points: Vec<PointCost>,
    /// Where each stands there, by its name.
    places: HashMap<String, usize>,
    /// Runs that are void.
    pub void_runs: BTreeSet<u32>,
}

/// What a log says of its conditions.
#[derive(Clone, Debug)]
pub struct Facts {
    pub(super) experiment: String,
    pub(super) unit: Unit,
    pub(super) runs: u32,
    pub(super) exchanges: u64,
    pub(super) warm_up: u64,
    pub(super) pair: [u32; 2],
    pub(super) cpus: Option<u32>,
    pub(super) hypervisor: Option<String>,
    pub(super) cpu: Option<String>,
    pub(super) clock_is_suspect: bool,
}

/// One mode of one boot.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which.
    pub mode: Mode,
    /// Switches of a block of the batch pass.
    pub switches: u64,
    /// Ticks of each run's block of the batch pass; void ones are left out.
    pub ticks: Vec<u64>,
    /// One switch of each of them, in the results' unit.
    pub switch: Vec<f64>,
    /// The percentiles of [`RANKS`], of one exchange, in the results' unit; empty without samples.
    pub percentiles: Vec<f64>,
}

/// One point of one boot.
#[derive(Clone, Debug)]
pub struct PointCost {
    /// Series and place: `halt from 0 to 1`.
    pub name: String,
    /// Ticks and handoffs, one way, of each run.
    pub blocks: Vec<(u64, u64)>,
    /// One handoff of each of them, in the results' unit.
    pub one_way: Vec<f64>,
}

impl Facts {
    /// What the log of either kind says.
    fn of(
        plan: &Plan<'_>,
        cpus: Option<&Cpus>,
        machine: Option<&Machine<'_>>,
        clock: &clock::Quality,
    ) -> Self {
        Self {
            experiment: plan.experiment.to_string(),
            unit: plan.unit,
            runs: plan.runs,
            exchanges: plan.exchanges,
            warm_up: plan.warm_up,
            pair: plan.pair,
            cpus: cpus.map(|cpus| cpus.up),
            hypervisor: machine.map(|machine| machine.hypervisor.to_string()),
            cpu: machine.map(|machine| machine.cpu.to_string()),
            clock_is_suspect: clock.is_suspect(),
        }
    }
}

impl Boot {
    /// What `survey` and `manifest` say. Instructions are counted in it, so nothing is void.
    pub fn of_survey(log: PathBuf, survey: &Survey<'_>, manifest: Option<Manifest>) -> Self {
        let mut blocks: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
        for PointResult { point, .. } in &survey.points {
            blocks
                .entry(cells::name(&point.series, &owned(&point.at)))
                .or_default()
                .push((point.ticks, point.handoffs));
        }
        let point = |cell: &Cell| {
            let name = cell.name();
            let blocks = blocks.get(&name).cloned().unwrap_or_default();
            PointCost { name, blocks, one_way: cell.values.clone() }
        };
        Self {
            log,
            facts: Facts::of(&survey.plan, Some(&survey.cpus), Some(&survey.machine), &survey.clock),
            modes: Vec::new(),
            places: survey.cells.iter().map(Cell::name).zip(0..).collect(),
            points: survey.cells.iter().map(point).collect(),
            void_runs: BTreeSet::new(),
            manifest,
        }
    }

    /// What `results` and `manifest` say.
    pub fn new(log: PathBuf, results: &Results<'_>, manifest: Option<Manifest>) -> Self {
        let watch = manifest.as_ref().and_then(|manifest| manifest.watch.as_ref());
        let void_runs = watch.map(|watch| watch.void_runs()).unwrap_or_default();
        let is_void = |run: u32, mode: Mode, pass: Pass| {
            void_runs.contains(&run)
                || watch.is_some_and(|watch| watch.is_void(run, mode, Subject::Handoff, pass))
        };
        let modes = results.modes.iter().map(|mode| measured(results, mode.mode, is_void)).collect();
        Self {
            log,
            facts: Facts::of(&results.plan, results.cpus.as_ref(), results.machine.as_ref(), &results.clock),
            modes,
            points: Vec::new(),
            places: HashMap::new(),
            void_runs,
            manifest,
        }
    }

    pub(super) fn mode(&self, mode: Mode) -> Option<&Measured> {
        self.modes.iter().find(|measured| measured.mode == mode)
    }

    /// Whether both booted the same bytes; without manifests it is taken to be so.
    pub(super) fn is_same_kernel(&self, other: &Self) -> bool {
        let hash = |boot: &Self| boot.manifest.as_ref().map(|manifest| manifest.kernel.sha256.clone());
        match (hash(self), hash(other)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

fn measured(results: &Results<'_>, mode: Mode, is_void: impl Fn(u32, Mode, Pass) -> bool) -> Measured {
    let blocks = |pass| {
        results
            .blocks
            .iter()
            .filter(move |result| result.block.mode == mode && result.is_of(Subject::Handoff, pass))
    };
    let batch: Vec<_> =
        blocks(Pass::Batch).filter(|result| !is_void(result.block.run, mode, Pass::Batch)).collect();
    let mut samples = switchlab_core::histogram::Histogram::new();
    blocks(Pass::Sampled)
        .filter(|result| !is_void(result.block.run, mode, Pass::Sampled))
        .filter_map(|result| result.samples.as_ref())
        .for_each(|histogram| samples.merge(histogram));
    let at = |&(rank, _): &(u32, &str)| {
        samples.percentile(rank).map(|ticks| results.ruler.value(i128::from(ticks), 1))
    };
    Measured {
        mode,
        switches: results.plan.exchanges.saturating_mul(2),
        ticks: batch.iter().map(|result| result.block.ticks).collect(),
        switch: batch.iter().map(|result| result.switch).collect(),
        percentiles: RANKS.iter().filter_map(at).collect(),
    }
}

impl Facts {
    pub(super) const fn unit_name(&self) -> &'static str {
        match self.unit {
            Unit::Time => "ns",
            Unit::Instructions => "instructions",
        }
    }
}

impl Side {
    /// The boot that stands for the conditions of all.
    pub(super) fn first(&self) -> &Boot {
        &self.boots[0]
    }

    /// Whether it is of an experiment with many points.
    pub(super) fn has_points(&self) -> bool {
        !self.first().points.is_empty()
    }

    /// The points of this name, of all boots.
    pub(super) fn points<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s PointCost> {
        self.boots.iter().filter_map(move |boot| boot.points.get(*boot.places.get(name)?))
    }

    /// Whether a boot measured it.
    pub(super) fn has(&self, mode: Mode) -> bool {
        self.boots.iter().any(|boot| boot.mode(mode).is_some())
    }

    pub(super) fn mode_names(&self) -> String {
        let names: Vec<_> = Mode::ALL.into_iter().filter(|mode| self.has(*mode)).map(Mode::name).collect();
        if names.is_empty() { "none".into() } else { names.join(", ") }
    }

    /// One switch of each boot, by the median of its runs.
    pub(super) fn by_boot(&self, mode: Mode) -> Vec<f64> {
        let boots = self.boots.iter().filter_map(|boot| boot.mode(mode));
        boots
            .filter_map(|measured| Summary::of(&measured.switch).ok())
            .map(|summary| summary.median)
            .collect()
    }

    /// One switch of each run, of all boots.
    pub(super) fn by_run(&self, mode: Mode) -> Vec<f64> {
        self.boots
            .iter()
            .filter_map(|boot| boot.mode(mode))
            .flat_map(|measured| &measured.switch)
            .copied()
            .collect()
    }

    /// The `rank`-th percentile of each boot.
    pub(super) fn percentile(&self, mode: Mode, rank: usize) -> Vec<f64> {
        let boots = self.boots.iter().filter_map(|boot| boot.mode(mode));
        boots.filter_map(|measured| measured.percentiles.get(rank)).copied().collect()
    }

    pub(super) fn facts(&self) -> SideFacts {
        SideFacts {
            name: self.name.clone(),
            boots: self.boots.len(),
            runs: self.boots.iter().map(|boot| boot.facts.runs as usize).sum(),
            void_runs: self.boots.iter().map(|boot| boot.void_runs.len()).sum(),
            conditions: super::conditions::in_short(self.first()),
        }
    }
}
