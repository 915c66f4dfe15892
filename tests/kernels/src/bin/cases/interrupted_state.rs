//! A task, then a fiber, fills every register with patterns, is interrupted 100,000 times by the wake-up IPI, and finds
//! them as they were: neither is ever preempted, and an interrupt saves nothing for them but what it uses itself.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use case::{
    check, count, cpu, for_ever,
    held::{Patterns, hold, what},
    spawn,
};
use switchlab_kernel::{
    arch::ipi,
    bring_up::Lab,
    sched::fiber::{Body, Fiber, Owner},
    thread,
};

const INTERRUPTS: u64 = 100_000;

static STOP: AtomicU64 = AtomicU64::new(0);
static LOOKS: AtomicU64 = AtomicU64::new(0);

pub fn interrupted_state(_: &Lab) {
    interrupted("the task", held);
    let found = for_ever(AtomicU64::new(NOT_LOOKED));
    let mut fiber = Fiber::new(Holding(found)).expect("a stack");
    interrupted("the fiber", || {
        fiber.resume();
        found.load(Relaxed)
    });
    count("interrupts", 2 * INTERRUPTS);
}

/// The registers were never looked at.
const NOT_LOOKED: u64 = u64::MAX;

/// Holds patterns until it is told to stop; what was lost, 0 for nothing.
fn held() -> u64 {
    let Some(state) = thread::detect() else {
        switchlab_kernel::failure!("this CPU has no XSAVE");
        return NOT_LOOKED;
    };
    hold(&mut Patterns::new(1), &STOP, u64::from(state.has_avx()), &LOOKS)
}

struct Holding(&'static AtomicU64);

impl Body for Holding {
    fn run(self, mut owner: Owner) -> ! {
        loop {
            self.0.store(held(), Relaxed);
            owner.suspend();
        }
    }
}

/// Lets `held` hold its registers on this CPU while another interrupts it: one IPI after the other, each when that before it
/// was taken and a look at all registers has ended since. Under an emulator that runs one CPU at a time the other's turn
/// comes where `hold` pauses: all registers are full there, and no look has begun.
fn interrupted(who: &str, held: impl FnOnce() -> u64) {
    STOP.store(0, Relaxed);
    LOOKS.store(0, Relaxed);
    let target = cpu(0);
    let taken = || target.counters().ipis_taken.load(Relaxed);
    let interrupting = spawn(cpu(1), move || {
        for _ in 0..INTERRUPTS {
            let before = taken();
            ipi::send_wake_up(target.words());
            while taken() == before {
                core::hint::spin_loop();
            }
            let looks = LOOKS.load(Relaxed);
            while LOOKS.load(Relaxed) == looks && STOP.load(Relaxed) == 0 {
                core::hint::spin_loop();
            }
        }
        STOP.store(1, Relaxed);
    });
    let before = taken();
    let found = held();
    // Also where something was lost.
    STOP.store(1, Relaxed);
    let interrupts = taken() - before;
    interrupting.join();
    check!(found == 0, "{who}: {} was lost", what(found));
    check!(interrupts == INTERRUPTS, "{who}: {interrupts} interrupts, not {INTERRUPTS}");
    let looks = LOOKS.load(Relaxed);
    check!(looks >= INTERRUPTS, "{who}: {looks} looks at {INTERRUPTS} interrupts");
}
