//! Inter-processor interrupts: the wake-up, and the NMI that stops everybody.
//!
//! The handler of the wake-up does the least that a handler can: it counts and acknowledges. What
//! the wake-up asks for is done by the CPU behind its halt, with interrupts off again.

use core::arch::naked_asm;

use switchlab_core::{
    ApicId,
    icr::{Delivery, Destination, Icr},
};
use switchlab_records::ApicMode;
#[cfg(feature = "marks")]
use switchlab_records::Mark;
use switchlab_sync::Words;

#[cfg(feature = "marks")]
use super::mark;
use super::{
    apic,
    idt::{self, vector},
    percpu, trap,
};

/// Registers the handlers, fit for the APIC mode that was chosen. Once, on the BSP.
pub fn init() {
    let (wake_up, tick) = match apic::mode() {
        ApicMode::Xapic => (wake_up_xapic as *const (), tick_xapic as *const ()),
        ApicMode::X2apic => (wake_up_x2apic as *const (), tick_x2apic as *const ()),
    };
    // SAFETY: these are interrupt handlers in asm that end in `iretq`.
    unsafe {
        idt::set_handler(vector::WAKE_UP, wake_up.addr());
        idt::set_handler(vector::TICK, tick.addr());
        let pics = [vector::PIC1, vector::PIC2].map(|first| first + vector::PIC_SPURIOUS_LINE);
        for vector in [vector::SPURIOUS, pics[0], pics[1]] {
            idt::set_handler(vector, (spurious as *const ()).addr());
        }
    }
}

/// What a wake-up IPI to the CPU with this hardware id is sent by, for its [`Words::TARGET`]: in xAPIC mode the
/// high half of the command, whose bits 0 to 23 are 0; in x2APIC mode the whole command, whose are not.
pub fn target(id: ApicId) -> u64 {
    let command = wake_up(id);
    match apic::mode() {
        ApicMode::Xapic => command.xapic().map_or(0, |(high, _)| u64::from(high)),
        ApicMode::X2apic => command.x2apic(),
    }
}

/// The command's low half in xAPIC mode, which is the same whomever it goes to.
pub const WAKE_UP_LOW: u32 = match wake_up(ApicId::new(0)).xapic() {
    Ok((_, low)) => low,
    Err(_) => panic!("0 is an APIC id of xAPIC mode"),
};

const _: () = assert!(WAKE_UP_LOW & 0xff_ffff != 0, "a target tells its mode");

const fn wake_up(to: ApicId) -> Icr {
    Icr::new(Delivery::Fixed(vector::WAKE_UP), Destination::One(to))
}

/// Sends the wake-up IPI to the CPU with these words.
pub fn send_wake_up(to: &Words) {
    let target = to.get(Words::TARGET);
    if is_x2apic(target) {
        apic::send_x2apic(target);
    } else {
        apic::send(wake_up(ApicId::new(target as u32 >> 24)));
    }
}

/// The same, where the last one to that CPU was accepted, so that in xAPIC mode the ICR is idle if it was this
/// CPU's last: it is then sent again by one write.
#[inline(always)]
pub fn send_wake_up_again(to: &Words) {
    let target = to.get(Words::TARGET);
    if percpu::icr_high_is(target) {
        apic::send_again(WAKE_UP_LOW);
    } else if is_x2apic(target) {
        apic::send_x2apic(target);
    } else {
        send_wake_up(to);
    }
}

#[inline(always)]
fn is_x2apic(target: u64) -> bool {
    target & 0xff_ffff != 0
}

/// Sends a tick: ends a halt of `to`, and is not counted.
pub fn send_tick(to: ApicId) {
    apic::send(Icr::new(Delivery::Fixed(vector::TICK), Destination::One(to)));
}

/// Sends an NMI to every other CPU.
pub fn send_nmi_to_others() {
    apic::send(Icr::new(Delivery::Nmi, Destination::AllButSelf));
}

/// Counts and acknowledges; needs no register. `inc` on memory is one instruction, and only this
/// CPU writes the counter, so it needs no lock prefix.
#[unsafe(naked)]
pub(super) extern "C" fn wake_up_xapic() {
    naked_asm!(
        #[cfg(feature = "marks")]
        "call {entered}",
        "inc qword ptr gs:[{taken}]",
        #[cfg(feature = "marks")]
        "call {counted}",
        "mov dword ptr [{eoi}], 0",
        #[cfg(feature = "marks")]
        "call {acknowledged}",
        "iretq",
        taken = const percpu::IPIS_TAKEN,
        eoi = const (apic::XAPIC_VIRTUAL + apic::XAPIC_EOI) as i64 as i32,
        #[cfg(feature = "marks")]
        entered = sym mark::stub::<{ Mark::InterruptEntered.number() }>,
        #[cfg(feature = "marks")]
        counted = sym mark::stub::<{ Mark::InterruptCounted.number() }>,
        #[cfg(feature = "marks")]
        acknowledged = sym mark::stub::<{ Mark::InterruptAcknowledged.number() }>,
    )
}

/// Does this with the registers that it takes to acknowledge by MSR.
macro_rules! with_acknowledging {
    ($with:ident) => { trap::$with!("rax" "rcx" "rdx") };
}

/// Words that are pushed and popped as a wake-up ends a halt: by the processor, and by the handler.
pub fn wake_up_words() -> usize {
    trap::PUSHED_BY_PROCESSOR
        + match apic::mode() {
            ApicMode::Xapic => 0,
            ApicMode::X2apic => with_acknowledging!(how_many),
        }
}

/// Acknowledges by MSR, which takes three registers. The wake-up's handler and the tick's share this text and
/// no code: a jump into a common end would be one instruction more in what is measured, and falling into it
/// would leave a tick with the wake-up's marks.
macro_rules! x2apic_acknowledge {
    () => {
        concat!(
            with_acknowledging!(push),
            "xor eax, eax
             xor edx, edx
             mov ecx, {eoi}
             wrmsr"
        )
    };
}

/// Gives the registers back and returns.
macro_rules! x2apic_return {
    () => {
        concat!(with_acknowledging!(pop), "iretq")
    };
}

/// As above, in x2APIC mode.
#[unsafe(naked)]
pub(super) extern "C" fn wake_up_x2apic() {
    naked_asm!(
        #[cfg(feature = "marks")]
        "call {entered}",
        "inc qword ptr gs:[{taken}]",
        #[cfg(feature = "marks")]
        "call {counted}",
        x2apic_acknowledge!(),
        #[cfg(feature = "marks")]
        "call {acknowledged}",
        x2apic_return!(),
        taken = const percpu::IPIS_TAKEN,
        eoi = const apic::X2APIC_EOI_MSR,
        #[cfg(feature = "marks")]
        entered = sym mark::stub::<{ Mark::InterruptEntered.number() }>,
        #[cfg(feature = "marks")]
        counted = sym mark::stub::<{ Mark::InterruptCounted.number() }>,
        #[cfg(feature = "marks")]
        acknowledged = sym mark::stub::<{ Mark::InterruptAcknowledged.number() }>,
    )
}

/// A tick's only effect is that a halt ends.
#[unsafe(naked)]
pub(super) extern "C" fn tick_xapic() {
    naked_asm!(
        "mov dword ptr [{eoi}], 0",
        "iretq",
        eoi = const (apic::XAPIC_VIRTUAL + apic::XAPIC_EOI) as i64 as i32,
    )
}

/// See [`tick_xapic`].
#[unsafe(naked)]
pub(super) extern "C" fn tick_x2apic() {
    naked_asm!(
        x2apic_acknowledge!(),
        x2apic_return!(),
        eoi = const apic::X2APIC_EOI_MSR,
    )
}

/// A spurious interrupt is not acknowledged (Intel SDM vol. 3, 11.9; Intel 8259A).
#[unsafe(naked)]
pub(super) extern "C" fn spurious() {
    naked_asm!("iretq")
}
