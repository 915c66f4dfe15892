//! The states of a task, and which may follow which. The scheduler keeps a state in an atomic
//! byte and asks here before it changes one.

use core::fmt;

/// What a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TaskState {
    /// In a run queue, waiting for its CPU.
    Ready = 0,
    /// On its CPU.
    Running = 1,
    /// Waiting for a wake-up; in no run queue.
    Blocked = 2,
    /// Done, for ever.
    Exited = 3,
}

impl TaskState {
    /// All states, by number.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Running, Self::Blocked, Self::Exited];

    /// Whether `next` may follow this state.
    ///
    /// ```text
    ///            picked              exit
    ///   Ready ───────────► Running ───────► Exited
    ///     ▲ ▲    yield      │   │
    ///     │ └───────────────┘   │ block
    ///     │        wake         ▼
    ///     └───────────────── Blocked
    /// ```
    ///
    /// A blocked task never runs without having been ready: only a wake-up brings it back.
    pub const fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Ready, Self::Running)
                | (Self::Running, Self::Ready | Self::Blocked | Self::Exited)
                | (Self::Blocked, Self::Ready)
        )
    }

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

/// A byte that is no [`TaskState`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownState(pub u8);

impl fmt::Display for UnknownState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no task state (0 to 3)", self.0)
    }
}

impl core::error::Error for UnknownState {}

impl TryFrom<u8> for TaskState {
    type Error = UnknownState;

    fn try_from(byte: u8) -> Result<Self, UnknownState> {
        Self::ALL.get(usize::from(byte)).copied().ok_or(UnknownState(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::TaskState::{self, Blocked, Exited, Ready, Running};
    use super::UnknownState;

    #[test]
    fn five_transitions_are_legal_and_no_others() {
        let legal =
            [(Ready, Running), (Running, Ready), (Running, Blocked), (Running, Exited), (Blocked, Ready)];
        for from in TaskState::ALL {
            for to in TaskState::ALL {
                assert_eq!(from.can_become(to), legal.contains(&(from, to)), "{from} to {to}");
            }
        }
    }

    #[test]
    fn nothing_follows_exited() {
        assert!(TaskState::ALL.iter().all(|next| !Exited.can_become(*next)));
    }

    #[test]
    fn every_byte_is_a_state_or_refused() {
        for byte in 0..=u8::MAX {
            match TaskState::try_from(byte) {
                Ok(state) => assert_eq!(state as u8, byte),
                Err(error) => {
                    assert!(byte > 3);
                    assert_eq!(error, UnknownState(byte));
                }
            }
        }
    }
}
