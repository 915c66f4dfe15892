//! A token that goes around CPUs, over channels: from each to the next, and from the last to the first.
//! Points: the number of CPUs, from 2 to all.
//!
//! Hop h carries the number h, and each CPU holds it against the one that is due there. The first CPU
//! times whole rounds. All others wait, halted: so whatever the number of CPUs, one hop is one handoff
//! between two, and what grows with their number is what the machine adds.

use alloc::{boxed::Box, vec::Vec};
use core::{cell::RefCell, marker::PhantomData};

use switchlab_core::{params::Params, sizes::doubling};
use switchlab_records::{Counts, Point};

use super::{
    Experiment, Results,
    points::{self, Means, Place, Team, need_two_cpus},
};
use crate::{
    bring_up::Lab,
    failure,
    lock::Lock,
    measure::{
        Measured, NO_NUMBER, Noted, SETTLING, Wrong, counted_on, measure_block,
        probe::{Batch, Probe},
    },
    mm::StackError,
    sched::{self, Channel, Cpu, JoinHandle, Receiver, Sender},
};

const NAME: &str = "ring";
const SERIES: &str = "token";

/// The experiment. `H` looks on in the rounds: [`Batch`], or what a test plants there.
pub struct Ring<H = Batch>(PhantomData<fn() -> H>);

impl<H> Ring<H> {
    /// The experiment.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H> Default for Ring<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Probe + Default> Experiment for Ring<H> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        need_two_cpus(NAME, lab);
        points::measure_sizes::<Token<H>>(parameters, doubling(2, lab.cpus).collect())
    }
}

impl<H: Probe + Default> Team for Token<H> {
    const NAME: &'static str = NAME;
    const SERIES: &'static str = SERIES;

    fn start(cpus: Vec<&'static Cpu>) -> Result<Self, StackError> {
        Self::start(cpus)
    }

    fn measure_point(&self, place: Place, parameters: &Params, means: &mut Means) {
        let hops = u64::from(place.size);
        let rounds = points::rounds(parameters.exchanges, hops);
        let warm_up = points::rounds(parameters.warm_up, hops);
        let measured = self.measure(place.size as usize, warm_up, rounds, &mut H::default());
        judge(place, rounds, &measured, means);
    }

    fn stop(self) {
        self.stop();
    }
}

fn judge(Place { run, position, size }: Place, rounds: u64, measured: &Measured, means: &mut Means) {
    let hops = u64::from(size) * rounds;
    let counts = measured.counts;
    let point = Point {
        run,
        position,
        series: SERIES.into(),
        at: points::named([("cpus", size.into())]),
        handoffs: hops,
        ticks: measured.ticks,
        counts,
        // Who waits halts in place.
        expected: Counts {
            handoffs: hops,
            switches: 0,
            ipis_sent: hops,
            ipis_taken: hops,
            halts: counts.halts,
        },
        also: points::named([("rounds", rounds)]),
    };
    means.add(&point);
    points::judge(point);
    if let Some(wrong) = measured.wrong {
        let place = (wrong.expected + 1) % u64::from(size);
        failure!("run {run}, {SERIES} around {size} CPUs: at place {place} of the ring: {wrong}");
    }
}

/// Sent before the first number: who gets it looks at [`Shared::lap`] and passes it on.
const SET_UP: u64 = NO_NUMBER - 1;
/// Sent behind the last number of the last point.
const STOP: u64 = NO_NUMBER - 2;

/// The tasks that pass a token on, one on each CPU but the first, whose owner is on the first. They serve
/// for as many points as there are. While they wait for the token, they are halted.
pub struct Token<P> {
    shared: &'static Shared,
    next: Sender,
    /// From whom closes a ring, by places from 1 on; made when its ring is first closed.
    back: RefCell<Vec<Option<Receiver>>>,
    members: Vec<JoinHandle>,
    probe: PhantomData<fn() -> P>,
}

/// What all of them see. Lives for ever, as channels do.
struct Shared {
    /// In the order in which the token goes around.
    cpus: Vec<&'static Cpu>,
    /// From each CPU to the next.
    forward: Vec<Channel>,
    /// From each but the first to the first: whoever is the last of a ring closes it.
    closing: Vec<Channel>,
    /// Where the token goes around. Changed while nobody has it.
    lap: Lock<Lap>,
    /// What a member found instead of what was due.
    wrong: Noted,
}

#[derive(Clone, Copy)]
struct Lap {
    /// CPUs that take part.
    cpus: usize,
}

impl<P: Probe> Token<P> {
    /// Starts the tasks, and waits until all have started: also who takes no part in the first point would else
    /// take locks in its time. By a task on the first of `cpus`, which are two or more.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    pub fn start(cpus: Vec<&'static Cpu>) -> Result<Self, StackError> {
        let channels = || cpus.iter().skip(1).map(|_| Channel::new()).collect();
        let (forward, closing) = (channels(), channels());
        let lap = Lock::new(Lap { cpus: cpus.len() });
        let shared: &'static Shared =
            Box::leak(Box::new(Shared { cpus, forward, closing, lap, wrong: Noted::new() }));
        let members = (1..shared.cpus.len())
            .map(|place| sched::spawn_on(shared.cpus[place], move || serve::<P>(shared, place)))
            .collect::<Result<_, _>>()?;
        let back = RefCell::new(shared.closing.iter().map(|_| None).collect());
        let started = Self { shared, next: shared.forward[0].sender(), back, members, probe: PhantomData };
        started.with_ring_of(shared.cpus.len(), |_| ());
        Ok(started)
    }

    /// Measures `rounds` around the first `cpus` CPUs, while `probe` looks on. By the task that started it.
    ///
    /// The counters are read while the first CPU has the token, so while all others wait in `recv`: what
    /// each counted for its last hop, it counted before the token came here. So they stand still, but for
    /// the last CPU's halt.
    pub fn measure(&self, cpus: usize, warm_up: u64, rounds: u64, probe: &mut P) -> Measured {
        let hops = cpus as u64;
        let mut measured = self.with_ring_of(cpus, |back| {
            measure_block(
                &mut (),
                |()| counted_on(&self.shared.cpus[..cpus]),
                |(), from, to, probe| go_round(&self.next, back, from * hops, to * hops, hops, probe),
                warm_up + SETTLING,
                rounds,
                probe,
            )
        });
        measured.wrong = self.shared.wrong.or(measured.wrong);
        measured
    }

    /// Closes the ring behind the first `cpus` CPUs, and shows `measure` where the token comes back. Nothing is
    /// made but at the first time of each ring.
    fn with_ring_of<T>(&self, cpus: usize, measure: impl FnOnce(&Receiver) -> T) -> T {
        let mut back = self.back.borrow_mut();
        let back = &mut back[cpus - 2];
        if let Some(back) = back {
            back.take_line();
        }
        let back = back.get_or_insert_with(|| self.shared.closing[cpus - 2].receiver());
        *self.shared.lap.lock() = Lap { cpus };
        self.next.send(SET_UP);
        back.recv();
        let measured = measure(back);
        // All rings end at this CPU, which has one line.
        back.leave_line();
        measured
    }

    /// Ends the tasks.
    pub fn stop(self) {
        self.next.send(STOP);
        self.members.into_iter().for_each(JoinHandle::join);
    }
}

/// The timed block, on the first CPU: the hops `from..to` of rounds of `hops`, up to the first wrong
/// number.
#[inline(never)]
fn go_round<P: Probe>(
    next: &Sender,
    back: &Receiver,
    from: u64,
    to: u64,
    hops: u64,
    probe: &mut P,
) -> Option<Wrong> {
    let mut number = from;
    while number != to {
        P::before_handoff();
        next.send(P::sent(number));
        number += hops;
        let found = back.recv();
        if found != number - 1 {
            return Some(Wrong { expected: number - 1, found });
        }
        probe.exchange();
    }
    None
}

/// A member's life, at `place` in the ring: takes part in one point after the other.
fn serve<P: Probe>(shared: &'static Shared, place: usize) {
    let previous = shared.forward[place - 1].receiver();
    let forward = shared.forward.get(place).map(Channel::sender);
    let closing = shared.closing[place - 1].sender();
    let mut message = previous.recv();
    while message == SET_UP {
        let lap = *shared.lap.lock();
        let next = forward.as_ref().filter(|_| place + 1 != lap.cpus).unwrap_or(&closing);
        message = take_part::<P>(shared, place, &previous, next, lap);
    }
    if let Some(forward) = forward {
        forward.send(message);
    }
}

/// One point: passes numbers on, and whatever follows a wrong one. Returns the message that ends it.
fn take_part<P: Probe>(
    shared: &'static Shared,
    place: usize,
    previous: &Receiver,
    next: &Sender,
    lap: Lap,
) -> u64 {
    next.send(SET_UP);
    let mut due = place as u64 - 1;
    loop {
        match pass_on::<P>(previous, next, &mut due, lap.cpus as u64) {
            message @ (SET_UP | STOP) => return message,
            NO_NUMBER => {}
            found => shared.wrong.note(Wrong { expected: due, found }),
        }
        next.send(NO_NUMBER);
    }
}

/// A member's loop: checks each number and sends the next one on. Returns what is not the number due.
#[inline(never)]
fn pass_on<P: Probe>(previous: &Receiver, next: &Sender, due: &mut u64, hops: u64) -> u64 {
    let mut expected = *due;
    let found = loop {
        let found = previous.recv();
        if found != expected {
            break found;
        }
        P::before_handoff();
        next.send(P::sent(expected + 1));
        expected += hops;
    };
    *due = expected;
    found
}
