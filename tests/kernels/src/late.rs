//! A CPU that comes late, while the stack of another is offered.

use core::{hint::spin_loop, time::Duration};

use switchlab_core::{
    ApicId, CpuId,
    icr::{Delivery, Destination, Icr, start_up_page},
};
use switchlab_kernel::{
    arch::{
        apic,
        clock::Stopwatch,
        percpu::PerCpu,
        smp::{self, Ap, NotStarted, Trace},
    },
    mm::{self, Stack, StackSize},
};

use crate::{check, cpu, for_ever, spawn};

/// The CPU that comes late: its APIC id is its number.
pub const LATE: u32 = 1;
/// In a stack that nobody has used.
const UNTOUCHED: u64 = 0x5741_4954_494e_4721;
/// How long it may take to come, once it was called.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// Lets CPU 1 come so late that another is called by then, which there is not; checks that it takes nothing of it, and
/// returns what is said of the other; `None` where that is taken for there.
///
/// # Panics
///
/// If there is no stack, or no page to start a CPU in.
pub fn come_for_another(lateness: Duration) -> Option<NotStarted> {
    let mut start_page = mm::start_page().expect("a low page");
    let start_up = Delivery::StartUp(start_up_page(start_page.physical()).expect("a page for APs"));
    let (id, apic_id) = (CpuId::new(63), ApicId::new(77));
    let percpu = for_ever(PerCpu::new(id, apic_id));
    let top = Stack::allocate(StackSize::Usual).expect("a stack").top().cast::<u64>();
    // SAFETY: the word below the top of a stack that nobody runs on.
    unsafe { top.sub(1).write_volatile(UNTOUCHED) };
    let to_late = Destination::One(ApicId::new(LATE));
    apic::send(Icr::new(Delivery::Init, to_late));
    let caller = spawn(cpu(2), move || {
        let mut stopwatch = Stopwatch::start();
        while stopwatch.elapsed() < lateness {
            spin_loop();
        }
        apic::send(Icr::new(start_up, to_late));
    });
    let aps = [Ap { percpu, stack_top: top.addr() as u64 }];
    let missing = smp::start_others(&mut start_page, &aps, |_| unreachable!("it has another's data"));
    caller.join();
    let expected = NotStarted { cpu: id, apic_id, trace: Trace::None };
    check!(missing == Err(expected), "CPU {LATE} came for CPU {id}: {missing:?}");
    check!(!percpu.is_online(), "CPU {LATE} runs as CPU {id}");
    let mut stopwatch = Stopwatch::start();
    while smp::came_late() == 0 && stopwatch.elapsed() < PATIENCE {
        spin_loop();
    }
    check!(smp::came_late() == 1, "{} CPUs came too late, not CPU {LATE} alone", smp::came_late());
    // SAFETY: as above.
    let word = unsafe { top.sub(1).read_volatile() };
    check!(word == UNTOUCHED, "somebody runs on the stack of CPU {id}: {word:#x} is in it");
    missing.err()
}
