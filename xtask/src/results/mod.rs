//! What a valid log says, computed from the log alone: the same log gives the same JSON and CSV to
//! the byte, whenever and wherever it is read. What a mode costs, [`cost`] computes.

mod blocks;
pub mod cost;
pub mod percentiles;
pub(crate) mod whole;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use switchlab_core::histogram::Histogram;
use switchlab_core::ruler::Ruler;
use switchlab_records::{
    Block, Clock, Cpus, Log, Machine, Mode, Pass, Plan, Record, Skipped, Start, Subject, Unit,
};

use crate::clock;
use crate::placement::Placement;
use crate::printable::tame;
use crate::watch::Watch;
use blocks::{check_block, check_places, overrun, take_samples};
pub use cost::ModeResult;
use cost::{UnitValue, mode_results};
use whole::{Conditions, Head};

/// The results of a log. `_ticks` are TSC ticks; every other figure is in `unit`.
#[derive(Clone, Debug, Serialize)]
pub struct Results<'a> {
    /// Version of this format.
    pub format: u32,
    /// The kernel and its parameters.
    pub start: Start<'a>,
    /// The job.
    pub plan: Plan<'a>,
    /// `ns` or `instructions`.
    pub unit: &'static str,
    /// The CPUs that were up.
    pub cpus: Option<Cpus>,
    /// The machine as the guest saw it.
    pub machine: Option<Machine<'a>>,
    /// The frequency that all times use, the last clock record's; `None` where ticks are
    /// instructions.
    pub tsc_hz: Option<u64>,
    /// What the clock is worth, and why it is suspect where it is.
    pub clock: clock::Quality,
    /// Every comparison of the clocks.
    pub clocks: Vec<Clock>,
    /// What each mode that ran costs, without what is void.
    pub modes: Vec<ModeResult>,
    /// How many of the free handoffs went to another CPU, and what that means; `None` where `free` did not run.
    pub placement: Option<Placement>,
    /// The runs that are void, by what was seen from outside; the log alone knows of none.
    pub void_runs: BTreeSet<u32>,
    /// What was skipped, and why.
    pub skipped: Vec<Skipped<'a>>,
    /// Every timed block, in order.
    pub blocks: Vec<BlockResult>,
    /// How ticks are told.
    #[serde(skip)]
    pub ruler: Ruler,
}

/// Version of `results.json`.
const RESULTS_FORMAT: u32 = 4;

/// One timed block with its figures.
#[derive(Clone, Debug, Serialize)]
pub struct BlockResult {
    /// As the kernel wrote it.
    #[serde(flatten)]
    pub block: Block,
    /// The whole block, in the results' unit.
    pub total: f64,
    /// One switch: the total over twice the exchanges.
    pub switch: f64,
    /// The samples of a sampled block; they stand in the log.
    #[serde(skip)]
    pub samples: Option<Histogram>,
    /// How much longer it took than all of its samples, in ticks, where that is more than a block has
    /// behind its last sample: something else ran there, and the block is void.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrun_ticks: Option<u64>,
}

impl<'a> Results<'a> {
    /// Computes the results of a log that passed.
    ///
    /// # Errors
    ///
    /// What the log lacks, or what in it contradicts itself.
    pub fn from_log(log: &Log<'a>) -> Result<Self, String> {
        let mut head = Head::default();
        let (mut skipped, mut blocks) = (Vec::new(), Vec::new());
        for record in &log.records {
            if head.take(record)? {
                continue;
            }
            match record {
                Record::Skipped(record) => skipped.push(record.clone()),
                Record::Block(record) => blocks.push((*record, None)),
                Record::Histogram(record) => take_samples(&mut blocks, record)?,
                Record::Trace(_) | Record::Marks(_) => {
                    return Err("it is a trace: a kernel with marks in it measures nothing".into());
                }
                Record::Point(_) | Record::Absent(_) => {
                    return Err(
                        "it is of an experiment that measures at many points, not of classic's modes".into(),
                    );
                }
                // Taken above.
                Record::Start(_)
                | Record::Plan(_)
                | Record::Cpus(_)
                | Record::Machine(_)
                | Record::Tsc(_)
                | Record::Clock(_)
                | Record::Offset(_) => {}
                Record::Topology(_)
                | Record::Protection(_)
                | Record::Count(_)
                | Record::Failure(_)
                | Record::Crash(_)
                | Record::End(_) => {}
            }
        }
        let (start, plan) = head.start_and_plan()?;
        let Head { cpus, machine, tsc, clocks, offsets, .. } = head;
        skipped.iter_mut().for_each(|skipped: &mut Skipped<'_>| tame(&mut skipped.reason));
        Conditions {
            start: &start,
            plan: &plan,
            cpus: cpus.as_ref(),
            machine: machine.as_ref(),
            clocks: &clocks,
        }
        .check(blocks.iter().map(|(block, _)| block.mode))?;
        let clock = clocks.last().ok_or("there is no clock record: ticks have no length")?;
        let ruler = Ruler::new(plan.unit, clock.tsc_hz).ok_or("the last clock record says 0 Hz")?;
        if blocks.len() != plan.blocks as usize {
            return Err(format!("the plan says {} timed blocks, {} came", plan.blocks, blocks.len()));
        }
        blocks.iter().try_for_each(|(block, samples)| check_block(block, samples.as_ref(), ruler))?;
        check_places(&plan, &skipped, blocks.iter().map(|(block, _)| block))?;
        let blocks: Vec<_> = blocks
            .into_iter()
            .map(|(block, samples)| BlockResult::new(block, samples, ruler))
            .collect::<Result<_, _>>()?;
        let mut results = Self {
            format: RESULTS_FORMAT,
            unit: unit_name(plan.unit),
            tsc_hz: (plan.unit == Unit::Time).then_some(clock.tsc_hz),
            clock: clock::Quality::new(&clock::Evidence {
                unit: plan.unit,
                machine: machine.as_ref(),
                clock,
                tsc,
                offsets: &offsets,
            }),
            modes: counted_modes(&blocks, ruler, |_| false)?,
            placement: None,
            void_runs: BTreeSet::new(),
            blocks,
            start,
            plan,
            cpus,
            machine,
            clocks,
            skipped,
            ruler,
        };
        results.placement = Placement::of(&results);
        Ok(results)
    }

    /// The same, its costs without what is void: the runs that are out of the verdict, and single blocks.
    /// Of a mode of which nothing would be left, all stays; [`void_runs`](Self::void_runs) tells.
    ///
    /// # Errors
    ///
    /// What contradicts itself in the blocks.
    pub fn without_void(mut self, watch: Option<&Watch>) -> Result<Self, String> {
        let Some(watch) = watch else { return Ok(self) };
        self.void_runs = watch.void_runs();
        let is_void = |block: &Block| {
            self.void_runs.contains(&block.run)
                || watch.is_void(block.run, block.mode, block.subject, block.pass)
        };
        self.modes = counted_modes(&self.blocks, self.ruler, is_void)?;
        self.placement = Placement::of(&self);
        Ok(self)
    }

    /// The blocks that are void by the log alone, and by how much each went on behind its last sample, in
    /// lines to stand beside the numbers.
    pub fn overruns(&self) -> impl Iterator<Item = String> {
        let line = |result: &BlockResult| {
            let (block, ticks) = (&result.block, result.overrun_ticks?);
            let null = if block.subject == Subject::Null { " null" } else { "" };
            let overrun = self.ruler.total(ticks);
            Some(format!(
                "run {}: {},{null} sampled went on for {overrun} behind its last sample",
                block.run,
                block.mode.name()
            ))
        };
        self.blocks.iter().filter_map(line)
    }

    /// Whether no run counts.
    pub fn is_all_void(&self) -> bool {
        (1..=self.plan.runs).all(|run| self.void_runs.contains(&run))
    }

    /// What a mode costs; `None` where it did not run.
    pub fn mode(&self, mode: Mode) -> Option<&ModeResult> {
        self.modes.iter().find(|result| result.mode == mode)
    }

    /// Why a mode did not run; `None` where it did.
    pub fn skipped(&self, mode: Mode) -> Option<&str> {
        self.skipped.iter().find(|skipped| skipped.mode == mode).map(|skipped| &*skipped.reason)
    }

    /// The handoffs of `mode` in run `run`, as the batch pass measured them.
    pub fn block(&self, run: u32, mode: Mode) -> Option<&BlockResult> {
        self.blocks.iter().find(|result| {
            let block = &result.block;
            (block.run, block.mode) == (run, mode) && result.is_of(Subject::Handoff, Pass::Batch)
        })
    }

    /// As JSON, with a newline at its end.
    ///
    /// # Errors
    ///
    /// None that a valid log can cause.
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// As CSV: a row for each timed block, and one for each mode that was skipped, with the reason.
    ///
    /// # Errors
    ///
    /// None that a valid log can cause.
    pub fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(CSV_HEADER)?;
        for BlockResult { block, total, switch, .. } in &self.blocks {
            let counts = block.counts;
            let mut row = vec![block.run.to_string(), block.position.to_string()];
            row.extend([block.mode.name(), block.subject.name(), block.pass.name()].map(str::to_owned));
            row.extend([block.exchanges, block.ticks].map(|number| number.to_string()));
            row.extend([total.to_string(), switch.to_string(), self.unit.to_owned()]);
            let counts =
                [counts.handoffs, counts.switches, counts.ipis_sent, counts.ipis_taken, counts.halts];
            row.extend(counts.map(|number| number.to_string()));
            row.push(block.crossings.map_or_else(String::new, |crossings| crossings.to_string()));
            row.push(String::new());
            writer.write_record(row)?;
        }
        for skipped in &self.skipped {
            let mut row = [""; CSV_HEADER.len()];
            row[2] = skipped.mode.name();
            row[CSV_HEADER.len() - 1] = &skipped.reason;
            writer.write_record(row)?;
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
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

/// What figures in `unit` are in.
pub const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "ns",
        Unit::Instructions => "instructions",
    }
}

const CSV_HEADER: [&str; 17] = [
    "run",
    "position",
    "mode",
    "subject",
    "pass",
    "exchanges",
    "ticks",
    "total",
    "switch",
    "unit",
    "handoffs",
    "switches",
    "ipis_sent",
    "ipis_taken",
    "halts",
    "crossings",
    "skipped",
];

impl BlockResult {
    fn new(block: Block, samples: Option<Histogram>, ruler: Ruler) -> Result<Self, String> {
        let switches = block.exchanges.checked_mul(2).filter(|&switches| switches != 0);
        let switches = switches.ok_or("a block of a number of exchanges that can not be")?;
        let ticks = i128::from(block.ticks);
        let overrun = samples.as_ref().and_then(|samples| overrun(block.ticks, samples, ruler));
        Ok(Self {
            total: ruler.value(ticks, 1),
            switch: ruler.value(ticks, switches),
            block,
            samples,
            overrun_ticks: overrun,
        })
    }

    /// Whether it is of this subject and pass.
    pub fn is_of(&self, subject: Subject, pass: Pass) -> bool {
        (self.block.subject, self.block.pass) == (subject, pass)
    }
}

/// What each mode costs, without the blocks that are void, by `is_void` or by their samples. Of a mode of which
/// nothing would be left, all stays.
fn counted_modes(
    blocks: &[BlockResult],
    ruler: Ruler,
    is_void: impl Fn(&Block) -> bool,
) -> Result<Vec<ModeResult>, String> {
    let all = mode_results(blocks, ruler)?;
    let (void, counted): (Vec<_>, Vec<_>) =
        blocks.iter().cloned().partition(|result| result.overrun_ticks.is_some() || is_void(&result.block));
    if void.is_empty() {
        return Ok(all);
    }
    let counted = mode_results(&counted, ruler)?;
    let best = |mode: ModeResult| counted.iter().find(|of| of.mode == mode.mode).cloned().unwrap_or(mode);
    Ok(all.into_iter().map(best).collect())
}

#[cfg(test)]
mod tests;
