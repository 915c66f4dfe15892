//! Two guests on one CPU that hand a number to and fro: the VMM switches from the one's world to the other's. And
//! one guest that only exits and is entered again.

use switchlab_core::svm::Stop;
use switchlab_records::Counts;

use super::{Exit, Fpu, Host, Image, Interrupt, Paging, Vcpu, Why, image};
use crate::{
    measure::{Measured, NO_NUMBER, SETTLING, Wrong, measure_block, probe::Probe, snapshot},
    sched::{self, Cpu},
};

/// How the CPU goes from one guest to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By a hypercall that sends and waits: one #VMEXIT and one VMRUN one way.
    Call,
    /// By a hypercall that posts, and a halt; the other guest, which has halted, is woken by an interrupt. One #VMEXIT
    /// and one VMRUN more one way.
    WakeUp(Interrupt),
    /// To the VMM and back: one guest, one #VMEXIT and one VMRUN for both ways.
    RoundTrip,
}

impl Route {
    /// VMRUNs of an exchange, of both sides.
    pub const fn vmruns_of_exchange(self) -> u64 {
        match self {
            Self::Call => 2,
            Self::WakeUp(_) => 4,
            Self::RoundTrip => 1,
        }
    }

    /// What the guest that asks and the one that answers run.
    pub(super) fn images(self) -> [Image; 2] {
        match self {
            Self::Call | Self::RoundTrip => [image::asking(), image::answering()],
            Self::WakeUp(_) => [image::waking(), image::woken()],
        }
    }
}

/// What guests are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// How their addresses become the machine's.
    pub paging: Paging,
    /// Whether they have an FPU.
    pub fpu: Fpu,
}

impl Kind {
    /// Makes the running CPU one for such guests.
    pub(super) fn begin(self) -> Result<Host, Why> {
        let mut host = Host::begin()?;
        if self.fpu == Fpu::Eager {
            host.allow_fpu();
        }
        Ok(host)
    }
}

/// What a block of guests gave.
#[derive(Debug)]
pub struct Ran<P> {
    /// Time, counts, and a wrong number. Handed over is, on one CPU, what the guests count themselves.
    pub measured: Measured,
    /// What looked on.
    pub probe: P,
    /// How often VMRUN entered a guest in the block.
    pub vmruns: u64,
    /// Numbers of the block that came right to a guest, by the guests' own count.
    pub right: u64,
    /// Interrupts that the guests took beyond those that they were given, the warm-up's among them. None, but for an
    /// emulator that delivers one twice: see `kernel/docs/hierarchy.md`.
    pub surplus: u64,
}

/// Measures `exchanges` between two guests on `cpu`, or between one and its VMM, while `probe` looks on.
///
/// # Errors
///
/// [`Why`] there was nothing to measure, or which guest was stopped for what.
pub fn measure<P: Probe>(
    cpu: &'static Cpu,
    route: Route,
    kind: Kind,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<Ran<P>, Why> {
    sched::run_on(cpu, move || {
        let mut pair = Pair::new(cpu, route, kind)?;
        let hand_over = match route {
            Route::Call => call::<P>,
            Route::WakeUp(Interrupt::Injected) => injected::<P>,
            Route::WakeUp(Interrupt::Virtual) => pending::<P>,
            Route::RoundTrip => round_trip::<P>,
        };
        let measured =
            measure_block(&mut pair, Pair::counts, hand_over, warm_up + SETTLING, exchanges, &mut probe);
        let vmruns = pair.entries() - pair.entries_before;
        if measured.wrong.is_none() {
            // The asking guest has its last number, but has not looked at it.
            let exit = pair.guests[0].enter(&mut pair.host);
            if let Exit::Stopped(_) = exit {
                pair.end(exit, warm_up + SETTLING + exchanges);
            }
        }
        let (right, surplus) = (measured.counts.handoffs, pair.surplus());
        match pair.stopped {
            Some(Stop::WrongNumber { expected, found }) => Ok(Ran {
                measured: Measured { wrong: Some(Wrong { expected, found }), ..measured },
                probe,
                vmruns,
                right,
                surplus,
            }),
            Some(stop) => Err(Why::Stopped(stop)),
            None => Ok(Ran { measured, probe, vmruns, right, surplus }),
        }
    })?
}

/// What takes part.
struct Pair {
    host: Host,
    /// The one that asks, and the one that answers.
    guests: [Vcpu; 2],
    cpu: &'static Cpu,
    route: Route,
    /// How often both were entered when the block began.
    entries_before: u64,
    stopped: Option<Stop>,
}

impl Pair {
    fn new(cpu: &'static Cpu, route: Route, kind: Kind) -> Result<Self, Why> {
        let mut host = kind.begin()?;
        let images = route.images();
        let guest = |image: &Image| Vcpu::new_with(&host, image, kind.paging, kind.fpu);
        let mut guests = [guest(&images[0])?, guest(&images[1])?];
        if let Route::WakeUp(_) = route {
            // It halts before anything is asked.
            match guests[1].enter(&mut host) {
                Exit::Halted => {}
                Exit::Stopped(stop) => return Err(Why::Stopped(stop)),
                Exit::Sent(number) | Exit::Posted(number) => {
                    return Err(Why::Stopped(Stop::WrongNumber { expected: NO_NUMBER, found: number }));
                }
            }
        }
        Ok(Self { host, guests, cpu, route, entries_before: 0, stopped: None })
    }

    /// What the guests have counted themselves: each number that was right, in R12. The asking guest has not looked
    /// at its last one, before the block and behind it.
    fn counts(&self) -> Counts {
        let [asking, answering] = self.guests.each_ref().map(|guest| guest.registers().r12);
        let handoffs = match self.route {
            Route::Call | Route::WakeUp(_) => asking + answering,
            Route::RoundTrip => 2 * asking,
        };
        Counts { handoffs, ..snapshot(&[self.cpu, self.cpu]) }
    }

    /// Interrupts that were taken, in R14 of guests that take some, beyond those that were given.
    fn surplus(&self) -> u64 {
        let Route::WakeUp(_) = self.route else { return 0 };
        self.guests.iter().map(|guest| guest.registers().r14.saturating_sub(guest.wake_ups())).sum()
    }

    fn entries(&self) -> u64 {
        self.guests.iter().map(Vcpu::entries).sum()
    }

    /// What is told where a guest did not do what is due.
    #[cold]
    fn end(&mut self, exit: Exit, number: u64) -> Option<Wrong> {
        let (stop, found) = match exit {
            Exit::Stopped(stop) => (stop, NO_NUMBER),
            Exit::Sent(found) | Exit::Posted(found) => (Stop::WrongNumber { expected: number, found }, found),
            Exit::Halted => (Stop::WrongNumber { expected: number, found: NO_NUMBER }, NO_NUMBER),
        };
        self.stopped = Some(stop);
        Some(Wrong { expected: number, found })
    }
}

/// Enters a guest and wants this exit of it.
macro_rules! enter {
    ($pair:ident, $guest:expr, $exit:pat => $value:expr, $number:expr) => {
        match $pair.guests[$guest].enter(&mut $pair.host) {
            $exit => $value,
            other => return $pair.end(other, $number),
        }
    };
}

#[inline(never)]
fn call<P: Probe>(pair: &mut Pair, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    pair.entries_before = pair.entries();
    for number in from..to {
        P::before_handoff();
        let asked = enter!(pair, 0, Exit::Sent(asked) => asked, number);
        pair.guests[1].deliver(P::sent(asked));
        P::before_handoff();
        let answered = enter!(pair, 1, Exit::Sent(answered) => answered, number);
        pair.guests[0].deliver(P::sent(answered));
        probe.exchange();
    }
    None
}

#[inline(never)]
fn injected<P: Probe>(pair: &mut Pair, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    wake_up(Interrupt::Injected, pair, from, to, probe)
}

#[inline(never)]
fn pending<P: Probe>(pair: &mut Pair, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    wake_up(Interrupt::Virtual, pair, from, to, probe)
}

#[inline(always)]
fn wake_up<P: Probe>(
    interrupt: Interrupt,
    pair: &mut Pair,
    from: u64,
    to: u64,
    probe: &mut P,
) -> Option<Wrong> {
    pair.entries_before = pair.entries();
    for number in from..to {
        P::before_handoff();
        let asked = enter!(pair, 0, Exit::Posted(asked) => asked, number);
        enter!(pair, 0, Exit::Halted => (), number);
        pair.guests[1].deliver(P::sent(asked));
        if pair.guests[1].wake(interrupt).is_err() {
            return pair.end(Exit::Halted, number);
        }
        P::before_handoff();
        let answered = enter!(pair, 1, Exit::Posted(answered) => answered, number);
        enter!(pair, 1, Exit::Halted => (), number);
        pair.guests[0].deliver(P::sent(answered));
        if pair.guests[0].wake(interrupt).is_err() {
            return pair.end(Exit::Halted, number);
        }
        probe.exchange();
    }
    None
}

#[inline(never)]
fn round_trip<P: Probe>(pair: &mut Pair, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    pair.entries_before = pair.entries();
    for number in from..to {
        P::before_handoff();
        let asked = enter!(pair, 0, Exit::Sent(asked) => asked, number);
        pair.guests[0].deliver(P::sent(asked));
        probe.exchange();
    }
    None
}
