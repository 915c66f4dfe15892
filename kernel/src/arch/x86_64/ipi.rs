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

use super::{
    apic,
    idt::{self, vector},
    percpu,
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

/// Sends the wake-up IPI.
#[inline(always)]
pub fn send_wake_up(to: ApicId) {
    apic::send(Icr::new(Delivery::Fixed(vector::WAKE_UP), Destination::One(to)));
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
extern "C" fn wake_up_xapic() {
    naked_asm!(
        "inc qword ptr gs:[{taken}]",
        "mov dword ptr [{eoi}], 0",
        "iretq",
        taken = const percpu::IPIS_TAKEN,
        eoi = const (apic::XAPIC_VIRTUAL + apic::XAPIC_EOI) as i64 as i32,
    )
}

/// Acknowledges by MSR, which takes three registers, and returns.
macro_rules! x2apic_end_of_interrupt {
    () => {
        "push rax
         push rcx
         push rdx
         xor eax, eax
         xor edx, edx
         mov ecx, {eoi}
         wrmsr
         pop rdx
         pop rcx
         pop rax
         iretq"
    };
}

/// As above, in x2APIC mode.
#[unsafe(naked)]
extern "C" fn wake_up_x2apic() {
    naked_asm!(
        "inc qword ptr gs:[{taken}]",
        x2apic_end_of_interrupt!(),
        taken = const percpu::IPIS_TAKEN,
        eoi = const apic::X2APIC_EOI_MSR,
    )
}

/// A tick's only effect is that a halt ends.
#[unsafe(naked)]
extern "C" fn tick_xapic() {
    naked_asm!(
        "mov dword ptr [{eoi}], 0",
        "iretq",
        eoi = const (apic::XAPIC_VIRTUAL + apic::XAPIC_EOI) as i64 as i32,
    )
}

/// See [`tick_xapic`].
#[unsafe(naked)]
extern "C" fn tick_x2apic() {
    naked_asm!(
        x2apic_end_of_interrupt!(),
        eoi = const apic::X2APIC_EOI_MSR,
    )
}

/// A spurious interrupt is not acknowledged (Intel SDM vol. 3, 11.9; Intel 8259A).
#[unsafe(naked)]
extern "C" fn spurious() {
    naked_asm!("iretq")
}
