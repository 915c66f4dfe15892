//! What there is to measure. A new experiment is one file here, and two lines below: its `mod`, and
//! its entry in `EXPERIMENTS`.

pub mod classic;
pub mod exchange;
pub mod fan;
pub mod hierarchy;
mod matrix;
pub mod points;
pub mod policy;
pub mod ring;
mod room;
pub mod scale;
mod wait;
pub mod ways;

use alloc::{boxed::Box, vec::Vec};
use core::fmt::Write;

use switchlab_core::params::{self, ParamError, Params};
use switchlab_records::Clock;

use crate::{
    bring_up::{self, Handover, Lab},
    measure::probe::Batch,
    report::Text,
};

/// One experiment.
pub trait Experiment: Sync {
    /// Its name, as `experiment=` wants it.
    fn name(&self) -> &'static str;

    /// Does it, and reports each block; returns what there is to tell a person.
    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results>;

    /// Traces the first exchanges of it instead. In the marked kernel, which measures nothing.
    #[cfg(feature = "marks")]
    fn trace(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        let _ = (parameters, lab);
        bring_up::refuse(format_args!("experiment `{}` can not be traced", self.name()))
    }
}

/// What an experiment found, for a person to read.
pub trait Results {
    /// Prints it on the serial line, with times by `clock`.
    fn print(&self, clock: &Clock);
}

/// All of them; the first is the default.
static EXPERIMENTS: &[&dyn Experiment] = &[
    &classic::Classic::<Batch>::new(),
    &ring::Ring::<Batch>::new(),
    &fan::Fan::<Batch>::new(),
    &wait::WaysToWait,
    &matrix::Matrix,
    &policy::PolicyContest::<Batch>::new(),
    &scale::Scale,
    &hierarchy::Hierarchy,
];

/// All of them; the first is the default.
pub fn all() -> &'static [&'static dyn Experiment] {
    EXPERIMENTS
}

/// Their names.
pub fn names() -> Vec<&'static str> {
    EXPERIMENTS.iter().map(|experiment| experiment.name()).collect()
}

/// The first record: what was accepted, or what was not understood.
pub fn announce(handover: &Handover, parameters: &Result<Params, ParamError<'_>>) {
    let mut text = Text::<256>::new();
    if let Ok(parameters) = parameters {
        let _ = write!(text, "{parameters}");
    }
    bring_up::announce(handover, KERNEL, text.as_str());
}

/// This kernel's name. Nothing that the marked one says is a measurement.
const KERNEL: &str = if cfg!(feature = "marks") { "switchlab-marked" } else { "switchlab" };

/// Does what `parameters` ask for. Ends the machine where it is not this kernel's to do.
///
/// # Panics
///
/// For an experiment that does not exist: [`Params::parse`] knows the [`names`].
pub fn run(parameters: &Params, lab: &Lab) -> Box<dyn Results> {
    let experiment = EXPERIMENTS.iter().find(|experiment| experiment.name() == parameters.experiment);
    let experiment = experiment.expect("the parameters name an experiment");
    match (cfg!(feature = "marks"), parameters.trace) {
        #[cfg(feature = "marks")]
        (true, 1..) => experiment.trace(parameters, lab),
        (true, _) => bring_up::refuse(format_args!(
            "kernel parameter `trace` is missing: the marked kernel measures nothing, it traces 1 to {} exchanges",
            params::TRACE.end()
        )),
        (false, 0) => experiment.run(parameters, lab),
        (false, _) => bring_up::refuse(format_args!(
            "kernel parameter `trace`: this kernel has no marks; `switchlab-marked` is the one that traces"
        )),
    }
}
