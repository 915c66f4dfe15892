//! Two guests on two CPUs, each under a VMM of its own, which is a task: a guest that sends and waits leaves its VMM
//! to hand the number over by a channel, and to halt.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::Once;
use switchlab_core::svm::Stop;

use super::{Exit, Host, Image, Kind, Ran, Route, Vcpu, Why};
use crate::{
    lock::Lock,
    measure::{Measured, NO_NUMBER, SETTLING, Wrong, measure_block, probe::Probe, snapshot},
    sched::{self, Channel, Cpu, Receiver, Sender},
};

/// What both VMMs work on. Lives for ever, as channels do.
struct Table<P> {
    there: Channel,
    back: Channel,
    cpus: [&'static Cpu; 2],
    route: Route,
    kind: Kind,
    /// What became of the answering guest, where it was stopped, or never began.
    answering: Once<Why>,
    answered: Answered,
    result: Lock<Option<Result<Ran<P>, Why>>>,
}

/// What the answering guest did from its first number to its last. Read when its task has been joined.
#[derive(Default)]
struct Answered {
    /// How often it was entered.
    entries: AtomicU64,
    /// Numbers that it found right, by its own count.
    right: AtomicU64,
    /// Interrupts that it took beyond those that it was given.
    surplus: AtomicU64,
}

/// Measures `exchanges` between a guest on each of two CPUs, while `probe` looks on.
///
/// # Errors
///
/// [`Why`] there was nothing to measure, or which guest was stopped for what.
pub fn measure<P: Probe>(
    cpus: [&'static Cpu; 2],
    route: Route,
    kind: Kind,
    warm_up: u64,
    exchanges: u64,
    probe: P,
) -> Result<Ran<P>, Why> {
    let table: &'static Table<P> = Box::leak(Box::new(Table {
        there: Channel::new(),
        back: Channel::new(),
        cpus,
        route,
        kind,
        answering: Once::new(),
        answered: Answered::default(),
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
    let ran = result.expect("the asking task leaves its result")?;
    // Nothing tells the answering side where the block begins: what is not the warm-up's is the block's.
    let Answered { entries, right, surplus } = &table.answered;
    let warmed_up = warm_up + SETTLING;
    let entries = entries.load(Relaxed).saturating_sub(route.vmruns_of_exchange() / 2 * warmed_up);
    Ok(Ran {
        vmruns: ran.vmruns + entries,
        right: ran.right + right.load(Relaxed).saturating_sub(warmed_up),
        surplus: ran.surplus + surplus.load(Relaxed),
        ..ran
    })
}

/// A guest under a VMM.
struct Side {
    host: Host,
    guest: Vcpu,
    route: Route,
}

impl Side {
    fn new(image: &Image, route: Route, kind: Kind) -> Result<Self, Why> {
        let host = kind.begin()?;
        let guest = Vcpu::new_with(&host, image, kind.paging, kind.fpu)?;
        Ok(Self { host, guest, route })
    }

    /// What the guest sends when it is entered, until it waits again.
    #[inline(always)]
    fn enter(&mut self) -> Result<u64, Stop> {
        let first = self.guest.enter(&mut self.host);
        match (self.route, first) {
            (Route::Call | Route::RoundTrip, Exit::Sent(number)) => Ok(number),
            (Route::WakeUp(_), Exit::Posted(number)) => {
                self.wait()?;
                Ok(number)
            }
            (_, exit) => Err(not_due(exit)),
        }
    }

    /// Lets a guest that is woken by an interrupt run until it halts.
    #[inline(always)]
    fn wait(&mut self) -> Result<(), Stop> {
        match self.guest.enter(&mut self.host) {
            Exit::Halted => Ok(()),
            exit => Err(not_due(exit)),
        }
    }

    /// Gives the guest, which waits, a number.
    #[inline(always)]
    fn deliver(&mut self, number: u64) -> Result<(), Stop> {
        self.guest.deliver(number);
        match self.route {
            Route::Call | Route::RoundTrip => Ok(()),
            Route::WakeUp(interrupt) => self.guest.wake(interrupt).map_err(|_| not_due(Exit::Halted)),
        }
    }

    /// Interrupts that the guest took beyond those that it was given.
    fn surplus(&self) -> u64 {
        match self.route {
            Route::Call | Route::RoundTrip => 0,
            Route::WakeUp(_) => self.guest.registers().r14.saturating_sub(self.guest.wake_ups()),
        }
    }
}

/// What is told where a guest did not do what is due.
#[cold]
fn not_due(exit: Exit) -> Stop {
    match exit {
        Exit::Stopped(stop) => stop,
        Exit::Sent(number) | Exit::Posted(number) => Stop::WrongNumber { expected: NO_NUMBER, found: number },
        Exit::Halted => Stop::WrongNumber { expected: NO_NUMBER, found: NO_NUMBER },
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
    let side = match Side::new(&table.route.images()[0], table.route, table.kind) {
        Ok(side) => side,
        Err(why) => {
            there.send(NO_NUMBER);
            return Err(why);
        }
    };
    let mut asking = Asking { side, there: &there, back: &back, entries_before: 0, stopped: None };
    let counts = |_: &Asking<'_>| snapshot(&table.cpus);
    let measured = measure_block(&mut asking, counts, hand_over, warm_up, exchanges, &mut probe);
    let vmruns = asking.side.guest.entries() - asking.entries_before;
    if measured.wrong.is_none() {
        asking.stopped = asking.side.enter().err();
    }
    // It has looked at its last number.
    let right = asking.side.guest.registers().r12.saturating_sub(warm_up);
    let surplus = asking.side.surplus();
    // Only now may the other side end, which gives back what its guest was made of.
    there.send(NO_NUMBER);
    let stopped = asking.stopped.map(Why::Stopped).or(table.answering.get().copied());
    match stopped {
        Some(Why::Stopped(Stop::WrongNumber { expected, found })) => Ok(Ran {
            measured: Measured { wrong: Some(Wrong { expected, found }), ..measured },
            probe,
            vmruns,
            right,
            surplus,
        }),
        Some(why) => Err(why),
        None => Ok(Ran { measured, probe, vmruns, right, surplus }),
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
        if let Err(stop) = asking.side.deliver(answered) {
            asking.stopped = Some(stop);
            return Some(Wrong { expected: number, found: NO_NUMBER });
        }
        probe.exchange();
    }
    None
}

/// The answering side: enters its guest with each number that comes, until told to stop.
fn answer<P: Probe>(table: &'static Table<P>) {
    let (there, back) = (table.there.receiver(), table.back.sender());
    let side = Side::new(&table.route.images()[1], table.route, table.kind).and_then(|mut side| {
        if let Route::WakeUp(_) = table.route {
            // It halts before anything is asked.
            side.wait().map_err(Why::Stopped)?;
        }
        Ok(side)
    });
    let mut side = match side {
        Ok(side) => side,
        Err(why) => {
            table.answering.call_once(|| why);
            back.send(NO_NUMBER);
            return;
        }
    };
    back.send(NO_NUMBER);
    let entries_before = side.guest.entries();
    match answer_numbers::<P>(&mut side, &there, &back) {
        Ok(()) => {
            // A guest that calls counts a number when it is entered with the next.
            let uncounted = u64::from(table.route == Route::Call);
            table.answered.entries.store(side.guest.entries() - entries_before, Relaxed);
            table.answered.right.store(side.guest.registers().r12 + uncounted, Relaxed);
            table.answered.surplus.store(side.surplus(), Relaxed);
        }
        Err(stop) => {
            table.answering.call_once(|| Why::Stopped(stop));
            back.send(NO_NUMBER);
            // The block is not over yet.
            there.recv();
        }
    }
}

/// Until told to stop, or until the guest is.
#[inline(never)]
fn answer_numbers<P: Probe>(side: &mut Side, there: &Receiver, back: &Sender) -> Result<(), Stop> {
    loop {
        let asked = there.recv();
        if asked == NO_NUMBER {
            return Ok(());
        }
        P::before_handoff();
        side.deliver(asked)?;
        let answered = side.enter()?;
        back.send(P::sent(answered));
    }
}
