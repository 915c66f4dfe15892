//! The loops: two sides that hand a number to and fro, each checking it, until enough are done or the time is
//! over. One loop for each side, generic over the way to wait and over what looks on.
//!
//! They are not [`exchange`](crate::measure::exchange)'s: each side may read the clock, and has to at the same place,
//! right behind the number's arrival, so that no way takes what the other does not.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use switchlab_records::Counts;

use super::{bystanders, sides::Tally};
use crate::{
    arch::tsc,
    measure::{Wrong, exchange::Side, probe::Batch, snapshot, time, watch::MeasuredLocks},
    sched::Cpu,
};

/// Numbers that say something else than how many exchanges there were. No exchange counts that far.
const BEGIN: u64 = u64::MAX - 2;
const STOP: u64 = u64::MAX - 3;
const WRONG: u64 = u64::MAX - 4;
const READY: u64 = u64::MAX - 5;

/// How long a chunk of exchanges may be, between two looks at the clock.
const LONGEST_CHUNK: u64 = 1_024;

/// Looks on, on each side.
pub trait Look: Default + Send + 'static {
    /// The block begins.
    fn begin(&mut self);

    /// The asking side is about to send the first number of a chunk, and did something else before. Returns the
    /// clock's reading.
    fn go_on(&mut self) -> u64;

    /// A number was received. Returns the clock's reading.
    fn received(&mut self) -> u64;

    /// Keeps a reading, of which no other has followed. The asking side does so once a chunk, so that what it does
    /// in each exchange, with its look for the chunk's end, is no more than what the other side does.
    fn keep_last(&mut self, reading: u64);

    /// What it saw.
    fn stamps(&self) -> Stamps;
}

/// Nothing looks on.
#[derive(Debug, Default)]
pub struct Nothing;

impl Look for Nothing {
    #[inline(always)]
    fn begin(&mut self) {}

    #[inline(always)]
    fn go_on(&mut self) -> u64 {
        0
    }

    #[inline(always)]
    fn received(&mut self) -> u64 {
        0
    }

    #[inline(always)]
    fn keep_last(&mut self, _: u64) {}

    fn stamps(&self) -> Stamps {
        Stamps::default()
    }
}

/// The clock is read whenever a number is received. One reading ends the way here and begins the way back, so no tick
/// falls between two ways; but for what the asking side does between two chunks, which falls into neither.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamps {
    /// Ticks between chunks: of each chunk the reading at its begin, less that at the last number before it, or less 0
    /// where there is none. Modulo 2^64.
    pub apart: u64,
    /// At the last number.
    pub last: u64,
    /// Sum of the readings at all numbers, modulo 2^64.
    pub sum: u64,
}

impl Stamps {
    /// Sum of the readings at which the numbers left that the asking side sent, modulo 2^64: those at which chunks
    /// began and at which numbers were received, but for the last.
    pub const fn left(self) -> u64 {
        self.apart.wrapping_add(self.sum).wrapping_sub(self.last)
    }
}

impl Look for Stamps {
    #[inline(always)]
    fn begin(&mut self) {
        *self = Self::default();
    }

    #[inline(always)]
    fn go_on(&mut self) -> u64 {
        let begin = tsc::fenced();
        self.apart = self.apart.wrapping_add(begin.wrapping_sub(self.last));
        begin
    }

    #[inline(always)]
    fn received(&mut self) -> u64 {
        let reading = tsc::fenced();
        self.sum = self.sum.wrapping_add(reading);
        reading
    }

    #[inline(always)]
    fn keep_last(&mut self, reading: u64) {
        self.last = reading;
    }

    fn stamps(&self) -> Stamps {
        *self
    }
}

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Exchanges before the block at most.
    pub warm_up: u64,
    /// Exchanges at most.
    pub exchanges: u64,
    /// Ticks after which no chunk begins; a tenth of them for the warm-up.
    pub budget_ticks: u64,
}

/// What the asking side found.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Exchanges of the warm-up.
    pub warm_up: u64,
    /// Exchanges of the block.
    pub exchanges: u64,
    /// Ticks of the block.
    pub ticks: u64,
    /// What each CPU of the pair counted.
    pub counts: [Counts; 2],
    /// What each side counted of its waiting.
    pub waits: [Waits; 2],
    /// Loops of the bystanders.
    pub bystander_loops: u64,
    /// The clock at what was received.
    pub stamps: Stamps,
    /// The first number that was not the one due.
    pub wrong: Option<Wrong>,
}

/// What the answering side found.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The clock at what was received, in the block.
    pub stamps: Stamps,
    /// The number that was not the one due.
    pub wrong: Option<Wrong>,
}

/// A snapshot of a [`Tally`], or a difference of two.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waits {
    /// As in the tally.
    pub halted: u64,
    /// As in the tally.
    pub spun: u64,
    /// As in the tally.
    pub mwaits: u64,
}

impl Waits {
    fn of(tally: &Tally) -> Self {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Self { halted: read(&tally.halted), spun: read(&tally.spun), mwaits: read(&tally.mwaits) }
    }

    fn since(self, before: Self) -> Self {
        Self {
            halted: self.halted - before.halted,
            spun: self.spun - before.spun,
            mwaits: self.mwaits - before.mwaits,
        }
    }
}

/// The asking side's block, begin to end. `cpus` and `tallies` are the asking side's and the answering
/// side's.
///
/// The counters are read while the other side waits: what it counted for its last answer, it counted before
/// it answered. So they stand still, but for its halts and MWAITs.
pub fn ask<S: Side, L: Look>(
    side: &mut S,
    size: Size,
    cpus: [&'static Cpu; 2],
    tallies: [&'static Tally; 2],
    bystanders: Option<bystanders::View>,
) -> Asked {
    while bystanders.is_some_and(|view| !view.all_run()) {
        core::hint::spin_loop();
    }
    let mut look = L::default();
    // The other side is there, and does nothing else any more.
    let wrong = exchange_word(side, READY);
    let warmed = match wrong {
        Some(_) => Done { exchanges: 0, ticks: 0, wrong },
        None => hand_over_within(side, &mut look, 0, size.warm_up, size.budget_ticks / 10),
    };
    let wrong = warmed.wrong.or_else(|| exchange_word(side, BEGIN));
    let count = || (cpus.map(|cpu| snapshot(&[cpu, cpu])), tallies.map(Waits::of), loops(bystanders));
    let before = count();
    let block = match wrong {
        Some(_) => Done { exchanges: 0, ticks: 0, wrong },
        None => {
            look.begin();
            hand_over_within(side, &mut look, warmed.exchanges, size.exchanges, size.budget_ticks)
        }
    };
    let after = count();
    // Only now may the others go on to what counts too.
    if let Some(view) = bystanders {
        view.stop();
    }
    if block.wrong.is_none_or(|wrong| wrong.found != WRONG) {
        side.send(STOP);
    }
    let pair = [0, 1];
    Asked {
        warm_up: warmed.exchanges,
        exchanges: block.exchanges,
        ticks: block.ticks,
        counts: pair.map(|cpu| after.0[cpu].since(before.0[cpu])),
        waits: pair.map(|cpu| after.1[cpu].since(before.1[cpu])),
        bystander_loops: after.2 - before.2,
        stamps: look.stamps(),
        wrong: block.wrong,
    }
}

fn loops(bystanders: Option<bystanders::View>) -> u64 {
    bystanders.map_or(0, bystanders::View::loops)
}

/// Sends a word that is no number; the other side sends it back.
fn exchange_word(side: &mut impl Side, word: u64) -> Option<Wrong> {
    side.send(word);
    let found = side.recv();
    (found != word).then_some(Wrong { expected: word, found })
}

/// What was done.
struct Done {
    exchanges: u64,
    ticks: u64,
    wrong: Option<Wrong>,
}

/// Exchanges from `from` on: `most`, or as many as there is time for, at least one. The clock is looked at
/// between chunks, each as long as all before it, so that where an exchange takes much of the time few are
/// done after its end, and where it takes little the clock costs nothing.
fn hand_over_within<S: Side, L: Look>(
    side: &mut S,
    look: &mut L,
    from: u64,
    most: u64,
    budget_ticks: u64,
) -> Done {
    let (mut number, end) = (from, from + most);
    let mut chunk = 1;
    let what = format_args!("the timed exchanges from {from} on");
    let timed = time(MeasuredLocks::None, what, &mut Batch, |_, clock| {
        loop {
            let to = end.min(number + chunk);
            let wrong = hand_over(side, look, number, to);
            let ticks = clock.ticks();
            if wrong.is_some() || to == end || ticks >= budget_ticks {
                break Done { exchanges: to - from, ticks, wrong };
            }
            if chunk < LONGEST_CHUNK && ticks < budget_ticks / 2 {
                chunk *= 2;
            }
            number = to;
        }
    });
    timed.value
}

/// The asking side's loop: exchanges `from..to`, up to the first wrong number. Exchange n carries n, there and
/// back.
#[inline(never)]
pub fn hand_over<S: Side, L: Look>(side: &mut S, look: &mut L, from: u64, to: u64) -> Option<Wrong> {
    let mut number = from;
    let mut last = look.go_on();
    let wrong = loop {
        if number == to {
            break None;
        }
        side.send(number);
        let found = side.recv();
        last = look.received();
        if found != number {
            break Some(Wrong { expected: number, found });
        }
        number += 1;
    };
    look.keep_last(last);
    wrong
}

/// The answering side, until told to stop: checks each number and sends it back.
pub fn answer<S: Side, L: Look>(side: &mut S) -> Answered {
    let mut look = L::default();
    let mut expected = 0;
    loop {
        match answer_numbers(side, &mut look, &mut expected) {
            READY => side.send(READY),
            BEGIN => {
                side.send(BEGIN);
                look.begin();
            }
            STOP => {
                // The last reading was taken at the word that ended it.
                let Stamps { apart, last, sum } = look.stamps();
                return Answered { stamps: Stamps { apart, last, sum: sum.wrapping_sub(last) }, wrong: None };
            }
            found => {
                side.send(WRONG);
                return Answered { stamps: look.stamps(), wrong: Some(Wrong { expected, found }) };
            }
        }
    }
}

/// The answering side's loop, up to the first word that is not the number due; returns it.
#[inline(never)]
fn answer_numbers<S: Side, L: Look>(side: &mut S, look: &mut L, expected: &mut u64) -> u64 {
    let mut number = *expected;
    let found = loop {
        let found = side.recv();
        let reading = look.received();
        look.keep_last(reading);
        if found != number {
            break found;
        }
        side.send(number);
        number += 1;
    };
    *expected = number;
    found
}
