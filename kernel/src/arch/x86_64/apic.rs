//! The local APIC: one driver, two ways to reach its registers, chosen once.
//!
//! - xAPIC: memory-mapped, 8-bit ids (Intel SDM vol. 3, 11.4). The page is mapped at
//!   [`XAPIC_VIRTUAL`], within the 2 GiB that a 32-bit sign-extended displacement reaches, so that an
//!   access needs no register.
//! - x2APIC: by MSR, 32-bit ids (11.12). Taken where the CPU has it.

use core::{
    ptr,
    sync::atomic::{
        AtomicBool,
        Ordering::{Relaxed, SeqCst},
        compiler_fence,
    },
};

use switchlab_core::{ApicId, icr::Icr, madt::NmiPins};
use switchlab_records::ApicMode;
use x86_64::registers::model_specific::{ApicBase, ApicBaseFlags, Msr};

use super::{idt::vector, percpu};

/// Where the xAPIC's page is mapped.
pub const XAPIC_VIRTUAL: u64 = 0xffff_ffff_fee0_0000;

/// Offset of the end-of-interrupt register in the xAPIC's page.
pub(super) const XAPIC_EOI: u64 = 0xb0;
/// MSR of the end-of-interrupt register in x2APIC mode.
pub(super) const X2APIC_EOI_MSR: u32 = X2APIC_MSR_BASE + (XAPIC_EOI as u32 >> 4);

/// First MSR of the x2APIC: register at offset `o` of the page is MSR `base + o / 16`.
const X2APIC_MSR_BASE: u32 = 0x800;
/// Bit 10 of IA32_APIC_BASE: x2APIC mode.
const X2APIC_ENABLE: u64 = 1 << 10;
/// Bit 8 of the spurious vector register: APIC software enable.
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// Bit 16 of a local vector table entry: masked.
const MASKED: u32 = 1 << 16;
/// Bit 17 of the timer's entry: periodic.
const PERIODIC: u32 = 1 << 17;
/// Bit 12 of the ICR's low half: the last IPI is not accepted yet.
const SEND_PENDING: u32 = 1 << 12;
/// Delivery mode of a local vector table entry: NMI, whatever its vector (Intel SDM vol. 3, 11.5.1).
const BY_NMI: u32 = 0b100 << 8;
/// Divide the timer's clock by 1.
const DIVIDE_BY_1: u32 = 0b1011;

/// What the timer counts for a tick of roughly a millisecond.
pub const TICK_COUNTS: u32 = 1_000_000;

/// Registers by their offset in the xAPIC's page (Intel SDM vol. 3, table 11-1).
#[derive(Clone, Copy)]
#[repr(u32)]
enum Register {
    Id = 0x20,
    TaskPriority = 0x80,
    EndOfInterrupt = XAPIC_EOI as u32,
    SpuriousVector = 0xf0,
    IcrLow = 0x300,
    IcrHigh = 0x310,
    Timer = 0x320,
    Lint0 = 0x350,
    Lint1 = 0x360,
    InitialCount = 0x380,
    DivideConfiguration = 0x3e0,
}

/// Whether the BSP's APIC is on: an IPI can be sent.
static ENABLED: AtomicBool = AtomicBool::new(false);
static X2APIC: AtomicBool = AtomicBool::new(false);

/// Chooses the mode for all CPUs. Once, on the BSP.
pub fn choose_mode() -> ApicMode {
    let has_x2apic = raw_cpuid::CpuId::new().get_feature_info().is_some_and(|features| features.has_x2apic());
    X2APIC.store(has_x2apic, Relaxed);
    mode()
}

/// The mode that was chosen.
#[inline(always)]
pub fn mode() -> ApicMode {
    if X2APIC.load(Relaxed) { ApicMode::X2apic } else { ApicMode::Xapic }
}

/// Physical address of the xAPIC's page, from IA32_APIC_BASE.
pub fn xapic_physical() -> u64 {
    ApicBase::read().0.start_address().as_u64()
}

/// Turns the running CPU's APIC on: takes every vector, timer off. In xAPIC mode the page is mapped.
pub fn enable() {
    let (frame, flags) = ApicBase::read();
    let mut flags = flags | ApicBaseFlags::LAPIC_ENABLE;
    if mode() == ApicMode::X2apic {
        flags |= ApicBaseFlags::from_bits_retain(X2APIC_ENABLE);
    }
    // SAFETY: the page stays where it is; both modes start with the same register contents.
    unsafe { ApicBase::write(frame, flags) };
    write(Register::TaskPriority, 0);
    write(Register::Timer, MASKED);
    write(Register::SpuriousVector, SOFTWARE_ENABLE | u32::from(vector::SPURIOUS));
    ENABLED.store(true, Relaxed);
}

/// Lets the machine's NMI come to the running CPU, by the pins that the firmware names. It ends the machine, by whose CPU
/// takes it first; but who asks for one wants to see that.
pub fn connect_nmi(pins: NmiPins) {
    for (lint, register) in [(0, Register::Lint0), (1, Register::Lint1)] {
        if pins.has(lint) {
            write(register, BY_NMI);
        }
    }
}

/// Whether IPIs can be sent.
pub fn is_enabled() -> bool {
    ENABLED.load(Relaxed)
}

/// The running CPU's id.
pub fn id() -> ApicId {
    match mode() {
        ApicMode::Xapic => ApicId::new(read(Register::Id) >> 24),
        ApicMode::X2apic => ApicId::new(read(Register::Id)),
    }
}

/// Makes the timer interrupt [`vector::TICK`] again and again, roughly each millisecond: its
/// frequency is not known, and all it is for is to end halts.
pub fn start_ticks() {
    start_timer(vector::TICK, TICK_COUNTS);
}

/// Makes the timer interrupt by `vector` each time that it has counted so far: the count's frequency is not known.
pub fn start_timer(vector: u8, counts: u32) {
    write(Register::DivideConfiguration, DIVIDE_BY_1);
    write(Register::Timer, PERIODIC | u32::from(vector));
    write(Register::InitialCount, counts);
}

/// Says that the interrupt which was taken last is dealt with.
#[inline(always)]
pub fn end_of_interrupt() {
    write(Register::EndOfInterrupt, 0);
}

/// Sends a command with this low half, whose shorthand says that it goes to the running CPU, in xAPIC mode; in x2APIC
/// mode the same is the whole command. The high half of the ICR stays as it is: a shorthand does not look at it.
#[inline(always)]
pub(super) fn send_to_self(low: u32) {
    match mode() {
        ApicMode::Xapic => {
            wait_until_accepted();
            write_page(Register::IcrLow, low);
        }
        ApicMode::X2apic => send_x2apic(u64::from(low)),
    }
}

/// Stops the timer.
pub fn stop_ticks() {
    write(Register::InitialCount, 0);
    write(Register::Timer, MASKED);
}

/// Writes the high half of the ICR in xAPIC mode, which sends nothing.
pub fn aim(high: u32) {
    wait_until_accepted();
    write_page(Register::IcrHigh, high);
    percpu::set_icr_high(high);
}

/// Sends a command with this low half in xAPIC mode, whose high half is what was written last.
///
/// The ICR is idle: the caller knows that the IPI before was accepted.
#[inline(always)]
pub fn send_again(low: u32) {
    // As in `send`.
    compiler_fence(SeqCst);
    write_page(Register::IcrLow, low);
}

/// Sends what `icr` says.
///
/// In xAPIC mode the register has two halves, and writing the low one sends. The previous IPI has
/// to be accepted before (delivery status, 11.6.1): this waits for it, and `send_again` knows it.
///
/// The write to the page, or the fence before the MSR, orders it behind all stores before: the
/// receiver sees them.
///
/// # Panics
///
/// In xAPIC mode, for an id that has more than eight bits: bring-up refuses such a CPU.
#[inline(never)]
pub fn send(icr: Icr) {
    match mode() {
        ApicMode::Xapic => {
            let (high, low) = icr.xapic().expect("an APIC id of xAPIC mode has eight bits");
            // The compiler must not move what was stored before behind the volatile write.
            compiler_fence(SeqCst);
            // What `send_again` sent may be on its way; and who sends again finds it idle.
            aim(high);
            write_page(Register::IcrLow, low);
            wait_until_accepted();
        }
        ApicMode::X2apic => send_x2apic(icr.x2apic()),
    }
}

/// Sends an encoded command in x2APIC mode.
///
/// WRMSR to an x2APIC register is not serializing (11.12.3): without the fences the IPI might overtake the
/// message.
#[inline(always)]
pub fn send_x2apic(command: u64) {
    // SAFETY: fences, and the ICR's MSR, which exists in x2APIC mode.
    unsafe {
        core::arch::asm!("mfence", "lfence", options(nostack, preserves_flags));
        Msr::new(X2APIC_MSR_BASE + (Register::IcrLow as u32 >> 4)).write(command);
    }
}

fn wait_until_accepted() {
    while read_page(Register::IcrLow) & SEND_PENDING != 0 {
        core::hint::spin_loop();
    }
}

fn read(register: Register) -> u32 {
    match mode() {
        ApicMode::Xapic => read_page(register),
        // SAFETY: in x2APIC mode these registers exist.
        ApicMode::X2apic => unsafe { Msr::new(msr_of(register)).read() as u32 },
    }
}

fn write(register: Register, value: u32) {
    match mode() {
        ApicMode::Xapic => write_page(register, value),
        // SAFETY: as in `read`.
        ApicMode::X2apic => unsafe { Msr::new(msr_of(register)).write(u64::from(value)) },
    }
}

/// Reads a register in xAPIC mode.
#[inline(always)]
fn read_page(register: Register) -> u32 {
    // SAFETY: the page is mapped, uncached, and every register is an aligned 32-bit word.
    unsafe { ptr::read_volatile(in_page(register)) }
}

/// Writes a register in xAPIC mode.
#[inline(always)]
fn write_page(register: Register, value: u32) {
    // SAFETY: as in `read_page`.
    unsafe { ptr::write_volatile(in_page(register), value) }
}

fn in_page(register: Register) -> *mut u32 {
    ptr::with_exposed_provenance_mut((XAPIC_VIRTUAL + register as u64) as usize)
}

fn msr_of(register: Register) -> u32 {
    X2APIC_MSR_BASE + (register as u32 >> 4)
}
