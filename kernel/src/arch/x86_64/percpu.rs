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
use x86_64::{VirtAddr, registers::model_specific::GsBase};

use super::gdt::Tables;
#[cfg(feature = "marks")]
use super::mark;

/// One CPU's own data. Lives for ever; other CPUs reach it by reference.
#[derive(Debug)]
#[repr(C)]
pub struct PerCpu {
    /// This structure: so that one load by GS gives a pointer to it.
    this: AtomicPtr<PerCpu>,
    /// What the scheduler hung here with [`set_scheduler`](Self::set_scheduler).
    scheduler: AtomicPtr<()>,
    /// Wake-up IPIs that the handler took; it writes by GS.
    ipis_taken: AtomicU64,
    /// Whether this CPU has arrived in Rust.
    online: AtomicBool,
    id: CpuId,
    apic_id: ApicId,
    pub(super) tables: Tables,
    /// Where the next mark is written down, and where marks go that nobody keeps.
    #[cfg(feature = "marks")]
    pub(super) next_slot: AtomicPtr<mark::Slot>,
    #[cfg(feature = "marks")]
    pub(super) spare_slot: mark::Slot,
}

/// Offset of the counter that the handler of the wake-up IPI counts in.
pub(super) const IPIS_TAKEN: usize = offset_of!(PerCpu, ipis_taken);

/// Offset of the pointer that a mark goes by.
#[cfg(feature = "marks")]
pub(super) const NEXT_SLOT: usize = offset_of!(PerCpu, next_slot);

const THIS: usize = offset_of!(PerCpu, this);
const SCHEDULER: usize = offset_of!(PerCpu, scheduler);

impl PerCpu {
    /// The data of a CPU that has not started. Becomes its own in [`install`](Self::install).
    pub fn new(id: CpuId, apic_id: ApicId) -> Self {
        Self {
            this: AtomicPtr::new(ptr::null_mut()),
            scheduler: AtomicPtr::new(ptr::null_mut()),
            ipis_taken: AtomicU64::new(0),
            online: AtomicBool::new(false),
            id,
            apic_id,
            tables: Tables::new(),
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

    /// Where the handler of the wake-up IPI counts.
    pub fn ipis_taken(&self) -> &AtomicU64 {
        &self.ipis_taken
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
    // `pure, readonly`: the value never changes on a CPU, and tasks do not move between CPUs.
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
