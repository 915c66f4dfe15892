//! Two threads, which can be preempted and have vector state. Four levels of them: they block in channels, with the
//! state saved at each switch, or only where both use it, or where neither does; and they are preempted.

use alloc::borrow::Cow;

use switchlab_records::Mode;

use super::{Context, Level, Taken, mode, no_state, say, task::Task};
use crate::{
    arch::preempt,
    measure::{Measured, SETTLING, probe::Batch},
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
        // The first use in each turn; across CPUs that of each side, since nobody else's state is loaded behind it.
        let due = match (self.used, mode(cpus)) {
            (Use { policy: Policy::Lazy, touches: true }, Mode::SameCore) => turns(warm_up, exchanges),
            (Use { policy: Policy::Lazy, touches: true }, _) => 2,
            _ => 0,
        };
        judge("state traps", due, traps, &measured)?;
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
        // Each turn ends by one, which no timer makes.
        judge("preemptions", turns(warm_up, exchanges), preemptions, &measured)?;
        Ok(Taken::in_place(1, exchanges, measured).with([("preemptions", preemptions)]))
    }
}

/// Turns of both threads in their life: what comes before a block is not taken off.
fn turns(warm_up: u64, exchanges: u64) -> u64 {
    2 * (warm_up + SETTLING + exchanges)
}

/// Exactly as many as are due, where all numbers came.
fn judge(what: &str, due: u64, found: u64, measured: &Measured) -> Result<(), Cow<'static, str>> {
    if measured.wrong.is_none() && found != due {
        return Err(say(format_args!("{what}: expected {due}, found {found}")));
    }
    Ok(())
}
