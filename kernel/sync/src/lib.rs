//! How tasks wait for each other: park and wake, the channel, the run queue, and the hand-over
//! between CPUs. The kernel, a host thread and a model checker (`kernel/sync/model`) run this same code; what
//! differs between them stands behind [`Platform`].
//!
//! - [`platform`]: what a platform gives: its CPUs, an IPI, a halt, an interrupt window.
//! - [`task`]: a task, as far as the protocols need it.
//! - [`cpu`]: the scheduler of one CPU: who runs, who is ready, block, yield, exit.
//! - `run_queue`: the ready tasks of one CPU, in line.
//! - [`words`]: the words of a CPU that all of these touch.
//! - `inbox`: wake-ups on their way to a CPU.
//! - `park`: a `Parker`, on which one task waits and which any CPU wakes.
//! - [`channel`]: one slot, one sender, one receiver, on any CPUs.
//! - [`gate`]: one task calls, another of its CPU answers: the CPU goes with the call.
//! - [`free`]: tasks that are bound to no CPU, and the CPUs that run them.
//! - `queue_lock`: the one lock here, which those need.
//! - [`slot`]: one word between two CPUs, for who waits without a scheduler.
//! - [`start_up`]: what a CPU that starts is given, before there is any of the above on it.
//! - [`outside`]: where all of it stands, for who looks from outside.
//! - `atomic`: the atomics, under one name, so that the model checker's replace them.
//!
//! # The rules all of it relies on
//!
//! 1. **Interrupts are off** wherever this code runs. They are let in in two ways only, both in
//!    [`cpu`]: by the halt, of a CPU with nothing to run or of who [sleeps](Slot::sleep) without a scheduler; and by
//!    the window, which a task opens as it gives way while a wake-up is on its way, or
//!    [to count](Cpu::take_arrived). A platform's thread, which has them on for itself, turns them off before it comes
//!    here. So what belongs to a CPU (its queue, its tokens, its counters) needs no lock and no
//!    locked instruction.
//! 2. **A task stays on its CPU.** Its run-queue link and its tokens are touched by that CPU alone.
//!    Other CPUs reach it by posting to the CPU's inbox, or by a message on the CPU's line, and
//!    sending an IPI.
//!    Tasks that move are not this crate's [`Task`]s: see [`free`].
//! 3. **The interrupt handler only counts** ([`Cpu::take_ipi`]). The work that an IPI asks for is
//!    done by the CPU itself, behind the halt or the window that took it. Line and
//!    inbox are looked at only when an IPI was taken since the last look. A platform's timer may do more: in the name of
//!    a thread, which has interrupts on, it yields.
#![no_std]
#![deny(unsafe_code)]

mod atomic;
pub mod channel;
pub mod cpu;
pub mod free;
pub mod gate;
mod inbox;
pub mod outside;
mod park;
pub mod platform;
mod queue_lock;
mod run_queue;
pub mod slot;
pub mod start_up;
pub mod task;
pub mod words;

#[cfg(modelled)]
pub use atomic::modelled;
pub use channel::{Away, Channel, Receiver, Sender};
pub use cpu::{Counters, Cpu};
pub use gate::Gate;
pub use platform::Platform;
pub use slot::Slot;
pub use start_up::StartUp;
pub use task::Task;
pub use words::Words;

use park::Parker;
