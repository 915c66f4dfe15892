//! Recognising the RSDP, where the ACPI tables start. Source: ACPI 6.5, 5.2.5.

/// The RSDP starts at a multiple of this many bytes.
pub const ALIGNMENT: usize = 16;

/// Size in bytes of the part that every version has and that the first checksum covers.
const SIZE: usize = 20;

const SIGNATURE: &[u8] = b"RSD PTR ";

/// Whether `bytes` start with an RSDP whose checksum holds.
pub fn is_rsdp(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
        && bytes
            .get(..SIZE)
            .is_some_and(|rsdp| rsdp.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == 0)
}

/// The offset of the first RSDP in `memory`, which starts at a multiple of [`ALIGNMENT`].
pub fn find(memory: &[u8]) -> Option<usize> {
    (0..memory.len()).step_by(ALIGNMENT).find(|start| is_rsdp(&memory[*start..]))
}
