//! What the firmware's ACPI tables say: the CPUs, the PM timer, the HPET. Reads the tables' bytes;
//! what they mean, `switchlab-core` knows.

use core::fmt;

use switchlab_core::{
    ApicId,
    acpi::{self, AcpiError, PmTimer, RSDP_LENGTH, Rsdp, SDT_HEADER_LENGTH, SdtHeader},
    madt::{self, CpuList, MadtError},
};

use crate::mm::firmware_bytes;

/// What was found.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// The enabled CPUs.
    pub cpus: CpuList,
    /// The PM timer, where the machine has one.
    pub pm_timer: Option<PmTimer>,
    /// Physical address of the HPET's registers, where the machine has one.
    pub hpet: Option<u64>,
}

/// Why the tables can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirmwareError {
    /// The loader passed no RSDP.
    NoRsdp,
    /// A table is at an address that is not mapped.
    Address {
        /// Which table.
        table: &'static str,
        /// Where it should be, physically.
        address: u64,
    },
    /// A table's bytes are wrong.
    Table {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        error: AcpiError,
    },
    /// There is no MADT.
    NoMadt,
    /// The MADT's bytes are wrong, or its CPUs are not ones that this kernel can run on.
    Madt(MadtError),
}

impl fmt::Display for FirmwareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRsdp => write!(f, "the loader found no ACPI root pointer (RSDP)"),
            Self::Address { table, address } => write!(f, "{table} at {address:#x} is out of reach"),
            Self::Table { table, error } => write!(f, "{table}: {error}"),
            Self::NoMadt => write!(f, "no MADT among the ACPI tables, so no list of CPUs"),
            Self::Madt(error) => write!(f, "{error}"),
        }
    }
}

/// Reads the tables.
///
/// # Errors
///
/// [`FirmwareError`] where there is no usable list of CPUs. A missing or broken clock is no error:
/// others are there.
pub fn read(rsdp: Option<u64>, bsp: ApicId) -> Result<Firmware, FirmwareError> {
    let rsdp = bytes("RSDP", rsdp.ok_or(FirmwareError::NoRsdp)?, RSDP_LENGTH)?;
    let rsdp = Rsdp::parse(rsdp).map_err(|error| FirmwareError::Table { table: "RSDP", error })?;
    let root = table("root table", rsdp.address())?;
    let entries =
        acpi::root_entries(root).map_err(|error| FirmwareError::Table { table: "root table", error })?;
    let find = |signature: &[u8; 4]| {
        entries
            .clone()
            .filter_map(|address| table("table", address).ok())
            .find(|table| table.starts_with(signature))
    };
    let madt = find(b"APIC").ok_or(FirmwareError::NoMadt)?;
    Ok(Firmware {
        cpus: madt::enabled_cpus(madt, bsp).map_err(FirmwareError::Madt)?,
        pm_timer: find(b"FACP").and_then(|fadt| acpi::pm_timer(fadt).ok().flatten()),
        hpet: find(b"HPET").and_then(|table| acpi::hpet_base(table).ok()),
    })
}

fn table(name: &'static str, address: u64) -> Result<&'static [u8], FirmwareError> {
    let header = SdtHeader::parse(bytes(name, address, SDT_HEADER_LENGTH)?)
        .map_err(|error| FirmwareError::Table { table: name, error })?;
    bytes(name, address, header.length as usize)
}

fn bytes(table: &'static str, address: u64, length: usize) -> Result<&'static [u8], FirmwareError> {
    firmware_bytes(address, length).ok_or(FirmwareError::Address { table, address })
}
