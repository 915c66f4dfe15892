//! Rigorous mode: many boots of one job, since the boot is the independent unit and runs inside one
//! are not (METHOD, point 7). Owns what the folder of such a run holds, when enough has been booted,
//! and what the boots come to. `run` boots them; `replay` reads them again, by the same code.
//!
//! | file | what it owns |
//! |---|---|
//! | `boots` | [`Boots`]: the file that names the boots, with the seed and the end |
//! | `goal` | [`Goal`], [`Step`]: whether to go on, by a pure function |
//! | `seed` | the seed of each boot |
//! | `findings` | [`BootResult`], [`Findings`]: a value for each mode of a boot, and their comparison |
//! | `report` | the findings for people |

mod boots;
mod findings;
mod goal;
mod report;
mod seed;

pub use boots::{BootEntry, Boots, End, FILE, folder_name};
pub use findings::{BootResult, Findings};
pub use goal::{Goal, LEAST_BOOTS, MOST_BOOTS, Step, Tally, step};
pub use seed::{drawn, of_boot};
