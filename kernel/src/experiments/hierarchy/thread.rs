//! Two threads, which can be preempted and have vector state. Four levels of them: they block in channels, with the
//! state saved at each switch, or only where both use it, or where neither does; and they are preempted.

use alloc::borrow::Cow;

use switchlab_records::Mode;

use super::{Context, Level, Taken, no_state, say, task::Task};
use crate::{
    arch::preempt,
    measure::probe::Batch,
    sched::Cpu,
    thread::{
        Policy,
        exchange::{self, Threaded, Use},
    },
};

/// Threads that block.
pub struct Blocking {
    name: &'static str,
    used: Use,
}

/// The state is saved and loaded at each switch.
pub static EAGER: Blocking = Blocking { name: "thread", used: Use { policy: Policy::Eager, touches: false } };
/// It would be saved where it is used, and it is not.
pub static LAZY: Blocking =
    Blocking { name: "thread-lazy", used: Use { policy: Policy::Lazy, touches: false } };
/// It is used by both in each turn: a trap each.
pub static LAZY_USED: Blocking =
    Blocking { name: "thread-lazy-used", used: Use { policy: Policy::Lazy, touches: true } };

/// Threads that never block.
pub struct Preempted;

impl Level for Blocking {
    fn name(&self) -> &'static str {
        self.name
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        no_state()
    }

    fn crosses_cpus(&self) -> bool {
        true
    }

    fn context(&self, mode: Mode) -> Context {
        // Who blocks gives up by the switch, or halts: what else lives, its caller has saved.
        let waiting = Task.context(mode);
        let saves_state = match (self.used.policy, mode) {
            // Before it knows whether another runs meanwhile; across CPUs none does, and nothing is loaded.
            (Policy::Eager, _) => true,
            // Nobody else's is loaded, so no use of it traps.
            (Policy::Lazy, Mode::CrossCore) => false,
            (Policy::Lazy, _) => self.used.touches,
        };
        if saves_state { waiting.with(Context::of_state()) } else { waiting }
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let [first, second] = cpus;
        let (threaded, _) =
            exchange::measure(first, second, self.used, warm_up, exchanges, Batch).map_err(say)?;
        let Threaded { measured, traps, .. } = threaded;
        Ok(Taken::by_tasks(cpus, exchanges, measured).with([("state-traps", traps)]))
    }
}

impl Level for Preempted {
    fn name(&self) -> &'static str {
        "thread-preempted"
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        no_state()
    }

    /// The general registers with the interrupt's frame, and the vector state.
    fn context(&self, _: Mode) -> Context {
        Context::of_words(preempt::SAVED_WORDS).with(Context::of_state())
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let (threaded, _) =
            exchange::measure_preempted(cpus[0], Policy::Eager, warm_up, exchanges, Batch).map_err(say)?;
        let Threaded { measured, preemptions, .. } = threaded;
        Ok(Taken::in_place(1, exchanges, measured).with([("preemptions", preemptions)]))
    }
}
