//! The steps of a handoff, by the mark that ends each.

use serde::{Serialize, Serializer};
use switchlab_records::Mark;

/// A step of a handoff. In the order in which a handoff takes them; `Step as usize` is the place in
/// [`Step::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The loop around it.
    Loop,
    /// The message goes into the slot.
    MessageStore,
    /// Another CPU is told that something has come.
    Notice,
    /// The IPI is sent.
    IcrWrite,
    /// A token is left for the receiver.
    Wake,
    /// The run queue is put into and asked.
    RunQueue,
    /// The task that sent finds no message for itself.
    Block,
    /// What the scheduler does before it switches.
    SwitchSetUp,
    /// The switch.
    Switch,
    /// The CPU stops, until it is interrupted.
    Halt,
    /// The interrupt's handler counts.
    InterruptHandler,
    /// The handler says that it is done.
    Eoi,
    /// The handler returns.
    InterruptReturn,
    /// The CPU looks at what came.
    Look,
    /// The task that was woken goes on.
    Return,
    /// The message is taken out of the slot.
    MessageTake,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 16] = [
        Self::Loop,
        Self::MessageStore,
        Self::Notice,
        Self::IcrWrite,
        Self::Wake,
        Self::RunQueue,
        Self::Block,
        Self::SwitchSetUp,
        Self::Switch,
        Self::Halt,
        Self::InterruptHandler,
        Self::Eoi,
        Self::InterruptReturn,
        Self::Look,
        Self::Return,
        Self::MessageTake,
    ];

    /// The one that begins on one CPU and ends on another: there the interrupt is entered.
    pub const ONE_WAY: Self = Self::ended_by(Mark::InterruptEntered);

    /// The step that ends at `mark`.
    pub const fn ended_by(mark: Mark) -> Self {
        match mark {
            Mark::HandoffBegins => Self::Loop,
            Mark::MessageStored => Self::MessageStore,
            Mark::Posted => Self::Notice,
            Mark::IpiSent => Self::IcrWrite,
            Mark::TokenLeft => Self::Wake,
            Mark::Enqueued | Mark::Picked => Self::RunQueue,
            Mark::Blocked => Self::Block,
            Mark::SwitchBegins => Self::SwitchSetUp,
            Mark::Switched => Self::Switch,
            Mark::HaltBegins | Mark::InterruptEntered => Self::Halt,
            Mark::InterruptCounted => Self::InterruptHandler,
            Mark::InterruptAcknowledged => Self::Eoi,
            Mark::HaltEnded => Self::InterruptReturn,
            Mark::InboxTaken => Self::Look,
            Mark::TokenTaken => Self::Return,
            Mark::MessageTaken => Self::MessageTake,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::MessageStore => "message store",
            Self::Notice => "notice",
            Self::IcrWrite => "ICR write",
            Self::Wake => "wake",
            Self::RunQueue => "run queue",
            Self::Block => "block",
            Self::SwitchSetUp => "switch set-up",
            Self::Switch => "switch",
            Self::Halt => "halt, interrupt entry",
            Self::InterruptHandler => "interrupt handler",
            Self::Eoi => "EOI",
            Self::InterruptReturn => "interrupt return",
            Self::Look => "look",
            Self::Return => "return",
            Self::MessageTake => "message take",
        }
    }

    /// What it does, in a line.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Loop => "checks the number, makes the next",
            Self::MessageStore => "finds the slot empty, or who waits at it; stores the message and says so",
            Self::Notice => "tells the receiver's CPU that something has come",
            Self::IcrWrite => "writes the ICR: sends the IPI",
            Self::Wake => "leaves the receiver's token, sees that it is blocked",
            Self::RunQueue => "puts the receiver in; takes the next task out, or finds none",
            Self::Block => "goes to receive, finds no message, blocks the task",
            Self::SwitchSetUp => "makes the next task current, counts",
            Self::Switch => "switch_context: saves one context, resumes the other",
            Self::Halt => "counts, sti, hlt, to the handler's first instruction",
            Self::InterruptHandler => "counts the interrupt",
            Self::Eoi => "tells the local APIC that the interrupt is done",
            Self::InterruptReturn => "iretq, cli",
            Self::Look => "sees that an IPI was taken, and what has come",
            Self::Return => "goes back to where it waited, takes the token",
            Self::MessageTake => "reads the message, empties the slot, counts the handoff",
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
