//! The hierarchy of costs: the same ping-pong at each level of isolation, from a function call on. What the
//! original could only guess.
//!
//! A level is one file below `hierarchy`, and one line in `LEVELS`. On each, two sides hand a number to and fro and
//! check it; a level with a form across CPUs is measured in both. What a level is made of is a module of its own, which
//! the levels below it do not know.

mod call;
mod container;
mod fiber;
mod floor;
mod process;
mod protection;
mod task;
mod thread;
mod vm;

use alloc::{borrow::Cow, boxed::Box, vec::Vec};
use core::fmt::Display;

use switchlab_core::{budget::affordable, counts, order, params::Params};
use switchlab_records::{Counts, Mode, Named, Point, Subject, Unit};

use super::{
    Experiment, Results,
    points::{self, Means, named},
};
use crate::{
    arch::{ipi, xsave},
    bring_up::Lab,
    failure,
    measure::{Measured, Wrong, measure_block, probe::Batch, snapshot},
    sched::{self, Cpu},
    thread::detect as detect_state,
};

const NAME: &str = "hierarchy";

/// All of them, each after the one that it builds on.
static LEVELS: &[&dyn Level] = &[
    &call::DIRECT,
    &call::INDIRECT,
    &fiber::Fiber,
    &task::Task,
    &floor::XsavePair,
    &thread::EAGER,
    &thread::LAZY,
    &thread::LAZY_USED,
    &thread::Preempted,
    &floor::SystemCall,
    &process::THREADS,
    &floor::Cr3Load,
    &process::PROCESS,
    &process::FAST_PATH,
    &container::NAMESPACES,
    &container::QUOTA,
    &container::MEMORY,
    &container::FILTER,
    &container::FILTER_ARGUMENTS,
    &container::CONTAINER,
    &vm::VM,
    &vm::SHADOW,
    &vm::FPU,
    &vm::WAKE_UP,
    &vm::INJECT,
    &vm::ROUND_TRIP,
];

/// All levels that there are.
pub fn levels() -> &'static [&'static dyn Level] {
    LEVELS
}

/// How long a point is measured at most where nobody says: milliseconds, or millions of instructions. Five runs of a
/// level are a minute, in which all but the dearest exchange a million times.
const fn default_budget(unit: Unit) -> u64 {
    match unit {
        Unit::Time => 12_000,
        Unit::Instructions => 1_000,
    }
}

/// A level of isolation.
pub trait Level: Sync {
    /// Its name, which is that of its series.
    fn name(&self) -> &'static str;

    /// Why this machine does not have it; `None` where it does.
    fn absent(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// Whether its two sides can be on two CPUs.
    fn crosses_cpus(&self) -> bool {
        false
    }

    /// What a one-way switch saves and restores: on one CPU, or, where its two sides are on two, across these, where each
    /// stays loaded on its own and halts.
    fn context(&self, mode: Mode) -> Context;

    /// Measures `exchanges` between its two sides, after `warm_up`: on one CPU where both of `cpus` are the same.
    ///
    /// # Errors
    ///
    /// Why it can not be measured here after all.
    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>>;
}

/// What a one-way switch saves and restores, counted from the structures that hold it, and from the lists of registers
/// that are pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Bytes.
    pub bytes: usize,
    /// Registers, each of whatever width.
    pub registers: usize,
}

impl Context {
    /// Of so many general registers.
    pub const fn of_words(words: usize) -> Self {
        Self { bytes: words * size_of::<u64>(), registers: words }
    }

    /// Of who halts where it stands, until a wake-up comes: what of it is pushed and popped by that.
    pub fn of_halt() -> Self {
        Self::of_words(ipi::wake_up_words())
    }

    /// Of the vector state; nothing where there is no XSAVE.
    pub fn of_state() -> Self {
        let state = detect_state();
        state.map_or(Self::of_words(0), |state| Self { bytes: state.bytes(), registers: state.registers() })
    }

    /// This, and that beside it.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, registers: self.registers + other.registers }
    }
}

/// Why there is no level with vector state here; `None` where there is.
pub fn no_state() -> Option<Cow<'static, str>> {
    detect_state().is_none().then(|| xsave::ABSENT.into())
}

/// What a block gave.
#[derive(Debug)]
pub struct Taken {
    /// Time, counts, and a wrong number.
    pub measured: Measured,
    /// What must have happened.
    pub expected: Counts,
    /// What else was counted.
    pub also: Vec<Named<'static>>,
}

impl Taken {
    /// Where tasks handed over, as those of `classic` do: by a switch on one CPU, by an IPI across two.
    pub fn by_tasks(cpus: [&'static Cpu; 2], exchanges: u64, measured: Measured) -> Self {
        let expected = counts::expected(Subject::Handoff, mode(cpus), exchanges, &measured.counts);
        Self { measured, expected, also: Vec::new() }
    }

    /// Where one CPU did it all, with so many switches one way: without an IPI and without a halt.
    pub fn in_place(switches: u64, exchanges: u64, measured: Measured) -> Self {
        let handoffs = 2 * exchanges;
        let expected = Counts { handoffs, switches: switches * handoffs, ..Counts::default() };
        Self { measured, expected, also: Vec::new() }
    }

    /// The same, with what else was counted.
    #[must_use]
    pub fn with<const N: usize>(mut self, also: [(&'static str, u64); N]) -> Self {
        self.also.extend(named(also));
        self
    }

    /// Where one task on `cpu` does it all, without a switch: `prepare` makes what it works with, there; `hand_over` is
    /// its loop, and `handoffs` tells what else it counts as one than the CPU does.
    ///
    /// # Errors
    ///
    /// There is no stack for the task, or what `prepare` says.
    fn by_one_task<S>(
        cpu: &'static Cpu,
        (warm_up, exchanges): (u64, u64),
        prepare: impl FnOnce() -> Result<S, &'static str> + Send + 'static,
        handoffs: impl Fn(&S) -> u64 + Send + 'static,
        hand_over: impl Fn(&mut S, u64, u64, &mut Batch) -> Option<Wrong> + Send + 'static,
    ) -> Result<Self, Cow<'static, str>> {
        let measured = sched::run_on(cpu, move || {
            let mut state = prepare()?;
            let counts = |state: &S| {
                let counted = snapshot(&[cpu, cpu]);
                Counts { handoffs: counted.handoffs + handoffs(state), ..counted }
            };
            Ok(measure_block(&mut state, counts, hand_over, warm_up, exchanges, &mut Batch))
        });
        let measured: Result<_, &'static str> = measured.map_err(say)?;
        Ok(Self::in_place(0, exchanges, measured?))
    }
}

/// How tasks on these two CPUs hand over.
pub fn mode([first, second]: [&'static Cpu; 2]) -> Mode {
    if core::ptr::eq(first, second) { Mode::SameCore } else { Mode::CrossCore }
}

/// Says for a person why something can not be measured.
pub fn say(why: impl Display) -> Cow<'static, str> {
    alloc::format!("{why}").into()
}

/// A level in one of its forms.
#[derive(Clone, Copy)]
struct Form {
    level: &'static dyn Level,
    /// 1 or 2.
    cpus: u32,
}

/// The experiment.
pub struct Hierarchy;

impl Experiment for Hierarchy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let mut gaps = Vec::new();
        let mut forms = Vec::new();
        for &level in LEVELS {
            match (level.absent(), level.crosses_cpus(), lab.cpus) {
                (Some(reason), ..) => gaps.push((level, None, reason)),
                (None, true, 1) => {
                    forms.push(Form { level, cpus: 1 });
                    gaps.push((level, Some(2), "one CPU: its two sides need two".into()));
                }
                (None, true, _) => forms.extend([1, 2].map(|cpus| Form { level, cpus })),
                (None, false, _) => forms.push(Form { level, cpus: 1 }),
            }
        }
        points::announce(NAME, parameters, parameters.exchanges, forms.len() as u32 * parameters.runs);
        for (level, cpus, reason) in gaps {
            points::absent(level.name(), cpus.map_or_else(Vec::new, at), reason);
        }
        protection::report_on(&parameters.cpu_pair().into(), lab.cpus);
        let budget_ticks = points::budget_ticks(parameters, lab, default_budget(parameters.unit));
        let mut job = Job { parameters, budget_ticks, means: Means::new(parameters.unit) };
        for run in 1..=parameters.runs {
            let mut order = forms.clone();
            order::rearrange(&mut order, run, parameters.seed);
            for (form, position) in order.into_iter().zip(1..) {
                job.measure(run, position, form);
            }
        }
        Box::new(job.means)
    }
}

/// The coordinate of a form.
fn at(cpus: u32) -> Vec<Named<'static>> {
    named([("cpus", cpus.into())])
}

/// The experiment while it runs.
struct Job<'a> {
    parameters: &'a Params,
    budget_ticks: u64,
    means: Means,
}

impl Job<'_> {
    /// Measures a level, as many exchanges as there is time for, and reports it.
    fn measure(&mut self, run: u32, position: u32, form: Form) {
        let Form { level, cpus: count } = form;
        let name = level.name();
        let (first, second) = self.parameters.cpu_pair();
        let first = sched::cpu(first);
        let cpus = [first, if count == 1 { first } else { sched::cpu(second) }];
        let exchanges = match self.affordable(level, cpus) {
            Ok(exchanges) => exchanges,
            Err(reason) => return failure!("run {run}, {name} on {count} CPUs: {reason}"),
        };
        let taken = match level.measure(cpus, self.parameters.warm_up, exchanges) {
            Ok(taken) => taken,
            Err(reason) => return failure!("run {run}, {name} on {count} CPUs: {reason}"),
        };
        let Taken { measured: Measured { ticks, counts, wrong }, expected, mut also } = taken;
        let Context { bytes, registers } = level.context(mode(cpus));
        also.extend(named([("context-bytes", bytes as u64), ("context-registers", registers as u64)]));
        if let Some(wrong) = wrong {
            failure!("run {run}, {name} on {count} CPUs: {wrong}");
        }
        let handoffs = 2 * exchanges;
        let point = Point {
            run,
            position,
            series: name.into(),
            at: at(count),
            handoffs,
            ticks,
            counts,
            expected,
            also,
        };
        self.means.add(&point);
        points::judge(point);
    }

    /// How many exchanges fit into the budget, by what a warm-up takes.
    fn affordable(&self, level: &dyn Level, cpus: [&'static Cpu; 2]) -> Result<u64, Cow<'static, str>> {
        let (wanted, trial) = (self.parameters.exchanges, self.parameters.warm_up.min(TRIAL));
        if trial == 0 || wanted <= trial {
            return Ok(wanted);
        }
        let ticks = level.measure(cpus, 0, trial)?.measured.ticks;
        Ok(affordable(self.budget_ticks, trial, ticks, wanted))
    }
}

/// Exchanges that tell how long one takes.
const TRIAL: u64 = 200;
