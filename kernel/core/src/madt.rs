//! The CPUs that the firmware lists, from the multiple APIC description table (ACPI 6.5, 5.2.12).
//! Called once, at bring-up, with the table's bytes; it gives the dense [`CpuId`]s.

use core::fmt;

use crate::acpi::{AcpiError, check_table, le_u32, le_u64};
use crate::{ApicId, CpuId, MAX_CPUS};

/// Bytes before the first entry: header, local APIC address, flags.
const FIXED: usize = 44;
const LOCAL_APIC_ADDRESS: usize = 36;

/// Entry types, and how long an entry of that type is at least.
const LOCAL_APIC: (u8, usize) = (0, 8);
const LOCAL_APIC_ADDRESS_OVERRIDE: (u8, usize) = (5, 12);
const LOCAL_X2APIC: (u8, usize) = (9, 16);
const LOCAL_APIC_NMI: (u8, usize) = (4, 6);
const LOCAL_X2APIC_NMI: (u8, usize) = (10, 12);

/// What is wrong with a MADT, or with the CPUs in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadtError {
    /// The bytes are no MADT: too short, signature, length or checksum.
    Table(AcpiError),
    /// An entry ends beyond the table, or is shorter than one of its type.
    Entry {
        /// Where it starts, in bytes from the start of the table.
        offset: usize,
    },
    /// Two entries of one type name the same enabled CPU.
    Duplicate(ApicId),
    /// More than [`MAX_CPUS`] enabled CPUs.
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// The CPU that is running is not among the enabled ones.
    NoBsp(ApicId),
}

impl fmt::Display for MadtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(error) => write!(f, "MADT: {error}"),
            Self::Entry { offset } => write!(f, "MADT: the entry at byte {offset} has a wrong length"),
            Self::Duplicate(id) => write!(f, "MADT: APIC id {id} is listed twice"),
            Self::TooMany { found } => write!(f, "MADT: {found} CPUs, at most {MAX_CPUS} are supported"),
            Self::NoBsp(id) => write!(f, "MADT: the running CPU, APIC id {id}, is not listed as enabled"),
        }
    }
}

impl core::error::Error for MadtError {}

impl From<AcpiError> for MadtError {
    fn from(error: AcpiError) -> Self {
        Self::Table(error)
    }
}

/// The enabled CPUs of the table in `bytes`, `bsp` first, the others in the table's order.
///
/// A CPU that is listed both as local APIC and as local x2APIC counts once. Entries that are
/// disabled, or whose id is the broadcast address, are no CPUs. APIC ids may have gaps.
///
/// # Errors
///
/// [`MadtError`]: the table does not hold, or its CPUs are not ones that can be started.
pub fn enabled_cpus(bytes: &[u8], bsp: ApicId) -> Result<CpuList, MadtError> {
    let madt = Madt::parse(bytes)?;
    let mut list = CpuList { ids: [bsp; MAX_CPUS], nmi_pins: [NmiPins::NONE; MAX_CPUS], count: 1 };
    let mut bsp_found = false;
    for (position, cpu) in madt.cpus().enumerate().filter(|(_, cpu)| cpu.enabled) {
        let mut earlier = madt.cpus().take(position).filter(|e| e.enabled && e.apic_id == cpu.apic_id);
        if let Some(other) = earlier.next() {
            if other.kind == cpu.kind || earlier.next().is_some() {
                return Err(MadtError::Duplicate(cpu.apic_id));
            }
        } else if cpu.apic_id == bsp {
            bsp_found = true;
            list.nmi_pins[0] = madt.nmi_pins(cpu);
        } else {
            // Beyond the end they are only counted, so that the error can say how many.
            if let (Some(id), Some(pins)) = (list.ids.get_mut(list.count), list.nmi_pins.get_mut(list.count))
            {
                (*id, *pins) = (cpu.apic_id, madt.nmi_pins(cpu));
            }
            list.count += 1;
        }
    }
    if !bsp_found {
        return Err(MadtError::NoBsp(bsp));
    }
    if list.count > MAX_CPUS {
        return Err(MadtError::TooMany { found: list.count });
    }
    Ok(list)
}

/// The CPUs of a machine: [`CpuId`] to [`ApicId`] and back. The BSP is CPU 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuList {
    /// Those from `count` on have no meaning.
    ids: [ApicId; MAX_CPUS],
    nmi_pins: [NmiPins; MAX_CPUS],
    count: usize,
}

impl CpuList {
    /// How many CPUs there are, the BSP included: 1 to [`MAX_CPUS`].
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The hardware id of a CPU; `None` where there is no such CPU.
    pub fn apic_id(&self, cpu: CpuId) -> Option<ApicId> {
        self.apic_ids().get(cpu.index()).copied()
    }

    /// The CPU with that hardware id; `None` where there is none.
    pub fn cpu_id(&self, apic_id: ApicId) -> Option<CpuId> {
        self.iter().find(|(_, id)| *id == apic_id).map(|(cpu, _)| cpu)
    }

    /// The pins of a CPU that the machine's NMI comes by; none where there is no such CPU.
    pub fn nmi_pins(&self, cpu: CpuId) -> NmiPins {
        self.nmi_pins[..self.count].get(cpu.index()).copied().unwrap_or(NmiPins::NONE)
    }

    /// The hardware ids; the place of each is its [`CpuId`].
    pub fn apic_ids(&self) -> &[ApicId] {
        &self.ids[..self.count]
    }

    /// All CPUs in the order of their [`CpuId`], the BSP first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (CpuId, ApicId)> + '_ {
        self.apic_ids().iter().enumerate().map(|(index, id)| (CpuId::new(index as u32), *id))
    }
}

/// The pins of a local APIC, LINT0 and LINT1, that the machine's NMI comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NmiPins {
    /// A bit each.
    bits: u8,
}

impl NmiPins {
    /// By neither.
    pub const NONE: Self = Self { bits: 0 };

    /// Whether it comes by LINT0 (0) or LINT1 (1).
    pub const fn has(self, lint: u8) -> bool {
        lint < 2 && self.bits & 1 << lint != 0
    }

    /// This, and that pin. Local APICs have two, and an entry that names another names none.
    const fn with(self, lint: u8) -> Self {
        if lint < 2 { Self { bits: self.bits | 1 << lint } } else { self }
    }
}

/// How a CPU is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuKind {
    /// Type 0, processor local APIC: 8-bit id (ACPI 6.5, 5.2.12.2).
    LocalApic,
    /// Type 9, processor local x2APIC: 32-bit id (ACPI 6.5, 5.2.12.12).
    LocalX2apic,
}

/// One CPU as the table lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// How it is listed.
    pub kind: CpuKind,
    /// Its hardware id.
    pub apic_id: ApicId,
    /// Its number among ACPI's processors.
    pub uid: u32,
    /// Ready for use (flags, bit 0).
    pub enabled: bool,
    /// Not enabled now, but could be while the system runs (flags, bit 1).
    pub online_capable: bool,
}

/// A table whose header, checksum and entries hold.
#[derive(Clone, Copy, Debug)]
pub struct Madt<'a> {
    table: &'a [u8],
}

impl<'a> Madt<'a> {
    /// Checks a whole table; `bytes` may go beyond its end.
    ///
    /// # Errors
    ///
    /// [`MadtError::Table`] or [`MadtError::Entry`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MadtError> {
        let madt = Self { table: check_table(bytes, "APIC", FIXED)? };
        let end = madt.entries().try_fold(FIXED, |offset, entry| {
            let least =
                [LOCAL_APIC, LOCAL_APIC_ADDRESS_OVERRIDE, LOCAL_X2APIC, LOCAL_APIC_NMI, LOCAL_X2APIC_NMI];
            let least =
                least.into_iter().find(|(kind, _)| *kind == entry.kind()).map_or(2, |(_, least)| least);
            if entry.bytes.len() < least {
                return Err(MadtError::Entry { offset });
            }
            Ok(offset + entry.bytes.len())
        })?;
        // The entries stop at one that does not hold.
        if end != madt.table.len() {
            return Err(MadtError::Entry { offset: end });
        }
        Ok(madt)
    }

    /// Physical address of the local APICs' registers in xAPIC mode: 64 bits from the override
    /// entry (type 5, ACPI 6.5, 5.2.12.8) where there is one, else the table's 32 bits.
    pub fn local_apic_address(&self) -> u64 {
        self.entries()
            .find(|entry| entry.kind() == LOCAL_APIC_ADDRESS_OVERRIDE.0)
            .map_or_else(|| u64::from(le_u32(self.table, LOCAL_APIC_ADDRESS)), |entry| le_u64(entry.bytes, 4))
    }

    /// All entries in the table's order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let mut rest = &self.table[FIXED..];
        core::iter::from_fn(move || {
            let length = usize::from(*rest.get(1)?);
            let (bytes, after) = rest.split_at_checked(length).filter(|(bytes, _)| bytes.len() >= 2)?;
            rest = after;
            Some(Entry { bytes })
        })
    }

    /// The CPUs in the table's order, those that are not enabled included, but not those whose
    /// id is the broadcast address: such an entry names no CPU.
    pub fn cpus(&self) -> impl Iterator<Item = Cpu> + use<'a> {
        self.entries().filter_map(|entry| {
            let bytes = entry.bytes;
            let (kind, id, uid, flags, broadcast) = match entry.kind() {
                kind if kind == LOCAL_APIC.0 => {
                    (CpuKind::LocalApic, u32::from(bytes[3]), u32::from(bytes[2]), le_u32(bytes, 4), 0xff)
                }
                kind if kind == LOCAL_X2APIC.0 => {
                    (CpuKind::LocalX2apic, le_u32(bytes, 4), le_u32(bytes, 12), le_u32(bytes, 8), u32::MAX)
                }
                _ => return None,
            };
            (id != broadcast).then_some(Cpu {
                kind,
                apic_id: ApicId::new(id),
                uid,
                enabled: flags & 1 != 0,
                online_capable: flags & 2 != 0,
            })
        })
    }
}

impl Madt<'_> {
    /// The pins of this CPU that the machine's NMI comes by (types 4 and 10, ACPI 6.5, 5.2.12.7 and 5.2.12.13): an
    /// entry is for one processor, or for all of them. The trigger that it names is of no matter: an NMI by a pin is
    /// always edge-triggered (Intel SDM vol. 3, 11.5.1).
    fn nmi_pins(&self, cpu: Cpu) -> NmiPins {
        self.entries().fold(NmiPins::NONE, |pins, entry| {
            let bytes = entry.bytes;
            let (uid, all, lint) = match (entry.kind(), cpu.kind) {
                (kind, CpuKind::LocalApic) if kind == LOCAL_APIC_NMI.0 => {
                    (u32::from(bytes[2]), 0xff, bytes[5])
                }
                (kind, CpuKind::LocalX2apic) if kind == LOCAL_X2APIC_NMI.0 => {
                    (le_u32(bytes, 4), u32::MAX, bytes[8])
                }
                _ => return pins,
            };
            if uid == cpu.uid || uid == all { pins.with(lint) } else { pins }
        })
    }
}

/// One entry, of whatever type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// All of it, from its type and length on: at least 2 bytes.
    bytes: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Its type (ACPI 6.5, table 5.21).
    pub const fn kind(self) -> u8 {
        self.bytes[0]
    }

    /// All of it, type and length included.
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
