//! The seal of a kernel's file: a checksum of all of it, behind its last byte. By it the loader knows that the file is
//! the one that was built, so that no bit of it which has changed since is executed or measured. Who builds a kernel
//! seals it, xtask the laboratory's; a file without a seal is taken as it is.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use crate::Refusal;

/// What a seal begins with.
const MAGIC: [u8; 8] = *b"SLSEAL01";
/// Bits of it that may be others: a seal that has changed is one all the same.
const DAMAGED: u32 = 8;
/// Bytes of a seal.
pub const LENGTH: usize = MAGIC.len() + size_of::<u32>();

/// Sixteen tables, since the loader reads millions of bytes in an emulator.
const CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// What seals a file of these bytes.
pub fn of(bytes: &[u8]) -> [u8; LENGTH] {
    let mut seal = [0; LENGTH];
    seal[..MAGIC.len()].copy_from_slice(&MAGIC);
    seal[MAGIC.len()..].copy_from_slice(&CRC.checksum(bytes).to_le_bytes());
    seal
}

/// Whether a file has a seal, intact or not.
pub fn is_on(file: &[u8]) -> bool {
    split(file).is_some()
}

/// A file's own bytes, without its seal.
///
/// # Errors
///
/// [`Refusal::Changed`] where they are not those that were sealed.
pub fn open(file: &[u8]) -> Result<&[u8], Refusal> {
    let Some((bytes, seal)) = split(file) else { return Ok(file) };
    let found = of(bytes);
    if *seal == found {
        Ok(bytes)
    } else {
        Err(Refusal::Changed { sealed: crc_of(seal), found: crc_of(&found) })
    }
}

fn split(file: &[u8]) -> Option<(&[u8], &[u8; LENGTH])> {
    let (bytes, seal) = file.split_last_chunk()?;
    let changed: u32 = MAGIC.iter().zip(seal).map(|(magic, found)| (magic ^ found).count_ones()).sum();
    (changed <= DAMAGED).then_some((bytes, seal))
}

fn crc_of(seal: &[u8; LENGTH]) -> u32 {
    seal.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc))
}
