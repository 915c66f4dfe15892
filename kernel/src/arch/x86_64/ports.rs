//! I/O ports, by name.

use x86_64::instructions::port::Port;

/// PIC 1 and 2, command (Intel 8259A).
pub const PIC1_COMMAND: u16 = 0x20;
/// See [`PIC1_COMMAND`].
pub const PIC2_COMMAND: u16 = 0xa0;
/// PIC 1 and 2, data: the interrupt masks (Intel 8259A).
pub const PIC1_DATA: u16 = 0x21;
/// See [`PIC1_DATA`].
pub const PIC2_DATA: u16 = 0xa1;
/// PIT channel 2, count (Intel 8254).
pub const PIT_CHANNEL_2: u16 = 0x42;
/// PIT mode and command.
pub const PIT_COMMAND: u16 = 0x43;
/// NMI status and control: gate (bit 0), speaker (bit 1) and output (bit 5) of PIT channel 2.
pub const SYSTEM_CONTROL: u16 = 0x61;
/// First serial line.
pub const COM1: u16 = 0x3f8;

/// Reads a byte.
pub(super) fn read_u8(port: u16) -> u8 {
    // SAFETY: the ports above and the callers' timers have no effect on memory.
    unsafe { Port::new(port).read() }
}

/// Reads four bytes.
pub(super) fn read_u32(port: u16) -> u32 {
    // SAFETY: as in `read_u8`.
    unsafe { Port::new(port).read() }
}

/// Writes a byte.
pub(super) fn write_u8(port: u16, value: u8) {
    // SAFETY: the callers write to interrupt masks, timers and the debug-exit device; none has an
    // effect on memory.
    unsafe { Port::new(port).write(value) }
}
