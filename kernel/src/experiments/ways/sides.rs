//! The two ends between which a number goes to and fro, one for each way to wait on a slot; who halts has ends of
//! channels. What differs between the ways is all here; the loops are generic over it.

use core::{
    hint,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use switchlab_sync::{Platform, Slot, Words, slot::NOTHING};

use crate::{
    arch::{mwait::Mwait, tsc},
    measure::exchange::Side,
    sched::Kernel,
};

/// What one side counted of its waiting, on a line of its own: that side writes, the other looks on.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    /// Waits that ended in a halt.
    pub halted: AtomicU64,
    /// Waits that ended before.
    pub spun: AtomicU64,
    /// Times that MWAIT was executed, or would have been had nothing come meanwhile.
    pub mwaits: AtomicU64,
}

/// Only the side that waits writes: a plain addition.
#[inline(always)]
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

/// Two slots, and how to wait for one.
#[derive(Debug)]
pub struct Slots<W> {
    to: &'static Slot,
    from: &'static Slot,
    last: u64,
    wait: W,
}

impl<W> Slots<W> {
    /// The ends of two slots to which nothing was put yet.
    pub fn new(to: &'static Slot, from: &'static Slot, wait: W) -> Self {
        Self { to, from, last: NOTHING, wait }
    }
}

impl<W: Wait> Side for Slots<W> {
    #[inline(always)]
    fn send(&mut self, number: u64) {
        self.wait.put(self.to, number);
    }

    #[inline(always)]
    fn recv(&mut self) -> u64 {
        let found = self.wait.wait(self.from, self.last);
        self.last = found;
        Kernel::count::<{ Words::HANDOFFS }>();
        found
    }
}

/// How to wait for a slot.
pub trait Wait: Send + 'static {
    /// Waits until `slot` holds another number than `last`.
    fn wait(&self, slot: &Slot, last: u64) -> u64;

    /// Puts a number for a side that waits so.
    #[inline(always)]
    fn put(&self, slot: &Slot, number: u64) {
        slot.put(number);
    }
}

/// Looks again and again.
#[derive(Debug)]
pub struct Spin;

impl Wait for Spin {
    #[inline(always)]
    fn wait(&self, slot: &Slot, last: u64) -> u64 {
        loop {
            let found = slot.look();
            if found != last {
                break found;
            }
        }
    }
}

/// Looks again and again, with a PAUSE in between.
#[derive(Debug)]
pub struct SpinPause;

impl Wait for SpinPause {
    #[inline(always)]
    fn wait(&self, slot: &Slot, last: u64) -> u64 {
        loop {
            let found = slot.look();
            if found != last {
                break found;
            }
            hint::spin_loop();
        }
    }
}

/// The same for `patience_ticks`, then halts.
#[derive(Debug)]
pub struct SpinHalt {
    /// How long it looks before it halts; 0 to halt where the first look finds nothing.
    pub patience_ticks: u64,
    /// The words of the other side's CPU.
    pub other: &'static Words,
    /// What it counts.
    pub tally: &'static Tally,
}

impl Wait for SpinHalt {
    #[inline(always)]
    fn wait(&self, slot: &Slot, last: u64) -> u64 {
        let mut found = slot.look();
        if found == last {
            let start = tsc::unfenced();
            let mut now = start;
            loop {
                // Before the first PAUSE too: who has no patience sleeps at once.
                if now.wrapping_sub(start) >= self.patience_ticks {
                    if let Some(found) = slot.sleep::<Kernel>(last) {
                        add_one(&self.tally.halted);
                        return found;
                    }
                    found = slot.look();
                    break;
                }
                hint::spin_loop();
                found = slot.look();
                if found != last {
                    break;
                }
                now = tsc::unfenced();
            }
        }
        add_one(&self.tally.spun);
        found
    }

    #[inline(always)]
    fn put(&self, slot: &Slot, number: u64) {
        slot.put_and_wake::<Kernel>(number, self.other);
    }
}

/// Arms MONITOR on the slot's line and waits in MWAIT.
#[derive(Debug)]
pub struct Monitor {
    /// The two instructions.
    pub mwait: Mwait,
    /// What it counts.
    pub tally: &'static Tally,
}

impl Wait for Monitor {
    #[inline(always)]
    fn wait(&self, slot: &Slot, last: u64) -> u64 {
        loop {
            let found = slot.look();
            if found != last {
                break found;
            }
            add_one(&self.tally.mwaits);
            self.mwait.wait_once(slot.word(), last);
        }
    }
}
