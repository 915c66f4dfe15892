//! x86_64: CPUs, interrupts, timers. The only home of asm, control registers, MSRs and ports.
//!
//! Nothing here knows tasks or experiments. What a fatal exception leads to is registered with
//! [`trap::set_fatal_handler`].

pub mod apic;
pub mod clock;
pub mod exit;
pub mod fpu;
pub mod gdt;
pub mod idt;
pub mod interrupts;
pub mod ipi;
pub mod machine;
#[cfg(feature = "marks")]
pub mod mark;
pub mod mwait;
pub mod percpu;
pub mod pic;
pub mod ports;
pub mod preempt;
pub mod ring3;
pub mod smp;
pub mod svm;
mod trampoline;
pub mod trap;
pub mod tsc;
pub mod uart;
pub mod xsave;
