//! What a valid log says, computed from the log alone: the same log gives the same JSON and CSV to
//! the byte, whenever and wherever it is read.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use switchlab_core::counts;
use switchlab_core::stats::{
    TscHz, difference_ppm, mean, per_second, per_switch_ns, per_switch_ps, ticks_to_ns,
};
use switchlab_records::{Block, Clock, Cpus, Log, Machine, Mode, Plan, Record, Skipped, Start};

/// Clocks that are further apart than this make every time suspect (METHOD: 0.1 % in emulation).
pub const SUSPECT_PPM: u64 = 1_000;

/// The results of a log. Units stand in the names: `_ticks` of the TSC, `_ns`, `_ps`, `_hz`.
#[derive(Clone, Debug, Serialize)]
pub struct Results<'a> {
    /// Version of this format.
    pub format: u32,
    /// The kernel and its parameters.
    pub start: Start<'a>,
    /// The job.
    pub plan: Plan<'a>,
    /// The CPUs that were up.
    pub cpus: Option<Cpus>,
    /// The machine as the guest saw it.
    pub machine: Option<Machine<'a>>,
    /// The frequency that all times use: the last clock record's.
    pub tsc_hz: u64,
    /// How far apart the clocks of the last record were, in millionths; `None` for one clock.
    pub clocks_apart_ppm: Option<u64>,
    /// Every comparison of the clocks.
    pub clocks: Vec<Clock>,
    /// The means of each mode that ran.
    pub modes: Vec<ModeResult>,
    /// What was skipped, and why.
    pub skipped: Vec<Skipped<'a>>,
    /// Every timed block, in order.
    pub blocks: Vec<BlockResult>,
}

/// Version of `results.json`.
const RESULTS_FORMAT: u32 = 1;

/// One timed block with its times.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BlockResult {
    /// As the kernel wrote it.
    #[serde(flatten)]
    pub block: Block,
    /// The whole block.
    pub time_ns: u64,
    /// One switch: the time over twice the exchanges.
    pub switch_ps: u64,
}

/// The mean of all blocks of a mode.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ModeResult {
    /// Which.
    pub mode: Mode,
    /// How many blocks.
    pub blocks: u32,
    /// Exchanges in each.
    pub exchanges: u64,
    /// Mean ticks of a block.
    pub mean_ticks: u64,
    /// The same as time.
    pub mean_time_ns: u64,
    /// Of one switch.
    pub mean_switch_ns: u64,
    /// The same, finer.
    pub mean_switch_ps: u64,
    /// Switches in a second, at the mean.
    pub switches_per_second: u64,
}

impl<'a> Results<'a> {
    /// Computes the results of a log that passed.
    ///
    /// # Errors
    ///
    /// What the log lacks, or what in it contradicts itself.
    pub fn from_log(log: &Log<'a>) -> Result<Self, String> {
        let mut start = None;
        let mut plan = None;
        let (mut cpus, mut machine) = (None, None);
        let (mut clocks, mut skipped, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
        for record in &log.records {
            match record {
                Record::Start(record) => start = Some(record.clone()),
                Record::Plan(record) => plan = Some(record.clone()),
                Record::Cpus(record) => cpus = Some(*record),
                Record::Machine(record) => machine = Some(record.clone()),
                Record::Clock(record) => clocks.push(*record),
                Record::Skipped(record) => skipped.push(record.clone()),
                Record::Block(record) => blocks.push(*record),
                Record::Tsc(_)
                | Record::Offset(_)
                | Record::Count(_)
                | Record::Failure(_)
                | Record::Crash(_)
                | Record::End(_) => {}
            }
        }
        let start = start.ok_or("there is no start record")?;
        let plan = plan.ok_or("there is no plan record: this kernel measured nothing")?;
        let clock = clocks.last().ok_or("there is no clock record: ticks have no length")?;
        let tsc = TscHz::new(clock.tsc_hz).ok_or("the last clock record says 0 Hz")?;
        if blocks.len() != plan.blocks as usize {
            return Err(format!("the plan says {} timed blocks, {} came", plan.blocks, blocks.len()));
        }
        blocks.iter().try_for_each(check_counts)?;
        Ok(Self {
            format: RESULTS_FORMAT,
            tsc_hz: tsc.get(),
            clocks_apart_ppm: apart_ppm(clock),
            modes: mode_results(&blocks, tsc)?,
            blocks: blocks.iter().map(|block| BlockResult::new(*block, tsc)).collect::<Result<_, _>>()?,
            start,
            plan,
            cpus,
            machine,
            clocks,
            skipped,
        })
    }

    /// Whether the clocks are too far apart, or none was there to hold against another.
    pub fn clock_is_suspect(&self) -> bool {
        self.clocks_apart_ppm.is_none_or(|ppm| ppm > SUSPECT_PPM)
    }

    /// The mean of a mode; `None` where it did not run.
    pub fn mode(&self, mode: Mode) -> Option<&ModeResult> {
        self.modes.iter().find(|result| result.mode == mode)
    }

    /// Why a mode did not run; `None` where it did.
    pub fn skipped(&self, mode: Mode) -> Option<&str> {
        self.skipped.iter().find(|skipped| skipped.mode == mode).map(|skipped| &*skipped.reason)
    }

    /// The block of `mode` in run `run`.
    pub fn block(&self, run: u32, mode: Mode) -> Option<&BlockResult> {
        self.blocks.iter().find(|result| result.block.run == run && result.block.mode == mode)
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
        for BlockResult { block, time_ns, switch_ps } in &self.blocks {
            let counts = block.counts;
            let numbers = [block.exchanges, block.ticks, *time_ns, *switch_ps]
                .into_iter()
                .chain([counts.handoffs, counts.switches, counts.ipis_sent, counts.ipis_taken, counts.halts])
                .map(|number| number.to_string());
            let mut row =
                vec![block.run.to_string(), block.position.to_string(), block.mode.name().to_owned()];
            row.extend(numbers);
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

const CSV_HEADER: [&str; 13] = [
    "run",
    "position",
    "mode",
    "exchanges",
    "ticks",
    "time_ns",
    "switch_ps",
    "handoffs",
    "switches",
    "ipis_sent",
    "ipis_taken",
    "halts",
    "skipped",
];

impl BlockResult {
    fn new(block: Block, tsc: TscHz) -> Result<Self, String> {
        let switch_ps = per_switch_ps(block.ticks, block.exchanges, tsc).ok_or("a block of 0 exchanges")?;
        Ok(Self { block, time_ns: ticks_to_ns(block.ticks, tsc), switch_ps })
    }

    /// One switch in whole nanoseconds, as the table shows it.
    pub fn switch_ns(&self, tsc_hz: u64) -> u64 {
        let tsc = TscHz::new(tsc_hz);
        tsc.and_then(|tsc| per_switch_ns(self.block.ticks, self.block.exchanges, tsc)).unwrap_or_default()
    }
}

/// The kernel has checked the counts; a result rests on them, so they are checked again, and what
/// was expected as well.
fn check_counts(block: &Block) -> Result<(), String> {
    let place = || format!("run {}, {}", block.run, block.mode.name());
    let due = counts::expected(block.mode, block.exchanges);
    counts::check(&block.expected, &due)
        .map_err(|mismatch| format!("{}: the kernel expected the wrong count of {mismatch}", place()))?;
    counts::check(&block.counts, &due)
        .map_err(|mismatch| format!("{}: the kernel passed a wrong count of {mismatch}", place()))
}

fn mode_results(blocks: &[Block], tsc: TscHz) -> Result<Vec<ModeResult>, String> {
    let modes = [Mode::SameCore, Mode::CrossCore, Mode::Switch];
    modes.into_iter().filter_map(|mode| mode_result(mode, blocks, tsc).transpose()).collect()
}

fn mode_result(mode: Mode, blocks: &[Block], tsc: TscHz) -> Result<Option<ModeResult>, String> {
    let of_mode = || blocks.iter().filter(move |block| block.mode == mode);
    let (Some(first), Some(mean_ticks)) = (of_mode().next(), mean(of_mode().map(|block| block.ticks))) else {
        return Ok(None);
    };
    let exchanges = first.exchanges;
    if of_mode().any(|block| block.exchanges != exchanges) {
        return Err(format!("the blocks of {} differ in their exchanges", mode.name()));
    }
    let no_time = || format!("the blocks of {} took no time", mode.name());
    Ok(Some(ModeResult {
        mode,
        blocks: of_mode().count().try_into().unwrap_or(u32::MAX),
        exchanges,
        mean_ticks,
        mean_time_ns: ticks_to_ns(mean_ticks, tsc),
        mean_switch_ns: per_switch_ns(mean_ticks, exchanges, tsc).ok_or_else(no_time)?,
        mean_switch_ps: per_switch_ps(mean_ticks, exchanges, tsc).ok_or_else(no_time)?,
        switches_per_second: per_second(exchanges.saturating_mul(2), mean_ticks, tsc).ok_or_else(no_time)?,
    }))
}

/// The largest distance between two of the clocks that answered.
fn apart_ppm(clock: &Clock) -> Option<u64> {
    let answered: Vec<u64> =
        [clock.pit_hz, clock.pm_timer_hz, clock.hpet_hz].into_iter().filter(|hz| *hz != 0).collect();
    let (least, most) = (answered.iter().min()?, answered.iter().max()?);
    (answered.len() > 1).then(|| difference_ppm(*most, *least)).flatten()
}

#[cfg(test)]
mod tests;
