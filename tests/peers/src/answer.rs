//! What this program says, one JSON object a line. `xtask::bench` reads it.

use serde::Serialize;

use crate::plan::{Failure, Plan, Times};
use crate::usage::Switched;

/// A peer, before it ran.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// How the command line calls it: a group, and what tells its members apart.
    pub id: &'static str,
    /// How the table calls it.
    pub title: &'static str,
    /// Which of ours it is held against, by id; `None` where we have nothing of its kind, or for ours.
    pub base: Option<&'static str>,
    /// Its version, or the system's.
    pub version: String,
}

/// A peer as a rung of the hierarchy, held against the bare switch.
#[derive(Clone, Debug, Serialize)]
pub struct Rung {
    /// Which level it is of.
    pub level: &'static str,
    /// The peer.
    #[serde(flatten)]
    pub about: About,
}

/// What became of a peer.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    id: &'a str,
    exchanges: u64,
    /// One way, one value for each repeat; empty where there is a reason.
    one_way_ns: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the system counted meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    switched: Option<Switched>,
}

impl<'a> Answer<'a> {
    /// Of what the peer came to.
    pub fn new(id: &'a str, plan: Plan, outcome: Result<Times, Failure>, switched: Option<Switched>) -> Self {
        let exchanges = plan.exchanges();
        let (one_way_ns, reason) = match outcome {
            Ok(times) => (times.one_way_ns(), None),
            Err(failure) => (Vec::new(), Some(failure.to_string())),
        };
        Self { id, exchanges, one_way_ns, reason, switched }
    }
}
