//! The two ways to let interrupts in, and the interrupt flag.
//!
//! The kernel runs with interrupts off, but for the bodies of threads. STI holds interrupts back for one more instruction (Intel
//! SDM vol. 2, STI), so nothing can come between `sti` and `hlt`: an interrupt that was pending, or
//! that arrives at any later instant, ends the halt. Any instruction in between would open the
//! classical lost wake-up: the interrupt comes, then the CPU halts for ever.

use core::arch::asm;

/// Lets interrupts in and halts until one was taken; returns with interrupts off.
#[inline(always)]
pub fn halt() {
    // SAFETY: runs handlers, which touch nothing but their counters, and comes back with the
    // interrupt flag as it was: off. The memory clobber (no `nomem`) makes what the handlers and
    // other CPUs wrote visible behind it.
    unsafe { asm!("sti", "hlt", "cli") }
}

/// Lets pending interrupts in; returns with interrupts off. For the scheduler alone, which looks at what they bring.
#[inline(always)]
pub(crate) fn window() {
    // SAFETY: as in `halt`. The `nop` is the instruction that STI's shadow covers; interrupts are
    // taken behind it.
    unsafe { asm!("sti", "nop", "cli") }
}

/// Turns interrupts on: for a thread, which can be preempted from now on.
#[inline(always)]
pub(crate) fn enable() {
    x86_64::instructions::interrupts::enable();
}

/// Turns interrupts off.
#[inline(always)]
pub fn disable() {
    x86_64::instructions::interrupts::disable();
}

/// Whether interrupts are on; outside `halt`, `window` and a thread's body they never are.
pub fn are_enabled() -> bool {
    x86_64::instructions::interrupts::are_enabled()
}

/// Halts for ever, deaf to all but NMI and reset.
pub fn halt_for_ever() -> ! {
    disable();
    loop {
        x86_64::instructions::hlt();
    }
}

/// Instruction and stack pointer about here: what a panic can say of its place besides its location.
#[inline(always)]
pub fn caller() -> (u64, u64) {
    let (rip, rsp);
    // SAFETY: reads two registers.
    unsafe {
        asm!("lea {}, [rip]", "mov {}, rsp", out(reg) rip, out(reg) rsp, options(nomem, nostack, preserves_flags))
    };
    (rip, rsp)
}
