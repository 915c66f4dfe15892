//! The mark: a call that writes down when this CPU passed which boundary, and changes nothing else. Only
//! the marked kernel has it; the scheduler's code calls [`pass`], the handler of the wake-up IPI `stub`.
//!
//! Each CPU writes into a [`Chain`] of slots, by one pointer in its `PerCpu`:
//!
//! ```text
//!   PerCpu                    chain, before and while it records
//!   ┌───────────┐   ┌────────┐  begin()  ┌────────┐   ┌────────┐        ┌────────┐
//!   │ next_slot │──►│ spare  │··········►│ slot 0 │──►│ slot 1 │──►··──►│  last  │
//!   └───────────┘   └────────┘           └────────┘   └────────┘        └────────┘
//!                     ▲    │                                             ▲     │
//!                     └────┘ next = itself                               └─────┘ next = itself
//! ```
//!
//! A mark writes the slot that the pointer names and moves the pointer on to that slot's `next`. Before
//! the recording that leads from the spare slot to itself, and at the chain's end from the last slot to
//! itself: so a mark takes the same instructions whether it is kept or not, without a branch, and the
//! first marks are kept. Whoever begins a recording writes the spare slot's `next` alone: the pointer is
//! its CPU's own.

use alloc::{boxed::Box, vec::Vec};
use core::{
    arch::{asm, naked_asm},
    mem::offset_of,
    ptr,
    sync::atomic::{
        AtomicPtr, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use switchlab_records::Mark;

use super::percpu::{self, PerCpu};

/// Where one mark is written down.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Slot {
    ticks: AtomicU64,
    /// Number of the mark; 0 for none. Written last.
    mark: AtomicU32,
    next: AtomicPtr<Slot>,
}

impl Slot {
    pub(super) const fn new() -> Self {
        Self { ticks: AtomicU64::new(0), mark: AtomicU32::new(0), next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Makes it lead to itself.
    pub(super) fn close(&'static self) {
        self.next.store(ptr::from_ref(self).cast_mut(), Relaxed);
    }
}

/// Passes `mark` on this CPU.
#[inline(always)]
pub fn pass(mark: Mark) {
    // One arm is left of it, since every caller names its mark.
    match mark {
        Mark::HandoffBegins => call::<{ Mark::HandoffBegins.number() }>(),
        Mark::MessageStored => call::<{ Mark::MessageStored.number() }>(),
        Mark::TokenLeft => call::<{ Mark::TokenLeft.number() }>(),
        Mark::Enqueued => call::<{ Mark::Enqueued.number() }>(),
        Mark::Posted => call::<{ Mark::Posted.number() }>(),
        Mark::IpiSent => call::<{ Mark::IpiSent.number() }>(),
        Mark::Blocked => call::<{ Mark::Blocked.number() }>(),
        Mark::Picked => call::<{ Mark::Picked.number() }>(),
        Mark::SwitchBegins => call::<{ Mark::SwitchBegins.number() }>(),
        Mark::Switched => call::<{ Mark::Switched.number() }>(),
        Mark::HaltBegins => call::<{ Mark::HaltBegins.number() }>(),
        Mark::InterruptEntered => call::<{ Mark::InterruptEntered.number() }>(),
        Mark::InterruptCounted => call::<{ Mark::InterruptCounted.number() }>(),
        Mark::InterruptAcknowledged => call::<{ Mark::InterruptAcknowledged.number() }>(),
        Mark::HaltEnded => call::<{ Mark::HaltEnded.number() }>(),
        Mark::InboxTaken => call::<{ Mark::InboxTaken.number() }>(),
        Mark::TokenTaken => call::<{ Mark::TokenTaken.number() }>(),
        Mark::MessageTaken => call::<{ Mark::MessageTaken.number() }>(),
    }
}

/// One instruction where it is used, which keeps all registers and flags: the code around it is as it
/// would be without.
#[inline(always)]
fn call<const MARK: u8>() {
    // SAFETY: the stub keeps every register and the flags. `nostack` is not to say that it pushes
    // nothing but that it needs no aligned stack: this target has no red zone, so nothing of the
    // caller's is below the stack pointer. The memory clobber keeps memory accesses on their side.
    unsafe { asm!("call {}", sym stub::<MARK>, options(nostack, preserves_flags)) };
}

/// Writes the mark down. The same instructions for every mark, whatever happens: so each costs the same.
///
/// ```text
///   rsp ─► rcx, rdx, rax, return address
/// ```
///
/// `lfence; rdtsc; lfence`: what came before has completed, what comes after has not begun.
#[unsafe(naked)]
pub(super) extern "C" fn stub<const MARK: u8>() {
    naked_asm!(
        "push rax",
        "push rdx",
        "push rcx",
        "lfence",
        "rdtsc",                            // edx:eax
        "lfence",
        "mov rcx, gs:[{next_slot}]",        // never null: at least the spare slot
        "mov [rcx + {ticks}], eax",
        "mov [rcx + {ticks} + 4], edx",
        "mov dword ptr [rcx + {mark}], {number}",
        "mov rcx, [rcx + {next}]",          // the slot after it, or the same again
        "mov gs:[{next_slot}], rcx",
        "pop rcx",
        "pop rdx",
        "pop rax",
        "ret",
        next_slot = const percpu::NEXT_SLOT,
        ticks = const offset_of!(Slot, ticks),
        mark = const offset_of!(Slot, mark),
        next = const offset_of!(Slot, next),
        number = const MARK,
    )
}

/// Room for the marks of one CPU.
#[derive(Debug)]
pub struct Chain(&'static [Slot]);

impl Chain {
    /// Room for `marks` marks, for ever.
    pub fn new(marks: usize) -> Self {
        let slots: Vec<Slot> = (0..Self::slots(marks)).map(|_| Slot::new()).collect();
        let chain = Self(Box::leak(slots.into_boxed_slice()));
        chain.link();
        chain
    }

    /// One more than marks: the last slot is written again and again.
    const fn slots(marks: usize) -> usize {
        marks + 1
    }

    /// Bytes of the heap that room for `marks` marks takes.
    pub const fn bytes(marks: usize) -> usize {
        Self::slots(marks) * size_of::<Slot>()
    }

    fn link(&self) {
        for pair in self.0.windows(2) {
            pair[0].next.store(ptr::from_ref(&pair[1]).cast_mut(), Relaxed);
        }
        if let Some(last) = self.0.last() {
            last.close();
        }
    }

    /// Lets `cpu` record into this, from the mark after its next on. From any CPU.
    pub fn begin(&self, cpu: &'static PerCpu) {
        for slot in self.0 {
            slot.mark.store(0, Relaxed);
        }
        let first = self.0.first().map_or(ptr::null(), ptr::from_ref).cast_mut();
        // Release: the slots are empty before they are written.
        cpu.spare_slot.next.store(first, Release);
    }

    /// What was recorded so far, in order: marks and TSC ticks. Without what did not find room.
    pub fn events(&self) -> impl Iterator<Item = (Mark, u64)> {
        let kept = self.0.split_last().map_or(&[][..], |(_, kept)| kept);
        kept.iter().map_while(|slot| {
            // Acquire: the ticks were written before.
            let mark = Mark::try_from(slot.mark.load(Acquire) as u8).ok()?;
            Some((mark, slot.ticks.load(Relaxed)))
        })
    }
}

/// Ends the recording of the running CPU.
pub fn end() {
    let cpu = percpu::this_cpu();
    cpu.spare_slot.close();
    cpu.next_slot.store(ptr::from_ref(&cpu.spare_slot).cast_mut(), Relaxed);
}

/// Passes marks on the running CPU, as many as `chain` holds, in pairs with nothing between the two.
pub fn pass_pairs(chain: &Chain) {
    chain.begin(percpu::this_cpu());
    // The mark that is still the spare slot's.
    pass(Mark::HandoffBegins);
    for _ in 0..(chain.0.len() - 1) / 2 {
        pass(Mark::HandoffBegins);
        pass(Mark::HandoffBegins);
    }
    end();
}

/// What a mark costs, in TSC ticks: the median of the pairs in `chain`.
pub fn cost(chain: &Chain) -> u64 {
    let ticks: Vec<u64> = chain.events().map(|(_, ticks)| ticks).collect();
    let mut costs: Vec<u64> =
        ticks.as_chunks().0.iter().map(|[first, second]| second.wrapping_sub(*first)).collect();
    costs.sort_unstable();
    costs.get(costs.len() / 2).copied().unwrap_or(0)
}
