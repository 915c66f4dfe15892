//! The ACPI tables that lead to the CPUs and to the reference clocks, as slices. The kernel's
//! bring-up maps physical memory and hands the bytes in; nothing here follows an address.
//!
//! The way: [`Rsdp::parse`] gives the root table's address, [`root_entries`] the addresses of the
//! others, [`SdtHeader::parse`] says what each is and how long; then [`crate::madt`] for the
//! CPUs, [`pm_timer`] and [`hpet_base`] for the clocks.

use core::fmt;

/// Length in bytes of the header that every system description table starts with
/// (ACPI 6.5, 5.2.6).
pub const SDT_HEADER_LENGTH: usize = 36;

/// Length in bytes of an RSDP of revision 2, the longest; 20 of them are all that revision 0 has.
pub const RSDP_LENGTH: usize = 36;

const RSDP_V1_LENGTH: usize = 20;
const RSDP_SIGNATURE: &str = "RSD PTR ";

/// What is wrong with a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcpiError {
    /// Fewer bytes than the table's fixed part.
    TooShort {
        /// Bytes that the fixed part has.
        needed: usize,
        /// Bytes that were there.
        found: usize,
    },
    /// Another table than the one that was asked for.
    Signature {
        /// The signature that the table should have.
        expected: &'static str,
    },
    /// The table's own length is smaller than its header, larger than the bytes that were there,
    /// or no whole number of entries.
    Length {
        /// What the table says.
        stated: u32,
        /// Bytes that were there.
        found: usize,
    },
    /// The bytes do not sum up to zero.
    Checksum,
    /// The HPET's registers are not in memory, or at address 0.
    HpetAddress {
        /// Address space id (ACPI 6.5, 5.2.3.2); 0 is memory.
        space: u8,
        /// The address there.
        address: u64,
    },
}

impl fmt::Display for AcpiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { needed, found } => write!(f, "{found} bytes, at least {needed} expected"),
            Self::Signature { expected } => write!(f, "signature is not {expected:?}"),
            Self::Length { stated, found } => {
                write!(f, "stated length of {stated} bytes does not fit ({found} bytes there)")
            }
            Self::Checksum => write!(f, "checksum is wrong: the bytes do not sum up to 0"),
            Self::HpetAddress { space, address } => {
                write!(f, "HPET at {address:#x} in address space {space}, memory (0) expected")
            }
        }
    }
}

impl core::error::Error for AcpiError {}

/// The root pointer: where the table of tables is (ACPI 6.5, 5.2.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rsdp {
    /// Physical address of the RSDT, whose entries have 4 bytes.
    Rsdt(u32),
    /// Physical address of the XSDT, whose entries have 8 bytes.
    Xsdt(u64),
}

impl Rsdp {
    /// Reads the root pointer from its bytes; [`RSDP_LENGTH`] of them are enough for what
    /// firmware writes.
    ///
    /// Revision 2 and later point to the XSDT, which comes before the RSDT where both are there.
    ///
    /// # Errors
    ///
    /// [`AcpiError`] for bytes that are no RSDP: both checksums must hold where there are two.
    pub fn parse(bytes: &[u8]) -> Result<Self, AcpiError> {
        let v1 = bytes
            .get(..RSDP_V1_LENGTH)
            .ok_or(AcpiError::TooShort { needed: RSDP_V1_LENGTH, found: bytes.len() })?;
        if !v1.starts_with(RSDP_SIGNATURE.as_bytes()) {
            return Err(AcpiError::Signature { expected: RSDP_SIGNATURE });
        }
        check_sum(v1)?;
        let rsdt = Self::Rsdt(le_u32(v1, 16));
        let revision = v1[15];
        if revision < 2 {
            return Ok(rsdt);
        }
        if bytes.len() < RSDP_LENGTH {
            return Err(AcpiError::TooShort { needed: RSDP_LENGTH, found: bytes.len() });
        }
        check_sum(stated_part(bytes, le_u32(bytes, 20), RSDP_LENGTH)?)?;
        match le_u64(bytes, 24) {
            0 => Ok(rsdt),
            address => Ok(Self::Xsdt(address)),
        }
    }

    /// Physical address of the root table, whichever it is.
    pub const fn address(self) -> u64 {
        match self {
            Self::Rsdt(address) => address as u64,
            Self::Xsdt(address) => address,
        }
    }
}

/// The first bytes of a table: what it is and how many bytes to map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdtHeader {
    /// Four ASCII characters.
    pub signature: [u8; 4],
    /// Bytes of the whole table, this header included; at least [`SDT_HEADER_LENGTH`].
    pub length: u32,
    /// Revision of the table.
    pub revision: u8,
}

impl SdtHeader {
    /// Reads a header from the first [`SDT_HEADER_LENGTH`] bytes of a table (ACPI 6.5, 5.2.6).
    /// The checksum covers the whole table and is not looked at.
    ///
    /// # Errors
    ///
    /// [`AcpiError::TooShort`] or [`AcpiError::Length`].
    pub fn parse(bytes: &[u8]) -> Result<Self, AcpiError> {
        if bytes.len() < SDT_HEADER_LENGTH {
            return Err(AcpiError::TooShort { needed: SDT_HEADER_LENGTH, found: bytes.len() });
        }
        let length = le_u32(bytes, 4);
        if (length as usize) < SDT_HEADER_LENGTH {
            return Err(AcpiError::Length { stated: length, found: bytes.len() });
        }
        Ok(Self { signature: [bytes[0], bytes[1], bytes[2], bytes[3]], length, revision: bytes[8] })
    }
}

/// Checks a whole table: signature, at least `fixed` bytes, length and checksum. Returns the
/// table cut to its stated length; `bytes` may go beyond it.
pub(crate) fn check_table<'a>(
    bytes: &'a [u8],
    signature: &'static str,
    fixed: usize,
) -> Result<&'a [u8], AcpiError> {
    let header = SdtHeader::parse(bytes)?;
    if header.signature != *signature.as_bytes() {
        return Err(AcpiError::Signature { expected: signature });
    }
    let table = stated_part(bytes, header.length, SDT_HEADER_LENGTH)?;
    check_sum(table)?;
    if table.len() < fixed {
        return Err(AcpiError::TooShort { needed: fixed, found: table.len() });
    }
    Ok(table)
}

/// The physical addresses that a root table lists, in its order, without empty entries.
#[derive(Clone, Debug)]
pub struct RootEntries<'a> {
    bytes: &'a [u8],
    entry_length: usize,
}

/// Reads a root table: an RSDT or an XSDT (ACPI 6.5, 5.2.7 and 5.2.8), told by its signature.
///
/// # Errors
///
/// [`AcpiError`] for bytes that are neither, or whose length is no whole number of entries.
pub fn root_entries(bytes: &[u8]) -> Result<RootEntries<'_>, AcpiError> {
    let (table, entry_length) = if bytes.starts_with(b"RSDT") {
        (check_table(bytes, "RSDT", SDT_HEADER_LENGTH)?, 4)
    } else {
        (check_table(bytes, "XSDT", SDT_HEADER_LENGTH)?, 8)
    };
    let entries = &table[SDT_HEADER_LENGTH..];
    if !entries.len().is_multiple_of(entry_length) {
        return Err(AcpiError::Length { stated: le_u32(table, 4), found: bytes.len() });
    }
    Ok(RootEntries { bytes: entries, entry_length })
}

impl Iterator for RootEntries<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        loop {
            let (entry, rest) = self.bytes.split_at_checked(self.entry_length)?;
            self.bytes = rest;
            let address = if entry.len() == 4 { u64::from(le_u32(entry, 0)) } else { le_u64(entry, 0) };
            // Firmware leaves holes; nothing lives at address 0.
            if address != 0 {
                return Some(address);
            }
        }
    }
}

/// How many bits of the PM timer count before it wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PmTimerWidth {
    /// 24 bits: wraps after 4.7 s.
    Bits24,
    /// 32 bits: wraps after 20 minutes.
    Bits32,
}

impl PmTimerWidth {
    /// The bits that count; a difference of two readings is taken modulo this plus one.
    pub const fn mask(self) -> u32 {
        match self {
            Self::Bits24 => 0x00ff_ffff,
            Self::Bits32 => u32::MAX,
        }
    }
}

/// The ACPI power management timer (ACPI 6.5, 4.8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PmTimer {
    /// The I/O port that it is read from, 32 bits wide.
    pub port: u16,
    /// How far it counts.
    pub width: PmTimerWidth,
}

impl PmTimer {
    /// Ticks in a second (ACPI 6.5, 4.8.3.3).
    pub const HZ: u32 = 3_579_545;
}

/// Finds the PM timer in the FADT (ACPI 6.5, 5.2.9).
///
/// `None` where the machine has none (PM_TMR_LEN is not 4, or HW_REDUCED_ACPI is set), or none at
/// an I/O port. X_PM_TMR_BLK, where it names an I/O port, comes before PM_TMR_BLK.
///
/// # Errors
///
/// [`AcpiError`] for bytes that are no FADT.
pub fn pm_timer(fadt: &[u8]) -> Result<Option<PmTimer>, AcpiError> {
    const PM_TMR_BLK: usize = 76;
    const PM_TMR_LEN: usize = 91;
    const FLAGS: usize = 112;
    const X_PM_TMR_BLK: usize = 208;
    /// Up to and with the flags: what ACPI 1.0 has.
    const FIXED: usize = 116;
    const TMR_VAL_EXT: u32 = 1 << 8;
    const HW_REDUCED_ACPI: u32 = 1 << 20;

    let table = check_table(fadt, "FACP", FIXED)?;
    let flags = le_u32(table, FLAGS);
    if table[PM_TMR_LEN] != 4 || flags & HW_REDUCED_ACPI != 0 {
        return Ok(None);
    }
    let extended = generic_address(table, X_PM_TMR_BLK).filter(|a| a.space == Space::IO).map(|a| a.address);
    let address = extended.filter(|&a| a != 0).unwrap_or_else(|| u64::from(le_u32(table, PM_TMR_BLK)));
    let width = if flags & TMR_VAL_EXT == 0 { PmTimerWidth::Bits24 } else { PmTimerWidth::Bits32 };
    let port = u16::try_from(address).ok().filter(|&port| port != 0);
    Ok(port.map(|port| PmTimer { port, width }))
}

/// Physical address of the HPET's registers, from the HPET table (IA-PC HPET specification 1.0a,
/// 3.2.4).
///
/// # Errors
///
/// [`AcpiError`] for bytes that are no HPET table, or where the registers are not in memory.
pub fn hpet_base(bytes: &[u8]) -> Result<u64, AcpiError> {
    const BASE_ADDRESS: usize = 40;
    const FIXED: usize = 56;

    let table = check_table(bytes, "HPET", FIXED)?;
    let GenericAddress { space, address } = generic_address(table, BASE_ADDRESS)
        .ok_or(AcpiError::TooShort { needed: FIXED, found: table.len() })?;
    if space != Space::MEMORY || address == 0 {
        return Err(AcpiError::HpetAddress { space: space.0, address });
    }
    Ok(address)
}

/// An address space id.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Space(u8);

impl Space {
    const MEMORY: Self = Self(0);
    const IO: Self = Self(1);
}

/// A generic address structure (ACPI 6.5, 5.2.3.2): 12 bytes, of which the widths do not matter
/// here.
struct GenericAddress {
    space: Space,
    address: u64,
}

/// `None` where the table ends before it, as tables of older revisions do.
fn generic_address(table: &[u8], at: usize) -> Option<GenericAddress> {
    let bytes = table.get(at..at + 12)?;
    Some(GenericAddress { space: Space(bytes[0]), address: le_u64(bytes, 4) })
}

/// The first `stated` bytes, which are at least `least`.
fn stated_part(bytes: &[u8], stated: u32, least: usize) -> Result<&[u8], AcpiError> {
    bytes
        .get(..stated as usize)
        .filter(|part| part.len() >= least)
        .ok_or(AcpiError::Length { stated, found: bytes.len() })
}

fn check_sum(bytes: &[u8]) -> Result<(), AcpiError> {
    match bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) {
        0 => Ok(()),
        _ => Err(AcpiError::Checksum),
    }
}

/// Callers have checked that the field is inside `bytes`.
pub(crate) fn le_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Callers have checked that the field is inside `bytes`.
pub(crate) fn le_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le_u32(bytes, at)) | u64::from(le_u32(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests;
