//! Two guests on two CPUs, each under a VMM of its own, which is a task: a guest that sends and waits leaves its VMM
//! to hand the number over by a channel, and to halt.

use alloc::boxed::Box;

use spin::Once;
use switchlab_core::svm::Stop;

use super::{Exit, Host, Image, Kind, Ran, Vcpu, Why, image};
use crate::{
    experiments::{
        exchange::{Measured, NO_NUMBER, SETTLING, Wrong, measure_block, snapshot},
        probe::Probe,
    },
    lock::Lock,
    sched::{self, Channel, Cpu, Receiver, Sender},
};

/// What both VMMs work on. Lives for ever, as channels do.
struct Table<P> {
    there: Channel,
    back: Channel,
    cpus: [&'static Cpu; 2],
    kind: Kind,
    /// What became of the answering guest, where it was stopped, or never began.
    answering: Once<Why>,
    result: Lock<Option<Result<Ran<P>, Why>>>,
}

/// Measures `exchanges` between a guest on each of two CPUs, while `probe` looks on.
///
/// # Errors
///
/// [`Why`] there was nothing to measure, or which guest was stopped for what.
pub fn measure<P: Probe>(
    cpus: [&'static Cpu; 2],
    kind: Kind,
    warm_up: u64,
    exchanges: u64,
    probe: P,
) -> Result<Ran<P>, Why> {
    let table: &'static Table<P> = Box::leak(Box::new(Table {
        there: Channel::new(),
        back: Channel::new(),
        cpus,
        kind,
        answering: Once::new(),
        result: Lock::new(None),
    }));
    let answering = sched::spawn_on(cpus[1], move || answer(table))?;
    let asking = sched::spawn_on(cpus[0], move || {
        let ran = ask(table, warm_up + SETTLING, exchanges, probe);
        *table.result.lock() = Some(ran);
    })?;
    asking.join();
    answering.join();
    let result = table.result.lock().take();
    result.expect("the asking task leaves its result")
}

/// A guest under a VMM.
struct Side {
    host: Host,
    guest: Vcpu,
}

impl Side {
    fn new(image: &Image, kind: Kind) -> Result<Self, Why> {
        let host = kind.begin()?;
        let guest = Vcpu::new_with(&host, image, kind.paging, kind.fpu)?;
        Ok(Self { host, guest })
    }

    /// What the guest sends when it is entered.
    #[inline(always)]
    fn enter(&mut self) -> Result<u64, Stop> {
        match self.guest.enter(&mut self.host) {
            Exit::Sent(number) => Ok(number),
            Exit::Stopped(stop) => Err(stop),
            Exit::Posted(number) => Err(Stop::WrongNumber { expected: NO_NUMBER, found: number }),
            Exit::Halted => Err(Stop::WrongNumber { expected: NO_NUMBER, found: NO_NUMBER }),
        }
    }
}

/// The asking side, while it measures.
struct Asking<'a> {
    side: Side,
    there: &'a Sender,
    back: &'a Receiver,
    entries_before: u64,
    stopped: Option<Stop>,
}

/// Asks, and measures. Then ends the other side.
fn ask<P: Probe>(
    table: &'static Table<P>,
    warm_up: u64,
    exchanges: u64,
    mut probe: P,
) -> Result<Ran<P>, Why> {
    let (there, back) = (table.there.sender(), table.back.receiver());
    // The other waits: from now on each message has its wake-up.
    back.recv();
    if let Some(&why) = table.answering.get() {
        return Err(why);
    }
    let side = match Side::new(&image::asking(), table.kind) {
        Ok(side) => side,
        Err(why) => {
            there.send(NO_NUMBER);
            return Err(why);
        }
    };
    let mut asking = Asking { side, there: &there, back: &back, entries_before: 0, stopped: None };
    let counts = |_: &Asking<'_>| snapshot(&table.cpus);
    let measured = measure_block(&mut asking, counts, hand_over, warm_up, exchanges, &mut probe);
    // Each exchange enters the guest on this side, and that on the other.
    let vmruns = 2 * (asking.side.guest.entries() - asking.entries_before);
    if measured.wrong.is_none() {
        asking.stopped = asking.side.enter().err();
    }
    if table.answering.get().is_none() {
        there.send(NO_NUMBER);
    }
    let stopped = asking.stopped.map(Why::Stopped).or(table.answering.get().copied());
    match stopped {
        Some(Why::Stopped(Stop::WrongNumber { expected, found })) => Ok(Ran {
            measured: Measured { wrong: Some(Wrong { expected, found }), ..measured },
            probe,
            vmruns,
            surplus: 0,
        }),
        Some(why) => Err(why),
        None => Ok(Ran { measured, probe, vmruns, surplus: 0 }),
    }
}

#[inline(never)]
fn hand_over<P: Probe>(asking: &mut Asking<'_>, from: u64, to: u64, probe: &mut P) -> Option<Wrong> {
    asking.entries_before = asking.side.guest.entries();
    for number in from..to {
        P::before_handoff();
        let asked = match asking.side.enter() {
            Ok(asked) => asked,
            Err(stop) => {
                asking.stopped = Some(stop);
                return Some(Wrong { expected: number, found: NO_NUMBER });
            }
        };
        asking.there.send(P::sent(asked));
        let answered = asking.back.recv();
        if answered == NO_NUMBER {
            return Some(Wrong { expected: number, found: NO_NUMBER });
        }
        asking.side.guest.deliver(answered);
        probe.exchange();
    }
    None
}

/// The answering side: enters its guest with each number that comes, until told to stop.
fn answer<P: Probe>(table: &'static Table<P>) {
    let (there, back) = (table.there.receiver(), table.back.sender());
    let mut side = match Side::new(&image::answering(), table.kind) {
        Ok(side) => side,
        Err(why) => {
            table.answering.call_once(|| why);
            back.send(NO_NUMBER);
            return;
        }
    };
    back.send(NO_NUMBER);
    loop {
        let asked = there.recv();
        if asked == NO_NUMBER {
            return;
        }
        side.guest.deliver(asked);
        P::before_handoff();
        match side.enter() {
            Ok(answered) => back.send(P::sent(answered)),
            Err(stop) => {
                table.answering.call_once(|| Why::Stopped(stop));
                back.send(NO_NUMBER);
                return;
            }
        }
    }
}
