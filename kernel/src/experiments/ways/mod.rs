//! What `wait` and `matrix` share: two CPUs that hand a number to and fro, each waiting for the other in one of
//! the ways of [`Way`].

mod block;
mod bystanders;
mod found;
pub mod sides;
mod staff;

use alloc::{boxed::Box, vec::Vec};

use switchlab_core::{CpuId, Way};
use switchlab_records::{Counts, Named};
use switchlab_sync::Slot;

use super::points::named;
use crate::{
    arch::mwait::Mwait,
    bring_up::refuse,
    lock::Lock,
    measure::{
        Wrong,
        exchange::{Ends, Side},
        probe::Batch,
        time,
        watch::MeasuredLocks,
    },
    sched::{self, Channel, Cpu},
};
use block::{Answered, Asked};
pub use block::{Look, Nothing, Size, Stamps, Waits};
pub use bystanders::{Alone, Bystanders};
pub use found::{Found, Needs};
use sides::{Monitor, Slots, Spin, SpinHalt, SpinPause, Tally, Wait};
pub use staff::{Job, Staff};

/// What the blocks are measured on. Made once for an experiment.
pub struct Bench {
    /// A task on each CPU.
    pub staff: Staff,
    table: &'static Table,
}

/// What the two sides of a block work on.
#[derive(Default)]
struct Table {
    there: Slot,
    back: Slot,
    tallies: [Tally; 2],
    asked: Lock<Option<Asked>>,
    answered: Lock<Option<Answered>>,
}

/// What a block gave.
#[derive(Clone, Copy, Debug)]
pub struct Waited {
    /// Exchanges that were done: the limit, or as many as there was time for.
    pub exchanges: u64,
    /// And before the block.
    pub warm_up: u64,
    /// TSC ticks of the block.
    pub ticks: u64,
    /// What each CPU of the pair counted.
    pub counts: [Counts; 2],
    /// What each side counted of its waiting.
    pub waits: [Waits; 2],
    /// Loops of the bystanders meanwhile.
    pub bystander_loops: u64,
    /// Sum of the ticks that numbers were on their way, there and back; may be negative where the counters of
    /// the two CPUs differ. 0 where nobody looked.
    pub one_way_ticks: [i64; 2],
    /// The first number that was not the one due.
    pub wrong: Option<Wrong>,
}

impl Bench {
    /// Hires a staff. Ends the machine where there is no memory for it.
    pub fn hire() -> Self {
        let staff = Staff::hire().unwrap_or_else(|error| refuse(format_args!("a task on each CPU: {error}")));
        Self { staff, table: Box::leak(Box::default()) }
    }

    /// Measures a block between two CPUs that wait in `way`, while `L` looks on; `bystanders` work beside it.
    ///
    /// Leaves two channels behind where the way is [`Way::Halt`].
    ///
    /// # Panics
    ///
    /// If a side ended without saying what it found, which it can not.
    pub fn measure<L: Look>(
        &self,
        way: Waiting,
        pair: [CpuId; 2],
        size: Size,
        bystanders: Option<&Bystanders>,
    ) -> Waited {
        self.table.there.clear();
        self.table.back.clear();
        let [asking, answering] = self.jobs::<L>(way, pair.map(sched::cpu), size, bystanders);
        let mut jobs = bystanders.map_or_else(Vec::new, Bystanders::jobs);
        jobs.push((pair[1], answering));
        jobs.push((pair[0], asking));
        self.staff.run(jobs);
        let asked = self.table.asked.lock().take().expect("the asking side leaves what it found");
        let answered = self.table.answered.lock().take().expect("the answering side leaves what it found");
        Waited::new(asked, answered)
    }

    fn jobs<L: Look>(
        &self,
        way: Waiting,
        cpus: [&'static Cpu; 2],
        size: Size,
        bystanders: Option<&Bystanders>,
    ) -> [Job; 2] {
        let block = Block { table: self.table, cpus, size, view: bystanders.map(Bystanders::view) };
        let [first, second] = self.table.tallies.each_ref();
        match way {
            Waiting::Halt => block.over_channels::<L>(),
            Waiting::Spin => block.over_slots::<L, _>([Spin, Spin]),
            Waiting::SpinPause => block.over_slots::<L, _>([SpinPause, SpinPause]),
            Waiting::SpinHalt { patience_ticks } => block.over_slots::<L, _>([
                SpinHalt { patience_ticks, other: cpus[1].words(), tally: first },
                SpinHalt { patience_ticks, other: cpus[0].words(), tally: second },
            ]),
            Waiting::Mwait(mwait) => {
                block.over_slots::<L, _>([first, second].map(|tally| Monitor { mwait, tally }))
            }
        }
    }

    /// Ticks of a one-way handoff between two CPUs that halt: for as long it is worth to spin before. From a
    /// short block.
    pub fn break_even_ticks(&self, pair: [CpuId; 2]) -> u64 {
        const EXCHANGES: u64 = 100;
        let size = Size { warm_up: EXCHANGES / 4, exchanges: EXCHANGES, budget_ticks: u64::MAX };
        let measured = self.measure::<Nothing>(Waiting::Halt, pair, size, None);
        measured.ticks / (2 * EXCHANGES)
    }

    /// Returns of MWAIT on a line that nobody writes to, until another CPU has seen `ticks` go by and writes. One,
    /// and few more for what else may end it, where it truly waits.
    pub fn untouched_returns(&self, mwait: Mwait, pair: [CpuId; 2], ticks: u64) -> u64 {
        #[derive(Default)]
        struct Probe {
            ready: Slot,
            line: Slot,
            over: Slot,
            returns: Lock<u64>,
        }
        let probe: &'static Probe = Box::leak(Box::default());
        let waiting: Job = Box::new(move || {
            let new = probe.line.look();
            probe.ready.put(0);
            let mut returns = 0;
            while probe.over.look() == new {
                mwait.wait_once(probe.line.word(), new);
                returns += 1;
            }
            *probe.returns.lock() = returns;
        });
        let watching: Job = Box::new(move || {
            let new = probe.line.look();
            while probe.ready.look() == new {
                core::hint::spin_loop();
            }
            let what = format_args!("what MWAIT does on a line that nobody writes to");
            time(MeasuredLocks::None, what, &mut Batch, |_, clock| {
                while !clock.has_run(ticks) {
                    core::hint::spin_loop();
                }
            });
            // Who finds the line written finds that it is over.
            probe.over.put(0);
            probe.line.put(0);
        });
        let [first, second] = pair;
        self.staff.run([(second, waiting), (first, watching)].into());
        *probe.returns.lock()
    }
}

/// A block to be done.
#[derive(Clone, Copy)]
struct Block {
    table: &'static Table,
    cpus: [&'static Cpu; 2],
    size: Size,
    view: Option<bystanders::View>,
}

impl Block {
    fn over_channels<L: Look>(self) -> [Job; 2] {
        let channels: &'static [Channel; 2] = Box::leak(Box::new([Channel::new(), Channel::new()]));
        let [there, back] = channels;
        [
            Box::new(move || {
                let mut side = Ends { to: there.sender(), from: back.receiver() };
                // The other side waits: from now on each message has its wake-up.
                side.recv();
                self.ask::<_, L>(side);
            }),
            Box::new(move || {
                let mut side = Ends { to: back.sender(), from: there.receiver() };
                side.send(0);
                self.answer::<_, L>(side);
            }),
        ]
    }

    fn over_slots<L: Look, W: Wait>(self, [first, second]: [W; 2]) -> [Job; 2] {
        let Table { there, back, .. } = self.table;
        [
            Box::new(move || self.ask::<_, L>(Slots::new(there, back, first))),
            Box::new(move || self.answer::<_, L>(Slots::new(back, there, second))),
        ]
    }

    fn ask<S: Side, L: Look>(self, mut side: S) {
        let tallies = self.table.tallies.each_ref();
        let asked = block::ask::<_, L>(&mut side, self.size, self.cpus, tallies, self.view);
        *self.table.asked.lock() = Some(asked);
    }

    fn answer<S: Side, L: Look>(self, mut side: S) {
        let answered = block::answer::<_, L>(&mut side);
        *self.table.answered.lock() = Some(answered);
    }
}

impl Waited {
    fn new(asked: Asked, answered: Answered) -> Self {
        let there = answered.stamps.sum.wrapping_sub(asked.stamps.left());
        let back = asked.stamps.sum.wrapping_sub(answered.stamps.sum);
        Self {
            exchanges: asked.exchanges,
            warm_up: asked.warm_up,
            ticks: asked.ticks,
            counts: asked.counts,
            waits: asked.waits,
            bystander_loops: asked.bystander_loops,
            one_way_ticks: [there, back].map(u64::cast_signed),
            wrong: answered.wrong.or(asked.wrong),
        }
    }
}

/// A way to wait, with what it needs.
#[derive(Clone, Copy, Debug)]
pub enum Waiting {
    /// See [`Way::Halt`].
    Halt,
    /// See [`Way::Spin`].
    Spin,
    /// See [`Way::SpinPause`].
    SpinPause,
    /// See [`Way::SpinHalt`].
    SpinHalt {
        /// How long it spins; 0 to halt where the first look finds nothing.
        patience_ticks: u64,
    },
    /// See [`Way::Mwait`].
    Mwait(Mwait),
}

/// What is told of a budget with each point, where there is one.
pub fn told_budget(size: Size) -> Vec<Named<'static>> {
    match size.budget_ticks {
        u64::MAX => Vec::new(),
        budget_ticks => named([("budget-ticks", budget_ticks)]),
    }
}

/// What must have happened: a handoff for each number, no switch; and an IPI sent and taken for each that
/// ended a halt. `halts_ended` are those of the waiting side.
pub fn expected(way: Way, handoffs: u64, halts_ended: u64, counted: &Counts) -> Counts {
    let ipis = match way {
        Way::Halt => handoffs,
        Way::SpinHalt => halts_ended,
        Way::Spin | Way::SpinPause | Way::Mwait => 0,
    };
    Counts { handoffs, switches: 0, ipis_sent: ipis, ipis_taken: ipis, halts: counted.halts }
}
