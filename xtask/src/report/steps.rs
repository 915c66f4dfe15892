//! The steps of a handoff, as a run with `--trace` leaves them in its folder. Read here, drawn as the
//! waterfall.

use serde::{Deserialize, Serialize};
use switchlab_records::Mode;

/// Name of the file in a run's folder.
pub const FILE: &str = "steps.json";

/// The steps of one exchange, which is two handoffs, in each mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    /// `ns` or `instructions`.
    pub unit: String,
    /// Each mode's.
    pub modes: Vec<ModeSteps>,
}

/// The steps of one mode, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModeSteps {
    /// Which.
    pub mode: Mode,
    /// The whole exchange as the kernel without marks measured it: the steps and `remainder`.
    pub whole: f64,
    /// What no step accounts for; it may be negative.
    #[serde(default)]
    pub remainder: f64,
    /// The steps.
    pub steps: Vec<StepCost>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCost {
    /// What it is: `run queue`, `ICR write`.
    pub name: String,
    /// What it costs, in the unit.
    pub cost: f64,
}
