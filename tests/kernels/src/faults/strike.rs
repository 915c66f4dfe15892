//! Faults at an exchange: what looks on in the blocks of `classic` strikes there.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use spin::Once;
use switchlab_core::{CpuId, order::Order, params::Params};
use switchlab_kernel::{
    arch::interrupts::halt_for_ever,
    log,
    measure::probe::Probe,
    sched::{self, Cpu},
};
use switchlab_records::{Mode, Pass, Subject};

use super::{Fault, Plan, clock, exceptions, heap, interrupts, register, stack};

/// What all blocks know.
struct Campaign {
    plan: Plan,
    /// Of the blocks that are looked on at, the one that is struck.
    block: u64,
    /// Who asks, and who answers.
    pair: [CpuId; 2],
}

static CAMPAIGN: Once<Campaign> = Once::new();
/// It has struck.
static STRUCK: AtomicBool = AtomicBool::new(false);
/// Blocks so far that are looked on at.
static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// Says what [`Striker`] is to do. Before there is one.
pub fn prepare(plan: Plan, parameters: &Params) {
    let mode = match plan.fault {
        Fault::RegisterLost => Mode::SameCore,
        _ => Mode::CrossCore,
    };
    let order = Order { skipped: &[], passes: &[Pass::Batch], seed: parameters.seed };
    let mut handoffs = order.blocks(1).filter(|block| block.subject == Subject::Handoff);
    let block = match plan.fault {
        Fault::HeapExhausted => plan.at % handoffs.count() as u64,
        _ => handoffs.position(|block| block.mode == mode).expect("each run has all modes") as u64,
    };
    let (first, second) = parameters.cpu_pair();
    CAMPAIGN.call_once(|| Campaign { plan, block, pair: [first, second] });
}

/// Says that it has struck, if it has. Behind the blocks: of a fault that is survived nothing else tells.
pub fn tell() {
    if STRUCK.load(Relaxed) {
        log!("the fault has struck");
    }
}

/// Counts exchanges, and strikes at the one of the plan.
#[derive(Debug)]
pub struct Striker {
    /// Numbers that came back so far, the warm-up's too.
    numbers: u64,
    /// How many of the block there are when it strikes; 0 for never.
    at: u64,
    /// The same, with those of the warm-up.
    strikes_at: u64,
    /// By how much the clock was stepped since the block began.
    stepped: i64,
}

impl Default for Striker {
    /// Of the next block.
    fn default() -> Self {
        let campaign = CAMPAIGN.get().expect("it is prepared");
        let is_struck = BLOCKS.fetch_add(1, Relaxed) == campaign.block;
        if is_struck && campaign.plan.fault == Fault::HeapExhausted {
            heap::exhaust();
        }
        Self { numbers: 0, at: if is_struck { campaign.plan.at } else { 0 }, strikes_at: 0, stepped: 0 }
    }
}

impl Probe for Striker {
    fn begin(&mut self) {
        if self.at != 0 {
            self.strikes_at = self.numbers + self.at;
        }
    }

    #[inline(always)]
    fn exchange(&mut self) {
        self.numbers += 1;
        if self.numbers == self.strikes_at {
            let before = clock::step();
            strike(self.numbers - 1);
            self.stepped = clock::step() - before;
        }
    }

    fn ticks(&self, ticks: u64) -> u64 {
        ticks.wrapping_add_signed(self.stepped)
    }
}

/// On the CPU that asks, behind the exchange of this number; who answers waits, or is about to.
#[inline(always)]
fn strike(number: u64) {
    STRUCK.store(true, Relaxed);
    let Campaign { plan, pair, .. } = CAMPAIGN.get().expect("it is prepared");
    let [asking, answering]: [&'static Cpu; 2] = pair.map(sched::cpu);
    match plan.fault {
        Fault::IpiSpurious => interrupts::send_spurious(answering),
        Fault::IpiLost => interrupts::lose_next(answering),
        Fault::IpiDoubled => {
            interrupts::send_again(asking);
            sched::take_arrived();
        }
        Fault::IpiMerged => interrupts::send_again(asking),
        Fault::WakeDoubled => interrupts::wake_twice(answering),
        Fault::EoiLeftOut => interrupts::leave_next_eoi_out(answering),
        Fault::RegisterLost => {
            let lost = register::lose(number);
            assert!(lost != 0, "no register that a call keeps holds the number");
        }
        Fault::CanaryOverwritten => stack::overwrite_last_word(plan.at),
        Fault::PageFault => exceptions::write_to_nothing(number),
        Fault::StackOverflow => drop(exceptions::overflow_stack(0)),
        Fault::DoubleFault => exceptions::lose_stack(),
        Fault::TripleFault => exceptions::lose_interrupt_table(),
        Fault::Hang => halt_for_ever(),
        Fault::TscForward => clock::step_by(plan.at as i64),
        Fault::TscBack => clock::step_by(-(plan.at as i64)),
        _ => {}
    }
}
