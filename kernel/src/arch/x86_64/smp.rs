//! Starting the other CPUs: INIT, then start-up IPIs (Intel SDM vol. 3, 9.4.4), one AP after the
//! other, each with a deadline.
//!
//! The BSP waits halted: an AP that arrives sends it a tick, and the timer ticks so that a deadline
//! can pass. Spinning would take a host core from the CPU that is waited for.

use core::{
    fmt,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use switchlab_core::{
    ApicId, CpuId,
    icr::{Delivery, Destination, Icr, start_up_page},
};
use switchlab_sync::start_up::{GivenUp, StartUp};

use super::{apic, clock::Stopwatch, idt, interrupts, ipi, percpu::PerCpu};

pub use super::trampoline::Trampoline as StartPage;

/// How long an AP may take from its start-up IPI to Rust. Long, since the host may be busy; and no longer, since the one
/// that never comes is to be named within 5 s.
const DEADLINE: Duration = Duration::from_secs(3);

/// After how long the start-up IPI is repeated: the first may be lost (SDM: after 200 µs; an AP that
/// runs already takes no notice of a second one).
const REPEAT_AFTER: Duration = Duration::from_millis(20);

/// The pause between INIT and the start-up IPI.
const INIT_PAUSE: Duration = Duration::from_millis(10);

/// An AP to start.
#[derive(Debug)]
pub struct Ap {
    /// Its data.
    pub percpu: &'static PerCpu,
    /// Top of its first stack, aligned to 16 bytes.
    pub stack_top: u64,
}

/// A CPU that did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStarted {
    /// Which.
    pub cpu: CpuId,
    /// Its hardware id.
    pub apic_id: ApicId,
    /// What is known of it.
    pub trace: Trace,
}

/// How far a CPU that did not come has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It has not taken its stack. If it comes later it finds none, and halts.
    None,
    /// It has taken its stack. It may come later.
    TookItsStack,
    /// It was not called: the one before it has taken its stack and may come later.
    NotCalled,
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPU {} (APIC id {}) did not start: ", self.cpu, self.apic_id)?;
        let seconds = DEADLINE.as_secs();
        match self.trace {
            Trace::None => write!(f, "no sign of it {seconds} s after its start-up IPI"),
            Trace::TookItsStack => write!(f, "it took its stack and did not arrive within {seconds} s"),
            Trace::NotCalled => write!(f, "the one before it has taken a stack and may come yet"),
        }
    }
}

/// What an AP does once it has a stack, tables and an APIC; registered by [`start_others`].
type ApMain = fn(&'static PerCpu) -> !;

static AP_MAIN: spin::Once<ApMain> = spin::Once::new();

/// What APs take their stacks from, and a pointer to their data.
static START_UP: StartUp = StartUp::new();

static ONLINE: AtomicU32 = AtomicU32::new(1);

/// Whom an AP tells that it has arrived.
static BSP: spin::Once<ApicId> = spin::Once::new();

/// CPUs that run: the BSP, and the APs that have arrived.
pub fn online() -> u32 {
    ONLINE.load(Relaxed)
}

/// CPUs that came when they were given up already: they took nothing, and halt for ever.
pub fn came_late() -> u64 {
    START_UP.late()
}

/// Starts the APs and returns when each has arrived. Each goes on in `main`.
///
/// # Errors
///
/// [`NotStarted`] for the first that does not come within its deadline. What it says of it may be that it can yet come
/// later: then no other is started any more.
pub fn start_others(page: &mut StartPage, aps: &[Ap], main: ApMain) -> Result<(), NotStarted> {
    AP_MAIN.call_once(|| main);
    BSP.call_once(apic::id);
    let start_up =
        Delivery::StartUp(start_up_page(page.physical()).expect("a page that start-up IPIs reach"));
    page.set(&START_UP, ap_entry);
    apic::start_ticks();
    for ap in aps {
        send(Delivery::Init, ap);
    }
    wait_until(INIT_PAUSE, || false);
    let result = aps.iter().try_for_each(|ap| start(ap, start_up));
    apic::stop_ticks();
    result
}

fn start(ap: &Ap, start_up: Delivery) -> Result<(), NotStarted> {
    let (cpu, apic_id) = (ap.percpu.id(), ap.percpu.apic_id());
    let missing = |trace| NotStarted { cpu, apic_id, trace };
    let percpu = core::ptr::from_ref(ap.percpu).expose_provenance() as u64;
    START_UP.offer(apic_id.get(), ap.stack_top, percpu).map_err(|_| missing(Trace::NotCalled))?;
    let arrived = || START_UP.is_up(apic_id.get());
    for patience in [REPEAT_AFTER, DEADLINE] {
        send(start_up, ap);
        if wait_until(patience, arrived) {
            return Ok(());
        }
    }
    match START_UP.give_up(apic_id.get()) {
        GivenUp::Up => Ok(()),
        GivenUp::NotTaken => Err(missing(Trace::None)),
        GivenUp::Taken => Err(missing(Trace::TookItsStack)),
    }
}

fn send(delivery: Delivery, ap: &Ap) {
    apic::send(Icr::new(delivery, Destination::One(ap.percpu.apic_id())));
}

/// Halts until `condition` holds or `limit` has passed; returns whether it held.
fn wait_until(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let mut stopwatch = Stopwatch::start();
    loop {
        if condition() {
            return true;
        }
        if stopwatch.elapsed() >= limit {
            return false;
        }
        interrupts::halt();
    }
}

/// Where an AP arrives in Rust: on its own stack, interrupts off, with the kernel's page tables.
extern "C" fn ap_entry(percpu: usize) -> ! {
    // SAFETY: `start` passes the address of a PerCpu that lives for ever.
    let percpu: &'static PerCpu = unsafe { &*core::ptr::with_exposed_provenance(percpu) };
    percpu.install();
    idt::load();
    apic::enable();
    let main = AP_MAIN.get().expect("start_others registered it");
    ONLINE.fetch_add(1, Relaxed);
    percpu.set_online();
    START_UP.arrive(percpu.apic_id().get());
    ipi::send_tick(*BSP.get().expect("start_others registered it"));
    main(percpu)
}
