//! The codes that a guest leaves through QEMU's `isa-debug-exit` device, and what QEMU makes of
//! them.

/// I/O port of `isa-debug-exit`, as xtask configures it (QEMU's own default is 0x501).
const DEBUG_EXIT_PORT: u16 = 0xf4;

/// How a guest says that it ended.
///
/// QEMU exits with `(code << 1) | 1`, so 0, 1 and anything that is no code of ours can never be
/// taken for a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All that was asked was done and all checks held. Counts only with the end record.
    Pass = 0x10,
    /// A check failed; the failure records say which.
    Fail = 0x11,
    /// A panic or a CPU exception; the crash record says where.
    Panic = 0x12,
    /// The loader refused the kernel; its last line says why.
    Loader = 0x13,
}

impl ExitCode {
    /// The port that the code is written to, as one byte.
    pub const PORT: u16 = DEBUG_EXIT_PORT;

    /// The exit status that QEMU makes of this code.
    pub const fn qemu_status(self) -> i32 {
        2 * (self as i32) + 1
    }

    /// The code behind an exit status of QEMU, or `None` where no guest of ours left it.
    pub fn from_qemu_status(status: i32) -> Option<Self> {
        [Self::Pass, Self::Fail, Self::Panic, Self::Loader]
            .into_iter()
            .find(|code| code.qemu_status() == status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `exit((val << 1) | 1)` (QEMU, hw/misc/debugexit.c).
    #[test]
    fn status_is_what_qemu_makes_of_a_byte() {
        let statuses =
            [ExitCode::Pass, ExitCode::Fail, ExitCode::Panic, ExitCode::Loader].map(ExitCode::qemu_status);
        assert_eq!(statuses, [33, 35, 37, 39]);
    }

    #[test]
    fn no_code_is_what_qemu_exits_with_on_its_own() {
        for code in [ExitCode::Pass, ExitCode::Fail, ExitCode::Panic, ExitCode::Loader] {
            assert!(code.qemu_status() > 1);
            assert_eq!(ExitCode::from_qemu_status(code.qemu_status()), Some(code));
        }
    }

    #[test]
    fn foreign_status_is_no_code() {
        for status in [0, 1, 2, 127, 130, 137, 255] {
            assert_eq!(ExitCode::from_qemu_status(status), None);
        }
    }
}
