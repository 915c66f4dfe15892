//! What each CPU has for itself, found through the GS base: `mov reg, gs:[offset]` is one
//! instruction and needs no register that holds the CPU's number.

use core::{
    arch::asm,
    mem::offset_of,
    ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use switchlab_core::{ApicId, CpuId};
use switchlab_records::outside::{Outside, PER_CPU_BYTES};
use switchlab_sync::Words;
use x86_64::{VirtAddr, registers::model_specific::GsBase};

#[cfg(feature = "marks")]
use super::mark;
use super::{
    gdt::{self, Tables},
    ipi, ring3,
};

/// One CPU's own data. Lives for ever; other CPUs reach it by reference.
#[derive(Debug)]
#[repr(C)]
pub struct PerCpu {
    /// This structure: so that one load by GS gives a pointer to it.
    this: AtomicPtr<PerCpu>,
    /// What the scheduler hung here with [`set_scheduler`](Self::set_scheduler).
    scheduler: AtomicPtr<()>,
    /// The words of the scheduler; the handler of the wake-up IPI counts in one of them.
    words: Words,
    /// What the high half of this CPU's ICR holds; see [`ipi::send_wake_up_again`].
    icr_high: AtomicU64,
    /// Whether this CPU has arrived in Rust.
    online: AtomicBool,
    id: CpuId,
    apic_id: ApicId,
    pub(super) tables: Tables,
    /// 1 while a thread runs here that can be preempted.
    preemptible: AtomicU64,
    /// Threads that live here.
    threads: AtomicU64,
    /// The thread that runs here, or ran last.
    thread: AtomicPtr<()>,
    /// The thread whose vector state is in the registers.
    state_owner: AtomicPtr<()>,
    /// What ring 3 takes of this CPU.
    pub(super) ring3: ring3::Words,
    /// Where the next mark is written down, and where marks go that nobody keeps.
    #[cfg(feature = "marks")]
    pub(super) next_slot: AtomicPtr<mark::Slot>,
    #[cfg(feature = "marks")]
    pub(super) spare_slot: mark::Slot,
}

/// Offset of the counter that the handler of the wake-up IPI counts in.
pub(super) const IPIS_TAKEN: usize = word_offset(Words::IPIS_TAKEN);

/// Offset of the stack pointer with which ring 3 is left.
pub(super) const KERNEL_STACK: usize = offset_of!(PerCpu, tables) + gdt::KERNEL_STACK;

/// Offset of the words of ring 3.
pub(super) const RING3: usize = offset_of!(PerCpu, ring3);

/// Offset of the pointer that a mark goes by.
#[cfg(feature = "marks")]
pub(super) const NEXT_SLOT: usize = offset_of!(PerCpu, next_slot);

/// No high half of an ICR in xAPIC mode: there bits 0 to 23 are 0.
const NO_ICR_HIGH: u64 = 1;
const ICR_HIGH: usize = offset_of!(PerCpu, icr_high);
/// Offset of the word that says whether a thread can be preempted.
pub(super) const PREEMPTIBLE: usize = offset_of!(PerCpu, preemptible);
const THIS: usize = offset_of!(PerCpu, this);
const SCHEDULER: usize = offset_of!(PerCpu, scheduler);

/// Where these words of the table for who looks from outside stand in a [`PerCpu`].
pub(crate) const OUTSIDE: [(Outside, usize); 10] = [
    (Outside::CpuApicId, offset_of!(PerCpu, apic_id)),
    (Outside::CpuScheduler, SCHEDULER),
    (Outside::CpuCurrent, word_offset(Words::CURRENT)),
    (Outside::CpuTail, word_offset(Words::TAIL)),
    (Outside::CpuIpisTaken, IPIS_TAKEN),
    (Outside::CpuIpisSeen, word_offset(Words::IPIS_SEEN)),
    (Outside::CpuIpisSent, word_offset(Words::IPIS_SENT)),
    (Outside::CpuSwitches, word_offset(Words::SWITCHES)),
    (Outside::CpuHandoffs, word_offset(Words::HANDOFFS)),
    (Outside::CpuInbox, word_offset(Words::INBOX)),
];

const _: () =
    assert!(size_of::<PerCpu>() <= PER_CPU_BYTES, "who looks from outside takes no more for a CPU's own");

impl PerCpu {
    /// The data of a CPU that has not started. Becomes its own in [`install`](Self::install).
    pub fn new(id: CpuId, apic_id: ApicId) -> Self {
        Self {
            this: AtomicPtr::new(ptr::null_mut()),
            scheduler: AtomicPtr::new(ptr::null_mut()),
            words: Words::new(ipi::target(apic_id)),
            icr_high: AtomicU64::new(NO_ICR_HIGH),
            online: AtomicBool::new(false),
            id,
            apic_id,
            tables: Tables::new(),
            preemptible: AtomicU64::new(0),
            threads: AtomicU64::new(0),
            thread: AtomicPtr::new(ptr::null_mut()),
            state_owner: AtomicPtr::new(ptr::null_mut()),
            ring3: ring3::Words::new(),
            #[cfg(feature = "marks")]
            next_slot: AtomicPtr::new(ptr::null_mut()),
            #[cfg(feature = "marks")]
            spare_slot: mark::Slot::new(),
        }
    }

    /// Which CPU it is, counted densely.
    pub fn id(&self) -> CpuId {
        self.id
    }

    /// Its hardware id.
    pub fn apic_id(&self) -> ApicId {
        self.apic_id
    }

    /// The words of its scheduler.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Whether the CPU has arrived. Acquire: pairs with [`set_online`](Self::set_online).
    pub fn is_online(&self) -> bool {
        self.online.load(Acquire)
    }

    /// Says that this CPU has arrived.
    pub fn set_online(&self) {
        self.online.store(true, Release);
    }

    /// Hangs the scheduler's own structure here.
    pub fn set_scheduler(&self, scheduler: *mut ()) {
        self.scheduler.store(scheduler, Relaxed);
    }

    /// Makes this the running CPU's: loads its GDT, TSS and GS base.
    pub fn install(&'static self) {
        self.this.store(ptr::from_ref(self).cast_mut(), Relaxed);
        self.tables.load();
        // Behind the segment registers: loading GS clears its base.
        GsBase::write(VirtAddr::from_ptr(self));
        #[cfg(feature = "marks")]
        mark::end();
    }
}

/// The running CPU's data; `None` before [`PerCpu::install`], when the GS base is still zero.
pub fn try_this_cpu() -> Option<&'static PerCpu> {
    if GsBase::read().is_null() { None } else { Some(this_cpu()) }
}

/// The running CPU's data. After [`PerCpu::install`].
#[inline(always)]
pub fn this_cpu() -> &'static PerCpu {
    let this: *const PerCpu;
    // SAFETY: `install` made GS point to a PerCpu that lives for ever and holds its own address.
    // `pure, readonly`: the value never changes on a CPU. A flow of control that is bound to none moves to
    // another in a switch only, whose asm may write all memory for all that the compiler knows: so what was
    // read before is not kept across it.
    unsafe {
        asm!("mov {}, gs:[{}]", out(reg) this, const THIS, options(pure, readonly, nostack, preserves_flags));
        &*this
    }
}

/// What the scheduler hung on the running CPU. One instruction.
#[inline(always)]
pub fn scheduler() -> *mut () {
    let scheduler;
    // SAFETY: as in `this_cpu`.
    unsafe {
        asm!(
            "mov {}, gs:[{}]", out(reg) scheduler, const SCHEDULER,
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    scheduler
}

const fn word_offset(word: usize) -> usize {
    offset_of!(PerCpu, words) + Words::offset(word)
}

/// Word `WORD` of the running CPU. One instruction, anew at each call.
#[inline(always)]
pub fn word<const WORD: usize>() -> u64 {
    let value;
    // SAFETY: as in `this_cpu`; not pure, since handlers and other CPUs change words.
    unsafe {
        asm!(
            "mov {}, gs:[{}]", out(reg) value, const word_offset(WORD),
            options(readonly, nostack, preserves_flags)
        );
    }
    value
}

/// Replaces word `WORD` of the running CPU. One instruction.
#[inline(always)]
pub fn set_word<const WORD: usize>(value: u64) {
    // SAFETY: as in `this_cpu`; the word is an atomic, so others may look meanwhile.
    unsafe {
        asm!("mov gs:[{}], {}", const word_offset(WORD), in(reg) value, options(nostack, preserves_flags));
    }
}

/// Adds one to word `WORD` of the running CPU. One instruction, so that no interrupt comes in between; no
/// locked one, since nobody else writes the word.
#[inline(always)]
pub fn count<const WORD: usize>() {
    // SAFETY: as in `set_word`.
    unsafe { asm!("inc qword ptr gs:[{}]", const word_offset(WORD), options(nostack)) };
}

/// Whether word `WORD` of the running CPU is not 0. A comparison and a branch.
#[inline(always)]
pub fn is_set<const WORD: usize>() -> bool {
    // SAFETY: as in `word`.
    unsafe {
        asm!(
            "cmp qword ptr gs:[{}], 0",
            "jne {}",
            const word_offset(WORD),
            label { return true },
            options(readonly, nostack)
        );
    }
    false
}

/// Whether word `WORD` of the running CPU is `value`. A comparison and a branch.
#[inline(always)]
pub fn word_is<const WORD: usize>(value: u64) -> bool {
    // SAFETY: as in `word`.
    unsafe {
        asm!(
            "cmp gs:[{}], {}",
            "jne {}",
            const word_offset(WORD),
            in(reg) value,
            label { return false },
            options(readonly, nostack)
        );
    }
    true
}

/// Whether the high half of the running CPU's ICR holds `high`; never in x2APIC mode. A comparison and a
/// branch.
#[inline(always)]
pub(super) fn icr_high_is(high: u64) -> bool {
    // SAFETY: as in `word`.
    unsafe {
        asm!(
            "cmp gs:[{}], {}",
            "jne {}",
            const ICR_HIGH,
            in(reg) high,
            label { return false },
            options(readonly, nostack)
        );
    }
    true
}

/// Writes down what the high half of the running CPU's ICR holds. Before [`PerCpu::install`] nobody asks.
pub(super) fn set_icr_high(high: u32) {
    if let Some(percpu) = try_this_cpu() {
        percpu.icr_high.store(u64::from(high), Relaxed);
    }
}

/// Says whether what runs on this CPU is a thread that can be preempted. One instruction.
#[inline(always)]
pub fn set_preemptible(can_be: bool) {
    // SAFETY: as in `set_word`. A memory clobber (no `nomem`): what a thread does stays on its side of it.
    unsafe {
        asm!("mov gs:[{}], {}", const PREEMPTIBLE, in(reg) u64::from(can_be), options(nostack, preserves_flags));
    }
}

/// Threads that live on this CPU.
pub fn threads() -> u64 {
    this_cpu().threads.load(Relaxed)
}

/// Changes how many.
pub fn set_threads(threads: u64) {
    this_cpu().threads.store(threads, Relaxed);
}

/// The thread that runs on this CPU, or ran last; null before the first.
#[inline(always)]
pub fn thread() -> *mut () {
    this_cpu().thread.load(Relaxed)
}

/// Replaces it.
#[inline(always)]
pub fn set_thread(thread: *mut ()) {
    this_cpu().thread.store(thread, Relaxed);
}

/// The thread whose vector state is in this CPU's registers; null for nobody's.
#[inline(always)]
pub fn state_owner() -> *mut () {
    this_cpu().state_owner.load(Relaxed)
}

/// Replaces it.
#[inline(always)]
pub fn set_state_owner(thread: *mut ()) {
    this_cpu().state_owner.store(thread, Relaxed);
}
