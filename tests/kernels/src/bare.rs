//! The least that a handoff can be: two contexts that only switch, and two CPUs that only send each other a
//! number and the wake-up IPI. No scheduler, no channel. What the other rows cost more is what these wish
//! for.

use core::{
    marker::PhantomData,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use switchlab_kernel::{
    arch::{apic, interrupts, ipi, percpu},
    measure::{Measured, Wrong, measure_block, probe::Probe, snapshot},
    mm::StackError,
    sched::{
        self, Cpu,
        fiber::{Body, Fiber, Owner},
    },
};
use switchlab_records::{ApicMode, Counts};
use switchlab_sync::Words;

use crate::for_ever;

/// Measures `exchanges` of two contexts on `cpu` that only switch, while `probe` looks on.
///
/// # Errors
///
/// [`StackError`] where there is no stack for them.
pub fn measure_switch<P: Probe>(
    cpu: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<(Measured, P), StackError> {
    sched::run_on(cpu, move || {
        let turns = for_ever(AtomicU64::new(0));
        let mut fiber = Fiber::new(Turns::<P>(turns, PhantomData))?;
        // Two that can only take turns have taken as many: each turn of the other side is two switches.
        let counts = |_: &Fiber| {
            let both = 2 * turns.load(Relaxed);
            Counts { handoffs: both, switches: both, ..snapshot(&[cpu, cpu]) }
        };
        let measured = measure_block(&mut fiber, counts, take_turns, warm_up, exchanges, &mut probe);
        Ok((measured, probe))
    })?
}

/// The other side counts its turns.
struct Turns<P>(&'static AtomicU64, PhantomData<fn() -> P>);

impl<P: Probe> Body for Turns<P> {
    fn run(self, mut owner: Owner) -> ! {
        loop {
            self.0.store(self.0.load(Relaxed) + 1, Relaxed);
            P::before_handoff();
            owner.suspend();
        }
    }
}

/// The timed block of the side that begins.
#[inline(never)]
fn take_turns<P: Probe>(fiber: &mut Fiber, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    fiber.in_registers(|fiber| {
        for _ in from..to {
            P::before_handoff();
            fiber.resume();
            probe.exchange();
        }
    });
    None
}

/// What two CPUs hand each other, each way in a word of its own.
#[derive(Default)]
#[repr(align(64))]
struct Numbers {
    there: AtomicU64,
    back: AtomicU64,
    /// The answering side waits: every IPI from now on is a handoff.
    ready: AtomicBool,
}

/// Tells the answering side to stop.
const DONE: u64 = u64::MAX;

/// Measures `exchanges` of two CPUs that wake each other by IPI and halt, while `probe` looks on.
///
/// # Errors
///
/// [`StackError`] where there is no stack for the two tasks that do it.
pub fn measure_ipi<P: Probe>(
    first: &'static Cpu,
    second: &'static Cpu,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<(Measured, P), StackError> {
    let numbers = for_ever(Numbers::default());
    let answering = sched::spawn_on(second, move || {
        let taken = ipis_taken();
        let again = Again::to(first.words());
        numbers.ready.store(true, Release);
        again.wake();
        match again {
            Again::Xapic(again) => answer::<P>(numbers, &again, taken),
            Again::X2apic(again) => answer::<P>(numbers, &again, taken),
        }
    })?;
    let measured = sched::run_on(first, move || {
        while !numbers.ready.load(Acquire) {
            interrupts::halt();
        }
        let mut again = Again::to(second.words());
        let pair = [first, second];
        // Each IPI that was taken handed over a number.
        let counts = |_: &Again| {
            let counted = snapshot(&pair);
            Counts { handoffs: counted.ipis_taken, ..counted }
        };
        let hand_over = |again: &mut Again, from, to, probe: &mut P| match again {
            Again::Xapic(again) => hand_over(numbers, again, from, to, probe),
            Again::X2apic(again) => hand_over(numbers, again, from, to, probe),
        };
        let measured = measure_block(&mut again, counts, hand_over, warm_up, exchanges, &mut probe);
        numbers.there.store(DONE, Relaxed);
        again.wake();
        (measured, probe)
    })?;
    answering.join();
    Ok(measured)
}

/// The wake-up IPI to one CPU, again and again, with no other IPI of this CPU in between, and none before
/// the one before was taken: sent by one write. A loop asks once which it is.
#[derive(Clone, Copy, Debug)]
enum Again {
    /// In xAPIC mode.
    Xapic(ByPage),
    /// In x2APIC mode.
    X2apic(ByMsr),
}

/// The high half of the ICR is written, and stays.
#[derive(Clone, Copy, Debug)]
struct ByPage(());

/// The command is one word.
#[derive(Clone, Copy, Debug)]
struct ByMsr(u64);

/// Sends the wake-up IPI to the one CPU that it is for.
trait SendIpi {
    /// Sends it.
    fn send(&self);
}

impl Again {
    /// To the CPU with these words, from now on.
    fn to(words: &Words) -> Self {
        let target = words.get(Words::TARGET);
        match apic::mode() {
            ApicMode::X2apic => Self::X2apic(ByMsr(target)),
            ApicMode::Xapic => {
                apic::aim(target as u32);
                Self::Xapic(ByPage(()))
            }
        }
    }
}

impl SendIpi for Again {
    fn send(&self) {
        match self {
            Self::Xapic(again) => again.send(),
            Self::X2apic(again) => again.send(),
        }
    }
}

impl SendIpi for ByPage {
    #[inline(always)]
    fn send(&self) {
        apic::send_again(ipi::WAKE_UP_LOW);
    }
}

impl SendIpi for ByMsr {
    #[inline(always)]
    fn send(&self) {
        apic::send_x2apic(self.0);
    }
}

fn ipis_taken() -> u64 {
    percpu::word::<{ Words::IPIS_TAKEN }>()
}

/// Halts until the IPI after `taken` was taken.
#[inline(always)]
fn wait(taken: &mut u64) {
    loop {
        interrupts::halt();
        if !percpu::word_is::<{ Words::IPIS_TAKEN }>(*taken) {
            break;
        }
    }
    *taken += 1;
}

/// Wakes the other side, and counts it.
trait Wake {
    fn wake(&self);
}

impl<S: SendIpi> Wake for S {
    #[inline(always)]
    fn wake(&self) {
        percpu::count::<{ Words::IPIS_SENT }>();
        self.send();
    }
}

/// The timed block of the side that asks.
#[inline(never)]
fn hand_over<P: Probe>(
    numbers: &'static Numbers,
    other: &impl SendIpi,
    from: u64,
    to: u64,
    probe: &mut P,
) -> Option<Wrong> {
    let mut taken = ipis_taken();
    for number in from..to {
        P::before_handoff();
        numbers.there.store(number, Relaxed);
        other.wake();
        wait(&mut taken);
        let found = numbers.back.load(Relaxed);
        if found != number {
            return Some(Wrong { expected: number, found });
        }
        probe.exchange();
    }
    None
}

/// The side that answers, `taken` IPIs having been taken. A wrong number ends it.
#[inline(never)]
fn answer<P: Probe>(numbers: &'static Numbers, other: &impl SendIpi, mut taken: u64) {
    let mut expected = 0;
    wait(&mut taken);
    while numbers.there.load(Relaxed) == expected {
        P::before_handoff();
        numbers.back.store(expected, Relaxed);
        other.wake();
        expected += 1;
        wait(&mut taken);
    }
    if numbers.there.load(Relaxed) != DONE {
        numbers.back.store(DONE, Relaxed);
        other.wake();
    }
}
