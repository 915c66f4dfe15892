//! The interrupt descriptor table: one for all CPUs, every one of the 256 vectors filled. CPUs that run
//! ring 3 have another for as long, which [`super::ring3`] fills.
//!
//! The entries of exceptions and of vectors that nobody sends lead to one of 256 stubs in asm; each
//! leaves an error code (the processor's, or 0) and its vector on the stack and goes on in
//! [`trap`]. The wake-up IPI has a handler of its own in [`super::ipi`].

use core::{arch::global_asm, cell::UnsafeCell};

use x86_64::{
    PrivilegeLevel, VirtAddr,
    instructions::{
        segmentation::{CS, Segment},
        tables::lidt,
    },
    structures::{
        DescriptorTablePointer,
        idt::{Entry, HandlerFunc},
    },
};

use super::{gdt::IstStack, trap};

/// Vectors that this kernel names.
pub mod vector {
    /// Non-maskable interrupt: how a crashing CPU stops the others.
    pub const NMI: u8 = 2;
    /// Device not available: the vector state is used while CR0.TS is set.
    pub const DEVICE_NOT_AVAILABLE: u8 = 7;
    /// Double fault.
    pub const DOUBLE_FAULT: u8 = 8;
    /// Page fault; CR2 has the address.
    pub const PAGE_FAULT: u8 = 14;
    /// Machine check.
    pub const MACHINE_CHECK: u8 = 18;
    /// The end of a thread's quantum.
    pub const QUANTUM: u8 = 0x48;
    /// The wake-up IPI. Its priority class is above the timer's.
    pub const WAKE_UP: u8 = 0x50;
    /// Where the first 8259 delivers its eight lines, all masked.
    pub const PIC1: u8 = 0x20;
    /// Where the second delivers its own.
    pub const PIC2: u8 = 0x28;
    /// Line 7 of an 8259: its spurious interrupt.
    pub const PIC_SPURIOUS_LINE: u8 = 7;
    /// A tick, which ends a halt and does nothing else: from the local APIC's timer during bring-up,
    /// and from an AP that has arrived. Not a wake-up, and not counted as one.
    pub const TICK: u8 = 0x40;
    /// The local APIC's spurious interrupt.
    pub const SPURIOUS: u8 = 0xff;
}

/// A table of 256 gates.
#[repr(C, align(16))]
pub(super) struct Table(UnsafeCell<[Entry<HandlerFunc>; 256]>);

// SAFETY: written by `fill` and `set_handler` alone, on one CPU before any uses the table; then only the
// processors read it.
unsafe impl Sync for Table {}

static IDT: Table = Table::empty();

impl Table {
    /// Without a gate.
    pub(super) const fn empty() -> Self {
        Self(UnsafeCell::new([const { Entry::missing() }; 256]))
    }

    /// Gives each vector the gate to the handler at the address that `handler` says, on the stack that its
    /// exception wants.
    ///
    /// # Safety
    ///
    /// No CPU uses the table, and nobody else fills it. The addresses are of code that an interrupt gate may
    /// enter.
    pub(super) unsafe fn fill(&self, handler: impl Fn(u8) -> usize) {
        // SAFETY: the caller owes that nobody else has it.
        let table = unsafe { &mut *self.0.get() };
        for (vector, entry) in (0..=u8::MAX).zip(table) {
            set(entry, VirtAddr::new(handler(vector) as u64), ist_stack_of(vector));
        }
    }

    /// Makes the running CPU use the table.
    ///
    /// # Safety
    ///
    /// It is filled.
    pub(super) unsafe fn load(&'static self) {
        let pointer = DescriptorTablePointer {
            limit: (size_of::<Self>() - 1) as u16,
            base: VirtAddr::from_ptr(self.0.get()),
        };
        // SAFETY: the caller owes a table that is filled; it lives for ever.
        unsafe { lidt(&pointer) };
    }
}

/// Distance between two stubs in bytes.
pub(super) const STUB_BYTES: usize = 16;

global_asm!(
    ".pushsection .text.trap_stubs, \"ax\"",
    ".balign {stub_bytes}",
    ".global trap_stubs",
    "trap_stubs:",
    ".set vector, 0",
    ".rept 256",
    "    .balign {stub_bytes}",
    // The processor pushes an error code for these (Intel SDM vol. 3, table 6-1; AMD adds 29, 30).
    "    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)",
    "        push 0",
    "    .endif",
    "    push vector",
    "    jmp {common}",
    "    .set vector, vector + 1",
    ".endr",
    ".popsection",
    stub_bytes = const STUB_BYTES,
    common = sym trap::common,
);

unsafe extern "C" {
    static trap_stubs: u8;
}

/// Fills the table in. Once, on the BSP, before the other CPUs start.
pub fn init() {
    let stub = |vector| (&raw const trap_stubs).addr() + usize::from(vector) * STUB_BYTES;
    // SAFETY: no CPU uses the table yet; the stubs are there for interrupt gates.
    unsafe { IDT.fill(stub) };
}

/// Gives `vector` a handler of its own, as its address.
///
/// # Safety
///
/// `handler` is the address of code that an interrupt gate may enter and that ends in `iretq`. Once
/// for each vector, on the BSP, before the other CPUs start.
pub(super) unsafe fn set_handler(vector: u8, handler: usize) {
    // SAFETY: the other CPUs do not run yet, and interrupts are off here.
    let table = unsafe { &mut *IDT.0.get() };
    set(&mut table[usize::from(vector)], VirtAddr::new(handler as u64), None);
}

/// Makes the running CPU use the table.
pub fn load() {
    // SAFETY: `init` has filled it.
    unsafe { IDT.load() };
}

fn set(entry: &mut Entry<HandlerFunc>, handler: VirtAddr, stack: Option<IstStack>) {
    // SAFETY: the address is that of a stub above, or the caller of `set_handler` vouches for it.
    let options = unsafe { entry.set_handler_addr(handler) };
    // SAFETY: the code segment in use is the kernel's; the stacks are in each CPU's TSS.
    unsafe {
        options.set_code_selector(CS::get_reg()).set_privilege_level(PrivilegeLevel::Ring0);
        if let Some(stack) = stack {
            options.set_stack_index(stack as u16);
        }
    }
}

fn ist_stack_of(vector: u8) -> Option<IstStack> {
    match vector {
        vector::DOUBLE_FAULT => Some(IstStack::DoubleFault),
        vector::NMI => Some(IstStack::Nmi),
        vector::MACHINE_CHECK => Some(IstStack::MachineCheck),
        _ => None,
    }
}
