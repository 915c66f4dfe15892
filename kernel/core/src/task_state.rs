//! The states of a task. Nobody writes one down: it follows from where the task is.

use core::fmt;

/// What a task is about.
///
/// ```text
///            picked              exit
///   Ready ───────────► Running ───────► Exited
///     ▲ ▲    yield      │   │ ▲
///     │ └───────────────┘   │ │ handed the CPU
///     │        wake         ▼ │
///     └───────────────── Blocked
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskState {
    /// In line, waiting for its CPU.
    Ready,
    /// On its CPU, or halted there where nobody else is ready.
    Running,
    /// Waiting for a wake-up or a message; not in line.
    Blocked,
    /// Done, for ever.
    Exited,
}

impl TaskState {
    /// The name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Blocked => "blocked",
            Self::Exited => "exited",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
