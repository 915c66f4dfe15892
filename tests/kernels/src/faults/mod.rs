//! Faults that the machine, or the kernel itself, does to a run of the laboratory: by words on the command line,
//! `fault=NAME at=N`. What `N` counts each fault says; the host draws it.

pub mod clock;
pub mod cpus;
pub mod exceptions;
pub mod firmware;
pub mod heap;
mod interrupts;
pub mod program;
mod register;
mod stack;
pub mod strike;

use alloc::{string::String, vec::Vec};

/// What is done, and at which number.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What.
    pub fault: Fault,
    /// When, or where.
    pub at: u64,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A bit of the MADT is another one.
    MadtChecksum,
    /// An entry of the MADT has another length.
    MadtLength,
    /// Two entries of the MADT name one CPU.
    MadtDuplicate,
    /// The MADT lists a CPU that there is not.
    ApMissing,
    /// A CPU comes as another is called.
    ApLate,
    /// One CPU alone takes the NMI that is injected.
    Nmi,
    /// A wake-up IPI that nobody sent, to the CPU that waits.
    IpiSpurious,
    /// The wake-up IPI goes to nobody.
    IpiLost,
    /// The wake-up IPI comes once more, and is taken by itself.
    IpiDoubled,
    /// The wake-up IPI comes once more, and is taken with the next.
    IpiMerged,
    /// A task is woken twice that is not to be woken.
    WakeDoubled,
    /// The wake-up's handler does not acknowledge.
    EoiLeftOut,
    /// A register that a call keeps is another one behind a switch.
    RegisterLost,
    /// The counter of the CPU that asks goes on from a later time.
    TscForward,
    /// From an earlier one.
    TscBack,
    /// The last word of a task's stack is another one.
    CanaryOverwritten,
    /// Nothing is left of the heap.
    HeapExhausted,
    /// A task writes where nothing is.
    PageFault,
    /// A task uses its stack up.
    StackOverflow,
    /// An exception finds no stack.
    DoubleFault,
    /// An exception finds no handler, and neither does what comes of that.
    TripleFault,
    /// A CPU halts for ever.
    Hang,
    /// A process that is measured reads where nothing is.
    ProcessFaults,
}

impl Fault {
    const ALL: [(&'static str, Self); 23] = [
        ("madt-checksum", Self::MadtChecksum),
        ("madt-length", Self::MadtLength),
        ("madt-duplicate", Self::MadtDuplicate),
        ("ap-missing", Self::ApMissing),
        ("ap-late", Self::ApLate),
        ("nmi", Self::Nmi),
        ("ipi-spurious", Self::IpiSpurious),
        ("ipi-lost", Self::IpiLost),
        ("ipi-doubled", Self::IpiDoubled),
        ("ipi-merged", Self::IpiMerged),
        ("wake-doubled", Self::WakeDoubled),
        ("eoi-left-out", Self::EoiLeftOut),
        ("register-lost", Self::RegisterLost),
        ("tsc-forward", Self::TscForward),
        ("tsc-back", Self::TscBack),
        ("canary-overwritten", Self::CanaryOverwritten),
        ("heap-exhausted", Self::HeapExhausted),
        ("page-fault", Self::PageFault),
        ("stack-overflow", Self::StackOverflow),
        ("double-fault", Self::DoubleFault),
        ("triple-fault", Self::TripleFault),
        ("hang", Self::Hang),
        ("page-fault-in-ring-3", Self::ProcessFaults),
    ];
}

impl Plan {
    /// Takes it out of a command line; the rest is the laboratory's.
    ///
    /// # Panics
    ///
    /// Where it is not there.
    pub fn take(command_line: &str) -> (Self, String) {
        let (mut fault, mut at) = (None, None);
        let mut rest = Vec::new();
        for word in command_line.split_whitespace() {
            match word.split_once('=') {
                Some(("fault", name)) => fault = Fault::ALL.into_iter().find(|(known, _)| *known == name),
                Some(("at", number)) => at = number.parse().ok(),
                _ => rest.push(word),
            }
        }
        let (Some((_, fault)), Some(at)) = (fault, at) else {
            panic!("`{command_line}` has no `fault=` and `at=` that this kernel knows");
        };
        (Self { fault, at }, rest.join(" "))
    }
}
