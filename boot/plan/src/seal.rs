//! The seal of a kernel's file: a checksum of all of it, in the bytes of the ELF header that mean nothing (`EI_PAD`, System V
//! ABI, chapter 4, "ELF Identification"). By it the loader knows that the file is the one that was built, so that no bit
//! of it which has changed since is executed or measured, and none is missing at its end. Who builds a kernel seals it,
//! xtask the laboratory's; a file without a seal is taken as it is.

use core::ops::Range;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use crate::Refusal;

/// Where the seal is: first what it begins with, then the checksum, for which all of the seal is zeros.
const PLACE: Range<usize> = 9..16;
const MAGIC: [u8; 3] = *b"SL2";
const LENGTH: usize = PLACE.end - PLACE.start;
/// Bits of the magic that may be others: a seal that has changed is one all the same.
const DAMAGED: u32 = 4;

/// Sixteen tables, since the loader reads millions of bytes in an emulator.
const CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// Seals a file. One that is too short for an ELF header's first 16 bytes stays as it is.
pub fn put_on(file: &mut [u8]) {
    let Some(crc) = checksum(file) else { return };
    file[PLACE][..MAGIC.len()].copy_from_slice(&MAGIC);
    file[PLACE][MAGIC.len()..].copy_from_slice(&crc.to_le_bytes());
}

/// Whether a file has a seal, intact or not.
pub fn is_on(file: &[u8]) -> bool {
    sealed(file).is_some()
}

/// Holds a file against its seal, where it has one.
///
/// # Errors
///
/// [`Refusal::Changed`] where it is not the one that was sealed.
pub fn check(file: &[u8]) -> Result<(), Refusal> {
    // First: to read all of a file takes long.
    let Some((magic, sealed)) = sealed(file) else { return Ok(()) };
    match checksum(file) {
        Some(found) if magic != MAGIC || sealed != found => Err(Refusal::Changed { sealed, found }),
        _ => Ok(()),
    }
}

/// A seal's magic and its checksum.
fn sealed(file: &[u8]) -> Option<([u8; MAGIC.len()], u32)> {
    let (magic, crc) = file.get(PLACE)?.split_first_chunk()?;
    let changed: u32 = MAGIC.iter().zip(magic).map(|(good, found)| (good ^ found).count_ones()).sum();
    (changed <= DAMAGED).then_some((*magic, u32::from_le_bytes(*crc.first_chunk()?)))
}

/// Of the file as it was before it was sealed.
fn checksum(file: &[u8]) -> Option<u32> {
    let (before, after) = (file.get(..PLACE.start)?, file.get(PLACE.end..)?);
    let mut digest = CRC.digest();
    for bytes in [before, &[0; LENGTH], after] {
        digest.update(bytes);
    }
    Some(digest.finalize())
}
