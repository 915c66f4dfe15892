//! Guests under a VMM: two that hand over by hypercalls, on nested and on shadow tables; by an interrupt that wakes
//! the other; and one that only goes to the VMM and back.

use alloc::{borrow::Cow, format};

use switchlab_core::counts;
use switchlab_records::{Mode, Subject};

use super::{Context, Level, Taken, plain_counts};
use crate::{
    experiments::points::named,
    measure::probe::Batch,
    sched::Cpu,
    vm::{self, Fpu, Interrupt, Kind, Paging, Way},
};

/// Guests in one of their forms.
pub struct Guests {
    name: &'static str,
    way: Way,
    kind: Kind,
}

const NESTED: Kind = Kind { paging: Paging::Nested, fpu: Fpu::Absent };

/// The level itself: hypercalls, nested paging.
pub static VM: Guests = Guests { name: "vm", way: Way::Call, kind: NESTED };
/// On tables that the VMM holds.
pub static SHADOW: Guests =
    Guests { name: "vm-shadow", way: Way::Call, kind: Kind { paging: Paging::Shadow, ..NESTED } };
/// With an FPU, whose registers are swapped too.
pub static FPU: Guests = Guests { name: "vm-fpu", way: Way::Call, kind: Kind { fpu: Fpu::Eager, ..NESTED } };
/// Each waits halted, and is woken by an interrupt that waits for it.
pub static WAKE_UP: Guests =
    Guests { name: "vm-wake-up", way: Way::WakeUp(Interrupt::Virtual), kind: NESTED };
/// The same by one that VMRUN delivers.
pub static INJECT: Guests = Guests { name: "vm-inject", way: Way::WakeUp(Interrupt::Injected), kind: NESTED };
/// One guest and its VMM.
pub static ROUND_TRIP: Guests = Guests { name: "vm-round-trip", way: Way::RoundTrip, kind: NESTED };

impl Level for Guests {
    fn name(&self) -> &'static str {
        self.name
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        vm::detect(self.kind.paging).err().map(say)
    }

    fn crosses_cpus(&self) -> bool {
        self.way != Way::RoundTrip
    }

    fn context(&self) -> Context {
        let vm::context::Context { bytes, registers } = vm::context::of(self.kind.paging, self.kind.fpu);
        Context { bytes, registers }
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let [first, second] = cpus;
        let (ran, expected) = if core::ptr::eq(first, second) {
            let ran =
                vm::pair::measure(first, self.way, self.kind, warm_up, exchanges, Batch).map_err(say)?;
            (ran, plain_counts(2 * exchanges, 0))
        } else {
            let ran =
                vm::apart::measure(cpus, self.way, self.kind, warm_up, exchanges, Batch).map_err(say)?;
            let expected =
                counts::expected(Subject::Handoff, Mode::CrossCore, exchanges, &ran.measured.counts);
            (ran, expected)
        };
        let mut also = named([("vmruns", ran.vmruns)]);
        if let Way::WakeUp(_) = self.way {
            also.extend(named([("interrupts-twice", ran.surplus)]));
        }
        Ok(Taken { measured: ran.measured, expected, also })
    }
}

fn say(why: vm::Why) -> Cow<'static, str> {
    format!("{why}").into()
}
