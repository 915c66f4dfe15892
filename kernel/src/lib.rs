//! switchlab's kernel: it brings the CPUs up, measures what it costs to hand the processor from one
//! flow of control to another, says so on the serial line, and ends.
//!
//! | module | what it owns |
//! |---|---|
//! | [`bring_up`] | the ordered list of steps from the loader to twelve idle CPUs |
//! | [`arch`] | CPUs, interrupts, timers: the only home of asm and CPU registers |
//! | [`mm`] | frames, page tables, task stacks with guard pages, the heap |
//! | [`sched`] | tasks on bare metal: the platform below `switchlab-sync`, spawn and join, fibers |
//! | [`thread`] | tasks that can be preempted: quantum, vector state |
//! | [`vm`] | guests under AMD SVM |
//! | [`container`] | what a process is given to see a part of the machine alone |
//! | [`user`] | processes: ring 3, address spaces, system calls |
//! | [`lock`] | the one lock, which counts that it was taken |
//! | [`foreign`] | the count of what no timed block may do |
//! | [`measure`] | how a block is timed and watched, whatever loop it is of |
//! | [`firmware`] | what the ACPI tables say |
//! | [`qualify`] | what the clock is worth, before anything is measured with it |
//! | [`experiments`] | one file each; what there is to measure |
//! | [`console`] | bytes to the UART, the human log |
//! | [`report`] | the only writer of records |
//! | [`crash`] | how a panic or a fault ends everything, whatever was going on |
//!
//! Principles:
//!
//! - Dependencies go one way: experiments, qualify → thread, vm, user → container, measure → sched → mm → arch. arch
//!   calls nothing above it but what was registered with it.
//! - Interrupts are off, but for the halt and one named window (see `switchlab-sync`), and while a thread or a
//!   process runs outside of the kernel's services.
//! - While a clock runs, nothing allocates, formats, prints or takes a lock: [`foreign`] counts it.
//! - Unsafe code stands in arch, mm and the narrowest part of sched and user; the lint below holds it there.
#![no_std]
#![deny(unsafe_code)]

extern crate alloc;

#[expect(unsafe_code, reason = "registers, descriptor tables, ports, asm")]
pub mod arch;
pub mod bring_up;
pub mod console;
pub mod container;
pub mod crash;
pub mod experiments;
pub mod firmware;
pub mod foreign;
pub mod lock;
pub mod measure;
#[expect(unsafe_code, reason = "page tables and raw memory")]
pub mod mm;
pub mod qualify;
pub mod report;
pub mod sched;
#[expect(unsafe_code, reason = "the running thread behind GS, and its save area")]
pub mod thread;
pub mod user;
pub mod vm;
