//! Why a handoff costs what it costs: each exchange of a trace cut into its steps, held against what the
//! kernel without marks measured, and the difference between two modes, step by step.
//!
//! `run` and `replay` show it; it is written as `steps.json`; the HTML report draws it.

mod step;
pub mod text;

use serde::Serialize;
use switchlab_core::ruler::Ruler;
use switchlab_records::{Mode, Unit};

use crate::clock::OneWay;
use crate::results::Results;
use crate::results::cost::UnitValue;
use crate::trace::{Exchange, ModeTrace, Traced};
pub use step::Step;

/// The steps of one exchange (two switches) in each mode. All figures are in `unit`, but for ticks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Steps {
    /// Version of this format.
    pub format: u32,
    /// `ns` or `instructions`.
    pub unit: &'static str,
    /// Each mode that was traced, in the order of [`Mode::ALL`].
    pub modes: Vec<ModeSteps>,
    /// From same-core to cross-core; `None` where one of them was not traced.
    pub waterfall: Option<Waterfall>,
    /// What was not traced, and why; the trace's own file has it.
    #[serde(skip)]
    pub skipped: Vec<String>,
    /// How ticks are told.
    #[serde(skip)]
    pub ruler: Ruler,
}

/// Name of the file in a run's folder.
pub const FILE: &str = "steps.json";

/// Version of `steps.json`.
const STEPS_FORMAT: u32 = 1;

/// One mode's exchange, cut into steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModeSteps {
    /// Which.
    pub mode: Mode,
    /// Exchanges that were traced.
    pub exchanges: u64,
    /// Marks that the message passed in an exchange, at the median. Each made it longer by `mark_ticks`,
    /// which is taken away again.
    pub marks: u64,
    /// What a mark costs.
    pub mark_ticks: u64,
    /// The same in `unit`.
    pub mark: f64,
    /// The steps, in the order in which a handoff takes them; those that do not occur are left out.
    pub steps: Vec<StepCost>,
    /// All steps together.
    pub sum: f64,
    /// One exchange as the kernel without marks measured it, by the batch pass; where ticks are
    /// instructions, whole ones, and `block_rest` the others.
    pub whole: f64,
    /// What the steps do not account for: `whole` less `sum`. Not clamped.
    pub remainder: f64,
    /// Instructions of a block that are no exchange's: its clock reads. `None` where ticks are time.
    pub block_rest: Option<u64>,
    /// What [`Step::ONE_WAY`] is worth, which goes from one CPU's counter to the other's; `None` where both
    /// have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_way: Option<OneWay>,
    /// Whether every exchange took the same steps at the same cost.
    pub all_equal: bool,
    /// Marks that a CPU passed while the message was on the other one, in all exchanges: work that
    /// overlapped.
    pub beside: u64,
}

/// What one step takes in an exchange, so in both of its handoffs together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepCost {
    /// Which.
    #[serde(rename = "name")]
    pub step: Step,
    /// What it does.
    pub what: &'static str,
    /// How often it ends in an exchange, at the median.
    pub times: u64,
    /// The median over the exchanges, without the marks.
    pub cost: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
    /// Of the whole.
    pub share: f64,
    #[serde(skip)]
    ticks: i64,
}

/// From one mode to another: what each step adds or saves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waterfall {
    /// Where it starts.
    pub from: Mode,
    /// Its whole.
    pub from_whole: f64,
    /// Where it ends.
    pub to: Mode,
    /// Its whole: `from_whole`, and all differences, and `remainder`.
    pub to_whole: f64,
    /// The steps of either, in order.
    pub bars: Vec<Bar>,
    /// What the steps do not account for: the one remainder less the other.
    pub remainder: f64,
}

/// A step of a waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// Which.
    #[serde(rename = "name")]
    pub step: Step,
    /// What it takes in the mode that it starts from; 0 where it does not occur.
    pub from: f64,
    /// What it takes in the other.
    pub to: f64,
    /// `to` less `from`.
    pub difference: f64,
}

/// What a kernel without marks measured of one mode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    /// Which.
    pub mode: Mode,
    /// Exchanges of a block.
    pub exchanges: u64,
    /// TSC ticks of a block: the mean of the batch pass.
    pub ticks: u64,
    /// How they are told.
    pub ruler: Ruler,
}

impl Whole {
    /// Of all modes of `results`.
    pub fn of(results: &Results<'_>) -> Vec<Self> {
        let whole = |mode: &crate::results::ModeResult| Self {
            mode: mode.mode,
            exchanges: mode.exchanges,
            ticks: mode.mean_ticks,
            ruler: results.ruler,
        };
        results.modes.iter().map(whole).collect()
    }

    /// Of each mode the one in the middle: what several boots measured, told by one of them.
    pub fn middle<'a>(of_boots: impl IntoIterator<Item = &'a [Self]>) -> Vec<Self> {
        let mut all: Vec<Self> = of_boots.into_iter().flatten().copied().collect();
        // The boots of a job have blocks of one size.
        all.sort_by_key(|whole| (whole.mode, whole.ticks));
        let modes = all.chunk_by(|one, other| one.mode == other.mode);
        modes.map(|of_mode| of_mode[(of_mode.len() - 1) / 2]).collect()
    }

    /// One exchange, and what is left over of a block of instructions.
    fn exchange(&self) -> (f64, Option<u64>) {
        match self.ruler {
            Ruler::Time(_) => (self.ruler.value(i128::from(self.ticks), self.exchanges), None),
            Ruler::Instructions => {
                let exchanges = self.exchanges.max(1);
                let (each, rest) = (self.ticks / exchanges, self.ticks % exchanges);
                (self.ruler.value(i128::from(each), 1), Some(rest))
            }
        }
    }
}

impl Steps {
    /// Cuts what was traced, and holds it against what was measured.
    ///
    /// # Errors
    ///
    /// What can not be followed, or was not measured.
    pub fn new(traced: &Traced<'_>, wholes: &[Whole]) -> Result<Self, String> {
        let modes = Mode::ALL.into_iter().filter_map(|mode| traced.mode(mode));
        let modes: Vec<_> = modes
            .map(|trace| {
                let mode = trace.trace.mode;
                let whole = wholes.iter().find(|whole| whole.mode == mode);
                let whole = whole.ok_or_else(|| format!("{} was traced and not measured", mode.name()))?;
                if whole.ruler.unit() != traced.ruler.unit() {
                    return Err("the trace and what it is held against have different units".to_owned());
                }
                ModeSteps::new(trace, traced.ruler, whole)
            })
            .collect::<Result<_, _>>()?;
        let mode = |wanted| modes.iter().find(|steps| steps.mode == wanted);
        let ends = mode(Mode::SameCore).zip(mode(Mode::CrossCore));
        Ok(Self {
            format: STEPS_FORMAT,
            unit: match traced.ruler.unit() {
                Unit::Time => "ns",
                Unit::Instructions => "instructions",
            },
            waterfall: ends.map(|(from, to)| Waterfall::new(from, to)),
            skipped: traced.skipped_texts(),
            modes,
            ruler: traced.ruler,
        })
    }

    /// The steps of one mode; `None` where it was not traced.
    pub fn mode(&self, mode: Mode) -> Option<&ModeSteps> {
        self.modes.iter().find(|steps| steps.mode == mode)
    }

    /// As JSON, with a newline at its end.
    ///
    /// # Errors
    ///
    /// None.
    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// What the steps of one exchange took.
type Cut = [Share; Step::ALL.len()];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    times: u64,
    ticks: i64,
}

impl ModeSteps {
    fn new(trace: &ModeTrace, ruler: Ruler, whole: &Whole) -> Result<Self, String> {
        let exchanges = trace.exchanges()?;
        let mark_ticks = trace.trace.mark_ticks;
        let cuts: Vec<Cut> = exchanges.iter().map(|exchange| cut(exchange, mark_ticks)).collect();
        let first = cuts.first().ok_or("an exchange at least is needed for steps")?;
        let (whole, block_rest) = whole.exchange();
        let steps: Vec<_> =
            Step::ALL.into_iter().filter_map(|step| StepCost::new(step, &cuts, ruler, whole)).collect();
        let sum = ruler.value(steps.iter().map(|step| i128::from(step.ticks)).sum(), 1);
        Ok(Self {
            mode: trace.trace.mode,
            exchanges: trace.trace.exchanges,
            marks: median(exchanges.iter().map(|exchange| exchange.path.len() as u64 - 1)),
            mark_ticks,
            mark: ruler.value(i128::from(mark_ticks), 1),
            sum,
            whole,
            remainder: thousandths(whole - sum),
            block_rest,
            one_way: trace.one_way.clone(),
            all_equal: cuts.iter().all(|cut| cut == first),
            beside: exchanges.iter().map(|exchange| u64::from(exchange.beside)).sum(),
            steps,
        })
    }

    /// Whether the steps account for the whole, to the instruction and in each exchange.
    pub fn is_exact(&self) -> bool {
        self.block_rest.is_some() && self.all_equal && self.remainder == 0.0
    }

    /// What `step` takes; `None` where it does not occur.
    pub fn step(&self, step: Step) -> Option<&StepCost> {
        self.steps.iter().find(|cost| cost.step == step)
    }
}

/// Each interval belongs to the step that the mark at its end ends, less the mark.
fn cut(exchange: &Exchange, mark_ticks: u64) -> Cut {
    let mut cut = Cut::default();
    for pair in exchange.path.windows(2) {
        let share = &mut cut[Step::ended_by(pair[1].mark) as usize];
        share.times += 1;
        // `trace` refuses what lasts too long for this.
        share.ticks += (pair[1].ticks - pair[0].ticks) as i64 - mark_ticks as i64;
    }
    cut
}

impl StepCost {
    fn new(step: Step, cuts: &[Cut], ruler: Ruler, whole: f64) -> Option<Self> {
        let shares = || cuts.iter().map(|cut| cut[step as usize]);
        if shares().all(|share| share.times == 0) {
            return None;
        }
        let ticks = median(shares().map(|share| share.ticks));
        let value = |ticks: i64| ruler.value(i128::from(ticks), 1);
        let [min, max] = [shares().map(|share| share.ticks).min(), shares().map(|share| share.ticks).max()];
        Some(Self {
            step,
            what: step.what(),
            times: median(shares().map(|share| share.times)),
            cost: value(ticks),
            min: value(min?),
            max: value(max?),
            share: if whole == 0.0 { 0.0 } else { (value(ticks) / whole * 10_000.0).round() / 10_000.0 },
            ticks,
        })
    }
}

impl Waterfall {
    fn new(from: &ModeSteps, to: &ModeSteps) -> Self {
        let value = |steps: &ModeSteps, step| steps.step(step).map_or(0.0, |cost| cost.cost);
        let occurs = |step: &Step| from.step(*step).is_some() || to.step(*step).is_some();
        let bars = Step::ALL.into_iter().filter(occurs).map(|step| {
            let [from, to] = [value(from, step), value(to, step)];
            Bar { step, from, to, difference: thousandths(to - from) }
        });
        Self {
            from: from.mode,
            from_whole: from.whole,
            to: to.mode,
            to_whole: to.whole,
            bars: bars.collect(),
            remainder: thousandths(to.remainder - from.remainder),
        }
    }
}

/// The value in the middle; of two in the middle the lesser, so that it is one that occurred.
fn median<T: Copy + Ord + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.len().checked_sub(1).map_or_else(T::default, |last| values[last / 2])
}

/// Figures have three decimals; so have their differences.
fn thousandths(value: f64) -> f64 {
    let rounded = (value * 1_000.0).round() / 1_000.0;
    // No negative zero.
    rounded + 0.0
}

#[cfg(test)]
mod tests;
