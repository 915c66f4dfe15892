//! One producer, and k consumers on k other CPUs: in each round the producer sends its number to each of
//! them, and then waits for all their answers. Points: the number of consumers, from 1 to all other CPUs.
//!
//! Each consumer checks the numbers, the producer the answers. Consumers answer when they like, so their
//! IPIs to the producer may meet there: a local APIC has one pending bit for a vector, and two IPIs that
//! find it set are taken as one. So of what the producer takes only bounds are prescribed; all else is
//! exact.

use alloc::{boxed::Box, vec::Vec};
use core::{
    cell::Cell,
    hint,
    marker::PhantomData,
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use switchlab_core::{params::Params, sizes::doubling};
use switchlab_records::{Counts, Point};

use super::{
    Experiment, Results,
    points::{self, Means, Place, Team, need_two_cpus},
};
use crate::{
    bring_up::Lab,
    failure,
    measure::{
        Measured, NO_NUMBER, SETTLING, Wrong, counted_on,
        exchange::{self, Ends},
        measure_block,
        probe::{Batch, Probe},
    },
    mm::StackError,
    sched::{self, Channel, Cpu, JoinHandle, Receiver, Sender, Task},
};

const NAME: &str = "fan";
const SERIES: &str = "fan";

/// The experiment. `H` looks on in the rounds: [`Batch`], or what a test plants there.
pub struct Fan<H = Batch>(PhantomData<fn() -> H>);

impl<H> Fan<H> {
    /// The experiment.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<H> Default for Fan<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: Probe + Default> Experiment for Fan<H> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn run(&self, parameters: &Params, lab: &Lab) -> Box<dyn Results> {
        need_two_cpus(NAME, lab);
        points::measure_sizes::<Consumers<H>>(parameters, doubling(1, lab.cpus - 1).collect())
    }
}

impl<H: Probe + Default> Team for Consumers<H> {
    const NAME: &'static str = NAME;
    const SERIES: &'static str = SERIES;

    fn start(cpus: Vec<&'static Cpu>) -> Result<Self, StackError> {
        Self::start(cpus)
    }

    fn measure_point(&self, place: Place, parameters: &Params, means: &mut Means) {
        let handoffs = 2 * u64::from(place.size);
        let rounds = points::rounds(parameters.exchanges, handoffs);
        let warm_up = points::rounds(parameters.warm_up, handoffs);
        let fanned = self.measure(place.size as usize, warm_up, rounds, &mut H::default());
        judge(place, rounds, &fanned, means);
    }

    fn stop(self) {
        self.stop();
    }
}

fn judge(Place { run, position, size }: Place, rounds: u64, fanned: &Fanned, means: &mut Means) {
    let messages = u64::from(size) * rounds;
    let counts = fanned.measured.counts;
    let producer_took = counts.ipis_taken.saturating_sub(fanned.consumers_took);
    let prescribed = Counts { handoffs: 2 * messages, switches: 0, ipis_sent: 2 * messages, ..counts };
    let point = Point {
        run,
        position,
        series: SERIES.into(),
        at: points::named([("consumers", size.into())]),
        handoffs: 2 * messages,
        ticks: fanned.measured.ticks,
        counts,
        expected: if size == 1 { Counts { ipis_taken: 2 * messages, ..prescribed } } else { prescribed },
        also: points::named([
            ("rounds", rounds),
            ("producer-took", producer_took),
            ("merged", counts.ipis_sent.saturating_sub(counts.ipis_taken)),
        ]),
    };
    means.add(&point);
    points::judge(point);
    let place = format_args!("run {run}, {SERIES} of {size} consumers");
    if let Some((consumer, wrong)) = fanned.wrong {
        match consumer {
            Some(number) => failure!("{place}: consumer {number}: {wrong}"),
            None => failure!("{place}: producer: {wrong}"),
        }
    }
    if fanned.consumers_took != messages {
        failure!("{place}: IPIs that consumers took: expected {messages}, found {}", fanned.consumers_took);
    }
    // One at least in each round, since who sees a message goes on only behind an IPI; none twice.
    if !(rounds..=messages).contains(&producer_took) {
        failure!(
            "{place}: IPIs that the producer took: expected {rounds} to {messages}, found {producer_took}"
        );
    }
}

/// What a point gave.
#[derive(Clone, Copy, Debug)]
pub struct Fanned {
    /// As of any block.
    pub measured: Measured,
    /// IPIs that the consumers took.
    pub consumers_took: u64,
    /// The first number that was not the one due, and the consumer that got it; `None`, the producer.
    pub wrong: Option<(Option<u64>, Wrong)>,
}

/// Sent before the first number of a point. Answered by itself.
const SET_UP: u64 = NO_NUMBER - 1;
/// Asks a consumer to say that it is at rest. Not answered.
const REST: u64 = NO_NUMBER - 2;
/// Sent behind the last number of the last point.
const STOP: u64 = NO_NUMBER - 3;

/// The consumers, one task on each CPU but the first, whose owner, the producer, is on the first. They serve
/// for as many points as there are. While they wait for a number, they are halted.
pub struct Consumers<P> {
    shared: &'static Shared,
    numbers: Vec<Sender>,
    answers: Vec<Receiver>,
    members: Vec<JoinHandle>,
    probe: PhantomData<fn() -> P>,
}

/// What all of them see. Lives for ever, as channels do.
struct Shared {
    /// The producer's, then the consumers'.
    cpus: Vec<&'static Cpu>,
    producer: &'static Task,
    /// To each consumer.
    numbers: Vec<Channel>,
    /// From each consumer.
    answers: Vec<Channel>,
    /// How many consumers take part.
    size: AtomicU64,
    /// How many of them are at rest.
    at_rest: AtomicU64,
    /// The last of them has said so, and sends nothing any more.
    all_at_rest: AtomicBool,
    /// What a consumer found instead of what was due, and which one.
    wrong: [AtomicU64; 3],
}

impl<P: Probe> Consumers<P> {
    /// Starts the consumers, and waits until all have started: also who takes no part in the first point would
    /// else take locks in its time. By the producer, a task on the first of `cpus`, which are two or more.
    ///
    /// # Errors
    ///
    /// [`StackError`] where there is no stack for one of them.
    pub fn start(cpus: Vec<&'static Cpu>) -> Result<Self, StackError> {
        let channels = || cpus.iter().skip(1).map(|_| Channel::new()).collect::<Vec<_>>();
        let shared: &'static Shared = Box::leak(Box::new(Shared {
            producer: Cpu::current(),
            numbers: channels(),
            answers: channels(),
            size: AtomicU64::new(0),
            at_rest: AtomicU64::new(0),
            all_at_rest: AtomicBool::new(false),
            wrong: [const { AtomicU64::new(0) }; 3],
            cpus,
        }));
        let members = (0..shared.numbers.len())
            .map(|place| sched::spawn_on(shared.cpus[place + 1], move || consume::<P>(shared, place)))
            .collect::<Result<_, _>>()?;
        let started = Self {
            shared,
            numbers: shared.numbers.iter().map(Channel::sender).collect(),
            answers: shared.answers.iter().map(Channel::receiver).collect(),
            members,
            probe: PhantomData,
        };
        started.set_up(shared.numbers.len());
        Ok(started)
    }

    /// Measures `rounds` with the first `size` consumers, while `probe` looks on. By the producer.
    pub fn measure(&self, size: usize, warm_up: u64, rounds: u64, probe: &mut P) -> Fanned {
        let (numbers, answers) = (&self.numbers[..size], &self.answers[..size]);
        self.shared.size.store(size as u64, Relaxed);
        self.set_up(size);
        let mut rests = Rests { shared: self.shared, numbers, so_far: Cell::new(0), took: Cell::default() };
        let measured = measure_block(
            &mut rests,
            Rests::counts,
            |_, from, to, probe| go_round(numbers, answers, from, to, probe),
            warm_up + SETTLING,
            rounds,
            probe,
        );
        let [before, after] = rests.took.get();
        Fanned {
            measured,
            consumers_took: after - before,
            wrong: measured.wrong.map(|wrong| self.whose(wrong)),
        }
    }

    /// Lets the first `size` consumers begin with number 0.
    fn set_up(&self, size: usize) {
        for (number, answer) in self.numbers.iter().zip(&self.answers).take(size) {
            number.send(SET_UP);
            answer.recv();
        }
    }

    /// Who found `wrong`, and what it was: a consumer answers a wrong number with no number.
    fn whose(&self, wrong: Wrong) -> (Option<u64>, Wrong) {
        if wrong.found != NO_NUMBER {
            return (None, wrong);
        }
        let [consumer, expected, found] = self.shared.wrong.each_ref().map(|value| value.load(Relaxed));
        (Some(consumer), Wrong { expected, found })
    }

    /// Ends the consumers.
    pub fn stop(self) {
        self.numbers.iter().for_each(|number| number.send(STOP));
        self.members.into_iter().for_each(JoinHandle::join);
    }
}

/// Reads the counters while they stand still.
///
/// The producer may go on with an answer before the IPI of that answer is there: behind that of another
/// one. So having all answers is not enough. It asks all to rest: each says so behind all that it has sent,
/// and the last wakes the producer, and then says that this is sent too. From here on nothing is on its way.
struct Rests<'a> {
    shared: &'static Shared,
    numbers: &'a [Sender],
    /// How often it has asked.
    so_far: Cell<u64>,
    /// IPIs that the consumers had taken at the last two times, without those that asked.
    took: Cell<[u64; 2]>,
}

impl Rests<'_> {
    /// What all CPUs that take part have counted, without what asking took: a message and its IPI to each
    /// consumer, and the IPI of the last. That one may meet an earlier one at the producer, which then counts
    /// as merged.
    fn counts(&self) -> Counts {
        self.wait();
        self.so_far.set(self.so_far.get() + 1);
        let size = self.numbers.len();
        let asked = self.so_far.get() * size as u64;
        let consumers = counted_on(&self.shared.cpus[1..=size]);
        self.took.set([self.took.get()[1], consumers.ipis_taken - asked]);
        let all = counted_on(&self.shared.cpus[..=size]);
        let ipis = asked + self.so_far.get();
        Counts {
            handoffs: all.handoffs - asked,
            ipis_sent: all.ipis_sent - ipis,
            ipis_taken: all.ipis_taken.wrapping_sub(ipis),
            ..all
        }
    }

    fn wait(&self) {
        self.numbers.iter().for_each(|number| number.send(REST));
        sched::block_current();
        // Not for long: all that is left of the last one's work is one store.
        while !self.shared.all_at_rest.swap(false, Acquire) {
            hint::spin_loop();
        }
        sched::take_arrived();
    }
}

/// The timed block, on the producer's CPU: rounds `from..to`, up to the first wrong number. Round n carries
/// n to each consumer, and back.
#[inline(never)]
fn go_round<P: Probe>(
    numbers: &[Sender],
    answers: &[Receiver],
    from: u64,
    to: u64,
    probe: &mut P,
) -> Option<Wrong> {
    let mut round = from;
    while round != to {
        for number in numbers {
            P::before_handoff();
            number.send(P::sent(round));
        }
        let mut wrong = None;
        for answer in answers {
            let found = answer.recv();
            if found != round {
                wrong = Some(Wrong { expected: round, found });
            }
        }
        // Behind all answers, so that none is left for the next point.
        if wrong.is_some() {
            return wrong;
        }
        probe.exchange();
        round += 1;
    }
    None
}

/// A consumer's life, at `place` among them.
fn consume<P: Probe>(shared: &'static Shared, place: usize) {
    let mut ends = Ends { to: shared.answers[place].sender(), from: shared.numbers[place].receiver() };
    let mut due = 0;
    loop {
        match answer::<P>(&mut ends, &mut due) {
            STOP => break,
            REST => say_at_rest(shared),
            SET_UP => {
                due = 0;
                ends.to.send(SET_UP);
            }
            found => {
                for (value, word) in shared.wrong.iter().zip([place as u64, due, found]) {
                    value.store(word, Relaxed);
                }
                ends.to.send(NO_NUMBER);
            }
        }
    }
}

/// Says that nothing of this consumer is on its way; the last one wakes the producer.
fn say_at_rest(shared: &Shared) {
    // Release and acquire: the last one comes behind all others.
    let before = shared.at_rest.fetch_add(1, AcqRel);
    if before + 1 == shared.size.load(Relaxed) {
        shared.at_rest.store(0, Relaxed);
        shared.producer.wake();
        // Release: pairs with the producer's swap. The IPI is sent.
        shared.all_at_rest.store(true, Release);
    }
}

/// A consumer's loop: checks each number and sends it back. Returns what is not the number due.
#[inline(never)]
fn answer<P: Probe>(ends: &mut Ends<Sender, Receiver>, due: &mut u64) -> u64 {
    exchange::answer::<_, P>(ends, due)
}
