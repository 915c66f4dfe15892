//! What the system counted meanwhile: how often it took a CPU from one of our threads and gave it to another.

use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde::Serialize;

/// The system's own switches, over all of a start: warm-up and set-up too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// Our handoffs meanwhile.
    handoffs: u64,
    /// Switches of a thread that waited.
    voluntary: u64,
    /// Switches of a thread that was not done.
    involuntary: u64,
}

/// The counts of this process and of its children that have ended, at one time.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    voluntary: i64,
    involuntary: i64,
}

impl Counts {
    /// As they are; `None` where the system does not tell.
    pub fn now() -> Option<Self> {
        let of = |who| getrusage(who).ok();
        let (own, children) = (of(UsageWho::RUSAGE_SELF)?, of(UsageWho::RUSAGE_CHILDREN)?);
        let sum = |of: fn(&Usage) -> i64| of(&own) + of(&children);
        Some(Self {
            voluntary: sum(Usage::voluntary_context_switches),
            involuntary: sum(Usage::involuntary_context_switches),
        })
    }

    /// What there were since, beside so many handoffs.
    pub fn since(self, handoffs: u64) -> Option<Switched> {
        let now = Self::now()?;
        let [voluntary, involuntary] = [now.voluntary - self.voluntary, now.involuntary - self.involuntary]
            .map(|count| count.max(0) as u64);
        Some(Switched { handoffs, voluntary, involuntary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn who_sleeps_is_switched_from() {
        let before = Counts::now().unwrap();
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(1));
        }
        let switched = before.since(10).unwrap();
        assert!(switched.voluntary >= 5 && switched.handoffs == 10, "{switched:?}");
    }
}
