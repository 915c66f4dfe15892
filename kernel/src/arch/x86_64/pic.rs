//! The two 8259 interrupt controllers: off. At entry they are not masked, and IRQ 0 would arrive as
//! vector 8, which is the double fault's.
//!
//! A masked controller may still raise its lowest line, 7, when an interrupt goes away too early (Intel
//! 8259A, "spurious"). So both are moved behind the exceptions first, and those two vectors have a
//! handler that does nothing.

use super::{
    idt::vector,
    ports::{PIC1_COMMAND, PIC1_DATA, PIC2_COMMAND, PIC2_DATA, write_u8},
};

/// Initialisation word 1: edge-triggered, cascaded, word 4 follows.
const INITIALISE: u8 = 0x11;
/// Initialisation word 3: the second controller is at line 2 of the first.
const CASCADE: [u8; 2] = [1 << 2, 2];
/// Initialisation word 4: 8086 mode.
const MODE_8086: u8 = 0x01;
const ALL: u8 = 0xff;

/// Moves both behind the exceptions, and masks every line.
pub fn turn_off() {
    let controllers = [(PIC1_COMMAND, PIC1_DATA, vector::PIC1), (PIC2_COMMAND, PIC2_DATA, vector::PIC2)];
    for ((command, data, vector), cascade) in controllers.into_iter().zip(CASCADE) {
        write_u8(command, INITIALISE);
        for word in [vector, cascade, MODE_8086, ALL] {
            write_u8(data, word);
        }
    }
}
