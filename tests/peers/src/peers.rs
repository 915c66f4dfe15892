//! The peers, in the order of the table. A new one is a file here and a line below.

mod corosensei;
mod ours;

use crate::Peer;
use crate::bare::Live;

/// All of them.
pub fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(ours::Bare(Live::Nothing)),
        Box::new(ours::Bare(Live::SixValues)),
        Box::new(corosensei::Corosensei(Live::Nothing)),
        Box::new(corosensei::Corosensei(Live::SixValues)),
    ]
}

/// Which of ours a bare switch is held against: the one that holds as much.
const fn bare_base(live: Live) -> Option<&'static str> {
    match live {
        Live::Nothing => Some("ours-bare"),
        Live::SixValues => Some("ours-bare-six"),
    }
}
