//! Two tasks of the scheduler that hand over by channels: on one CPU as mode `same-core` of `classic`, on two as
//! `cross-core`. The base that factors are told against, as the original's goroutine is.

use alloc::borrow::Cow;

use switchlab_records::Mode;

use super::{Context, Level, Taken, say};
use crate::{experiments::exchange, measure::probe::Batch, sched::Cpu};

/// The level.
pub struct Task;

impl Level for Task {
    fn name(&self) -> &'static str {
        "task"
    }

    fn crosses_cpus(&self) -> bool {
        true
    }

    fn context(&self, mode: Mode) -> Context {
        // Across CPUs nobody switches: who waits halts in its own context.
        match mode {
            Mode::CrossCore => Context::of_halt(),
            _ => Context::of_words(switchlab_switch::CONTEXT_WORDS),
        }
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let [first, second] = cpus;
        let (measured, _) = exchange::measure(first, second, warm_up, exchanges, Batch).map_err(say)?;
        Ok(Taken::by_tasks(cpus, exchanges, measured))
    }
}
