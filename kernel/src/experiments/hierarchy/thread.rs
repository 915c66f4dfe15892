//! Two threads, which can be preempted and have vector state. Four levels of them: they block in channels, with the
//! state saved at each switch, or only where both use it, or where neither does; and they are preempted.

use alloc::borrow::Cow;

use super::{Context, Level, Taken, plain_counts, say};
use crate::{
    arch::{preempt, xsave},
    measure::probe::Batch,
    sched::Cpu,
    thread::{
        self, Policy,
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

fn absent() -> Option<Cow<'static, str>> {
    thread::detect().is_none().then(|| xsave::ABSENT.into())
}

/// The general registers with the interrupt's frame, and the vector state where it is saved.
fn context(saves_state: bool) -> Context {
    let general = Context::of_words(preempt::GENERAL_REGISTERS);
    match thread::detect() {
        Some(state) if saves_state => {
            Context { bytes: general.bytes + state.bytes(), registers: general.registers + state.registers() }
        }
        _ => general,
    }
}

impl Level for Blocking {
    fn name(&self) -> &'static str {
        self.name
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        absent()
    }

    fn crosses_cpus(&self) -> bool {
        true
    }

    fn context(&self) -> Context {
        let mut context = context(self.used.policy == Policy::Eager || self.used.touches);
        // Who blocks gives up by the switch: what else lives, its caller has saved.
        let general = Context::of_words(preempt::GENERAL_REGISTERS);
        let switch = Context::of_words(switchlab_switch::CONTEXT_WORDS);
        context.bytes -= general.bytes - switch.bytes;
        context.registers -= general.registers - switch.registers;
        context
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
        absent()
    }

    fn context(&self) -> Context {
        context(true)
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
        let expected = plain_counts(2 * exchanges, 2 * exchanges);
        Ok(Taken::new(measured, expected).with([("preemptions", preemptions)]))
    }
}
