//! Two contexts that hand over by the bare switch: no scheduler, no channel. As mode `switch` of `classic`.

use alloc::borrow::Cow;

use switchlab_records::Mode;

use super::{Context, Level, Taken, say};
use crate::{experiments::classic::floor, measure::probe::Batch, sched::Cpu};

/// The level.
pub struct Fiber;

impl Level for Fiber {
    fn name(&self) -> &'static str {
        "fiber"
    }

    fn context(&self, _: Mode) -> Context {
        Context::of_words(switchlab_switch::FIBER_WORDS)
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let (measured, _) = floor::measure(cpus[0], warm_up, exchanges, Batch).map_err(say)?;
        Ok(Taken::in_place(1, exchanges, measured))
    }
}
