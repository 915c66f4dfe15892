//! Marks: the boundaries between the steps of a handoff, and the records of a trace, which say when a
//! CPU passed which. Only the marked kernel writes them; the measured one has no mark in its code.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{Mode, Unit};

/// A boundary between two steps: what has just happened. The step that it ends began at the mark before.
///
/// In a record it is its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Mark {
    /// The loop has checked the last number and is about to hand over the next.
    HandoffBegins = 1,
    /// The message is in the slot, and the flag says so.
    MessageStored = 2,
    /// The receiver's token is left: on its own CPU, it is woken.
    TokenLeft = 3,
    /// A task is made ready and is in the run queue.
    Enqueued = 4,
    /// The receiver's CPU can find the wake-up: in its inbox, or, on its line, by the message itself.
    Posted = 5,
    /// The ICR is written: the IPI is on its way.
    IpiSent = 6,
    /// There is no message yet: the task is blocked.
    Blocked = 7,
    /// The run queue was asked for the next task, and said one or none.
    Picked = 8,
    /// `switch_context` is about to begin.
    SwitchBegins = 9,
    /// `switch_context` has ended, in the context that it resumed.
    Switched = 10,
    /// The CPU is about to halt.
    HaltBegins = 11,
    /// The first instruction of the interrupt's handler.
    InterruptEntered = 12,
    /// The handler has counted the interrupt.
    InterruptCounted = 13,
    /// The handler has written the end of interrupt (EOI).
    InterruptAcknowledged = 14,
    /// The handler has returned, interrupts are off again.
    HaltEnded = 15,
    /// The CPU has looked at what came: at its line and its inbox.
    InboxTaken = 16,
    /// The task runs again and has taken its token.
    TokenTaken = 17,
    /// The message is taken, the slot is empty again.
    MessageTaken = 18,
}

impl Mark {
    /// All marks, by number.
    pub const ALL: [Self; 18] = [
        Self::HandoffBegins,
        Self::MessageStored,
        Self::TokenLeft,
        Self::Enqueued,
        Self::Posted,
        Self::IpiSent,
        Self::Blocked,
        Self::Picked,
        Self::SwitchBegins,
        Self::Switched,
        Self::HaltBegins,
        Self::InterruptEntered,
        Self::InterruptCounted,
        Self::InterruptAcknowledged,
        Self::HaltEnded,
        Self::InboxTaken,
        Self::TokenTaken,
        Self::MessageTaken,
    ];

    /// Its number, from 1.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Its name, as traces show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandoffBegins => "handoff-begins",
            Self::MessageStored => "message-stored",
            Self::TokenLeft => "token-left",
            Self::Enqueued => "enqueued",
            Self::Posted => "posted",
            Self::IpiSent => "ipi-sent",
            Self::Blocked => "blocked",
            Self::Picked => "picked",
            Self::SwitchBegins => "switch-begins",
            Self::Switched => "switched",
            Self::HaltBegins => "halt-begins",
            Self::InterruptEntered => "interrupt-entered",
            Self::InterruptCounted => "interrupt-counted",
            Self::InterruptAcknowledged => "interrupt-acknowledged",
            Self::HaltEnded => "halt-ended",
            Self::InboxTaken => "inbox-taken",
            Self::TokenTaken => "token-taken",
            Self::MessageTaken => "message-taken",
        }
    }
}

/// A number that is no mark's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMark(u8);

impl fmt::Display for NoMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is the number of no mark: they go from 1 to {}", self.0, Mark::ALL.len())
    }
}

impl core::error::Error for NoMark {}

impl TryFrom<u8> for Mark {
    type Error = NoMark;

    fn try_from(number: u8) -> Result<Self, NoMark> {
        let place = usize::from(number).checked_sub(1);
        place.and_then(|place| Self::ALL.get(place)).copied().ok_or(NoMark(number))
    }
}

/// How many events one [`Marks`] record holds at most: a line of them fits, whatever their ticks are.
pub const EVENTS_IN_A_RECORD: usize = 2_000;

/// The exchanges of one mode were traced. Its [`Marks`] follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// How control is handed over.
    pub mode: Mode,
    /// Exchanges, from the first after the warm-up on; a switch is half of one.
    pub exchanges: u64,
    /// What a TSC tick is.
    pub unit: Unit,
    /// The CPU of the side that asks, and of the one that answers, by `CpuId`. They may be one.
    pub cpus: [u32; 2],
    /// What a mark costs: the median of pairs with nothing between them, in TSC ticks. Each step is
    /// longer by this than it would be without marks.
    pub mark_ticks: u64,
    /// How many [`Marks`] follow.
    pub parts: u32,
}

/// Which marks a CPU passed, and when: a part of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// Which part of its [`Trace`], from 1. A CPU's parts follow each other.
    pub part: u32,
    /// The CPU, by `CpuId`.
    pub cpu: u32,
    /// The TSC at the first event.
    pub start_ticks: u64,
    /// In order: a [`Mark`]'s number, and the TSC ticks since the event before it; 0 for the first.
    pub events: Vec<(u8, u64)>,
}
