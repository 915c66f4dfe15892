//! The way out: QEMU's `isa-debug-exit`.

use switchlab_records::ExitCode;

use super::{interrupts, ports::write_u8};

/// Ends the machine with `code`. Where there is no `isa-debug-exit`, halts for ever.
///
/// The write is asynchronous under emulation: the CPU runs on for a while, so it must not reach
/// anything else.
pub fn leave(code: ExitCode) -> ! {
    write_u8(ExitCode::PORT, code as u8);
    interrupts::halt_for_ever()
}
