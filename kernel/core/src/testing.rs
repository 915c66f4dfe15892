//! Tables as firmware writes them, for the tests of `acpi` and `madt`.

use std::vec::Vec;

/// A whole table: header, `body`, and a checksum that holds.
pub fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(signature);
    bytes.extend_from_slice(&(36 + body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(b"BOCHS BXPC    \x01\0\0\0BXPC\x01\0\0\0");
    assert_eq!(bytes.len(), 36);
    bytes.extend_from_slice(body);
    fix_checksum(&mut bytes);
    bytes
}

/// Makes the whole table sum up to zero again, by the checksum byte of its header.
pub fn fix_checksum(table: &mut [u8]) {
    table[9] = 0;
    table[9] = sum(table).wrapping_neg();
}

/// All bytes added up, modulo 256.
pub fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
