//! Guests under AMD SVM: each has memory, tables and a processor's state of its own, and runs until it does what is
//! the VMM's to answer. The lowest level of the hierarchy: what is handed over is the whole machine.
//!
//! | module | what it owns |
//! |---|---|
//! | [`host`] | a CPU that runs guests: SVM on, the host's own state saved |
//! | [`vcpu`] | a guest's processor: its VMCB, its registers, the way in and what its exit means |
//! | [`memory`] | a guest's memory, and the tables that lead to it and to nothing else |
//! | [`image`] | what a guest runs |
//! | `pages` | pages that were used before and are again |
//! | [`pair`] | two guests on one CPU, measured |
//! | [`apart`] | two guests on two CPUs, measured |
//! | [`context`] | what a switch between them saves and restores |

pub mod apart;
pub mod context;
#[expect(unsafe_code, reason = "turns SVM on and off, for CPUs whose CPUID says that they have it")]
pub mod host;
#[expect(unsafe_code, reason = "asm, that only guests run")]
pub mod image;
pub mod memory;
mod pages;
pub mod pair;
#[expect(unsafe_code, reason = "the one VMRUN: here is known what the guest can reach")]
pub mod vcpu;

use core::fmt;

use switchlab_core::svm::{NoSvm, Stop};

pub use self::{
    host::Host,
    image::Image,
    memory::Paging,
    pair::{Kind, Ran, Route},
    vcpu::{Exit, Fpu, Interrupt, Masked, SystemRegisters, Vcpu},
};
use crate::mm::StackError;

/// Whether guests can be run like this on the running CPU.
///
/// # Errors
///
/// [`Why`] not.
pub fn detect(paging: Paging) -> Result<(), Why> {
    let svm = crate::arch::svm::detect()?;
    if paging == Paging::Nested && !svm.nested_paging { Err(Why::NoNestedPaging) } else { Ok(()) }
}

/// Why nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There can be no guests.
    NoSvm(NoSvm),
    /// SVM is there, nested paging is not.
    NoNestedPaging,
    /// There is no memory for guests.
    OutOfMemory,
    /// All names of address spaces are in use.
    TooManyGuests,
    /// There is no stack for a task.
    Stack(StackError),
    /// A guest was stopped.
    Stopped(Stop),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSvm(why) => why.fmt(f),
            Self::NoNestedPaging => {
                f.write_str("this CPU has SVM without nested paging (CPUID 8000_000Ah, EDX bit 0)")
            }
            Self::OutOfMemory => f.write_str("no memory for guests: give the machine more"),
            Self::TooManyGuests => f.write_str("as many guests as the CPU has names for address spaces"),
            Self::Stack(error) => error.fmt(f),
            Self::Stopped(stop) => write!(f, "a guest was stopped: {stop}"),
        }
    }
}

impl From<NoSvm> for Why {
    fn from(why: NoSvm) -> Self {
        Self::NoSvm(why)
    }
}

impl From<StackError> for Why {
    fn from(error: StackError) -> Self {
        Self::Stack(error)
    }
}
