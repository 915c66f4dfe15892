//! Guests under a VMM: two that hand over by hypercalls, on nested and on shadow tables; by an interrupt that wakes
//! the other; and one that only goes to the VMM and back.

use alloc::borrow::Cow;

use switchlab_records::Mode;

use super::{Context, Level, Taken, mode, say};
use crate::{
    measure::probe::Batch,
    sched::Cpu,
    vm::{self, Fpu, Interrupt, Kind, Paging, Ran, Route},
};

/// Guests in one of their forms.
pub struct Guests {
    name: &'static str,
    route: Route,
    kind: Kind,
}

const NESTED: Kind = Kind { paging: Paging::Nested, fpu: Fpu::Absent };

/// The level itself: hypercalls, nested paging.
pub static VM: Guests = Guests { name: "vm", route: Route::Call, kind: NESTED };
/// On tables that the VMM holds.
pub static SHADOW: Guests =
    Guests { name: "vm-shadow", route: Route::Call, kind: Kind { paging: Paging::Shadow, ..NESTED } };
/// With an FPU, whose registers are swapped too.
pub static FPU: Guests =
    Guests { name: "vm-fpu", route: Route::Call, kind: Kind { fpu: Fpu::Eager, ..NESTED } };
/// Each waits halted, and is woken by an interrupt that waits for it.
pub static WAKE_UP: Guests =
    Guests { name: "vm-wake-up", route: Route::WakeUp(Interrupt::Virtual), kind: NESTED };
/// The same by one that VMRUN delivers.
pub static INJECT: Guests =
    Guests { name: "vm-inject", route: Route::WakeUp(Interrupt::Injected), kind: NESTED };
/// One guest and its VMM.
pub static ROUND_TRIP: Guests = Guests { name: "vm-round-trip", route: Route::RoundTrip, kind: NESTED };

impl Level for Guests {
    fn name(&self) -> &'static str {
        self.name
    }

    fn absent(&self) -> Option<Cow<'static, str>> {
        vm::detect(self.kind.paging).err().map(say)
    }

    fn crosses_cpus(&self) -> bool {
        self.route != Route::RoundTrip
    }

    /// Across CPUs too each handoff leaves the one guest and enters the other, each on its own CPU, whose VMM halts in
    /// between.
    fn context(&self, mode: Mode) -> Context {
        let vm::context::Context { bytes, registers } = vm::context::of(self.kind.paging, self.kind.fpu);
        let world = Context { bytes, registers };
        if mode == Mode::CrossCore { world.with(Context::of_halt()) } else { world }
    }

    fn measure(
        &self,
        cpus: [&'static Cpu; 2],
        warm_up: u64,
        exchanges: u64,
    ) -> Result<Taken, Cow<'static, str>> {
        let Self { route, kind, .. } = *self;
        let on_one = mode(cpus) == Mode::SameCore;
        let ran = if on_one {
            vm::pair::measure(cpus[0], route, kind, warm_up, exchanges, Batch)
        } else {
            vm::apart::measure(cpus, route, kind, warm_up, exchanges, Batch)
        };
        let Ran { measured, vmruns, right, surplus, .. } = ran.map_err(say)?;
        // No interrupt throws a guest out here: nothing ticks, and an IPI comes to who halts.
        let due = route.vmruns_of_exchange() * exchanges;
        if measured.wrong.is_none() && vmruns != due {
            return Err(say(format_args!("VMRUNs: expected {due}, found {vmruns}")));
        }
        let due = 2 * exchanges;
        if measured.wrong.is_none() && right != due {
            return Err(say(format_args!(
                "numbers that the guests found right: expected {due}, found {right}"
            )));
        }
        let taken = if on_one {
            Taken::in_place(0, exchanges, measured)
        } else {
            Taken::by_tasks(cpus, exchanges, measured)
        };
        let taken = taken.with([("vmruns", vmruns)]);
        Ok(match route {
            Route::WakeUp(_) => taken.with([("interrupts-twice", surplus)]),
            Route::Call | Route::RoundTrip => taken,
        })
    }
}
