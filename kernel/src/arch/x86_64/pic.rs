//! The two 8259 interrupt controllers: off. At entry they are not masked, and IRQ 0 would arrive as
//! vector 8, which is the double fault's.

use super::ports::{PIC1_DATA, PIC2_DATA, write_u8};

const ALL: u8 = 0xff;

/// Masks every line.
pub fn mask_all() {
    write_u8(PIC1_DATA, ALL);
    write_u8(PIC2_DATA, ALL);
}
