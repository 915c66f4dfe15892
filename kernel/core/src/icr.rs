//! The words of the local APIC's interrupt command register (Intel SDM vol. 3, 11.6.1): a write
//! of it sends an interrupt to another CPU. The kernel's apic driver writes what is encoded here.

use core::fmt;

use crate::ApicId;

/// What is delivered (SDM vol. 3, 11.6.1, delivery mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The interrupt of this vector. 0 to 15 are not allowed (SDM vol. 3, 11.5.2).
    Fixed(u8),
    /// A non-maskable interrupt.
    Nmi,
    /// INIT: the CPU resets and waits for a start-up.
    Init,
    /// Start-up (SIPI): the CPU starts in real mode at this 4 KiB page; see [`start_up_page`].
    StartUp(u8),
}

/// Assert is right for everything but the INIT de-assert that the 82489DX wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Bit 14 is 0.
    Deassert,
    /// Bit 14 is 1.
    Assert,
}

/// Trigger mode; the CPU heeds it for an INIT de-assert only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Bit 15 is 0.
    Edge,
    /// Bit 15 is 1.
    Level,
}

/// Whom it goes to, always in physical destination mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The CPU with this hardware id.
    One(ApicId),
    /// Every CPU but the one that sends.
    AllButSelf,
    /// The CPU that sends.
    Myself,
}

/// Why a command can not be sent in xAPIC mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcrError {
    /// The id needs more than 8 bits, or is 0xff, which addresses every CPU.
    Destination(ApicId),
}

impl fmt::Display for IcrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination(id) => write!(f, "APIC id {id} is out of reach in xAPIC mode (0 to 254)"),
        }
    }
}

impl core::error::Error for IcrError {}

/// One interrupt command, not yet encoded: asserted and edge-triggered unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icr {
    delivery: Delivery,
    destination: Destination,
    level: Level,
    trigger: Trigger,
}

impl Icr {
    /// Delivers `delivery` to `destination`.
    pub const fn new(delivery: Delivery, destination: Destination) -> Self {
        Self { delivery, destination, level: Level::Assert, trigger: Trigger::Edge }
    }

    /// With another level.
    pub const fn level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// With another trigger mode.
    pub const fn trigger(self, trigger: Trigger) -> Self {
        Self { trigger, ..self }
    }

    /// The two registers of xAPIC mode, `(high, low)`, at offsets 0x310 and 0x300. `high` is
    /// written first: the write of `low` sends.
    ///
    /// # Errors
    ///
    /// [`IcrError::Destination`] for an id above 254.
    pub const fn xapic(self) -> Result<(u32, u32), IcrError> {
        match self.destination {
            Destination::One(id) if id.get() >= 0xff => Err(IcrError::Destination(id)),
            Destination::One(id) => Ok((id.get() << 24, self.low())),
            Destination::AllButSelf | Destination::Myself => Ok((0, self.low())),
        }
    }

    /// The one register of x2APIC mode, MSR 830h (SDM vol. 3, 11.12.9). Id 0xffff_ffff addresses
    /// every CPU; no MADT entry yields it.
    pub const fn x2apic(self) -> u64 {
        let destination = match self.destination {
            Destination::One(id) => id.get(),
            Destination::AllButSelf | Destination::Myself => 0,
        };
        (destination as u64) << 32 | self.low() as u64
    }

    /// Bits 0 to 31, which both modes share. Destination mode (bit 11) stays 0: physical.
    const fn low(self) -> u32 {
        const LEVEL: u32 = 1 << 14;
        const TRIGGER: u32 = 1 << 15;
        const MYSELF: u32 = 0b01 << 18;
        const ALL_BUT_SELF: u32 = 0b11 << 18;

        let (mode, vector) = match self.delivery {
            Delivery::Fixed(vector) => (0b000, vector),
            Delivery::Nmi => (0b100, 0),
            Delivery::Init => (0b101, 0),
            Delivery::StartUp(page) => (0b110, page),
        };
        let level = match self.level {
            Level::Deassert => 0,
            Level::Assert => LEVEL,
        };
        let trigger = match self.trigger {
            Trigger::Edge => 0,
            Trigger::Level => TRIGGER,
        };
        let shorthand = match self.destination {
            Destination::One(_) => 0,
            Destination::Myself => MYSELF,
            Destination::AllButSelf => ALL_BUT_SELF,
        };
        mode << 8 | vector as u32 | level | trigger | shorthand
    }
}

/// The page number that a start-up wants for code at `physical_address`.
///
/// `None` where no start-up reaches it: not at a 4 KiB boundary, beyond the first MiB, or in the
/// pages 0xa0 to 0xbf, whose numbers are reserved (multiprocessor specification 1.4, B.4.2).
pub const fn start_up_page(physical_address: u64) -> Option<u8> {
    let page = physical_address >> 12;
    let reachable = physical_address & 0xfff == 0 && page <= 0xff && !(page >= 0xa0 && page <= 0xbf);
    if reachable { Some(page as u8) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    const CPU_3: Destination = Destination::One(ApicId::new(3));

    #[test]
    fn words_are_those_of_the_manual() {
        let cases = [
            (Delivery::Init, 0x4500),
            (Delivery::StartUp(0x08), 0x4608),
            (Delivery::Nmi, 0x4400),
            (Delivery::Fixed(0xf0), 0x40f0),
        ];
        for (delivery, low) in cases {
            assert_eq!(Icr::new(delivery, CPU_3).xapic(), Ok((0x0300_0000, low)));
            assert_eq!(Icr::new(delivery, CPU_3).x2apic(), 0x3_0000_0000 | u64::from(low));
        }
    }

    #[test]
    fn shorthand_needs_no_destination() {
        let stop = Icr::new(Delivery::Nmi, Destination::AllButSelf);
        assert_eq!(stop.xapic(), Ok((0, 0x000c_4400)));
        assert_eq!(stop.x2apic(), 0x000c_4400);
        let own = Icr::new(Delivery::Fixed(0x48), Destination::Myself);
        assert_eq!(own.xapic(), Ok((0, 0x0004_4048)));
        assert_eq!(own.x2apic(), 0x0004_4048);
    }

    #[test]
    fn init_deassert_is_level_triggered() {
        let command = Icr::new(Delivery::Init, CPU_3).level(Level::Deassert).trigger(Trigger::Level);
        assert_eq!(command.xapic(), Ok((0x0300_0000, 0x8500)));
        assert_eq!(Icr::new(Delivery::Init, CPU_3).trigger(Trigger::Level).x2apic(), 0x3_0000_c500);
    }

    #[test]
    fn xapic_refuses_ids_that_it_can_not_address() {
        for id in [255, 256, 300, u32::MAX] {
            let command = Icr::new(Delivery::Init, Destination::One(ApicId::new(id)));
            assert_eq!(command.xapic(), Err(IcrError::Destination(ApicId::new(id))));
        }
        let last = Icr::new(Delivery::Init, Destination::One(ApicId::new(254)));
        assert_eq!(last.xapic(), Ok((0xfe00_0000, 0x4500)));
        let message = IcrError::Destination(ApicId::new(300)).to_string();
        assert_eq!(message, "APIC id 300 is out of reach in xAPIC mode (0 to 254)");
    }

    #[test]
    fn x2apic_takes_all_32_bits() {
        let command = Icr::new(Delivery::Fixed(0x20), Destination::One(ApicId::new(0x1234_5678)));
        assert_eq!(command.x2apic(), 0x1234_5678_0000_4020);
    }

    #[test]
    fn start_up_reaches_pages_of_the_first_mib() {
        assert_eq!(start_up_page(0x8000), Some(0x08));
        assert_eq!(start_up_page(0xf_f000), Some(0xff));
        for address in [0x8001, 0x8fff, 0x10_0000, 0xa_0000, 0xb_f000, u64::MAX << 12] {
            assert_eq!(start_up_page(address), None, "{address:#x}");
        }
    }

    proptest! {
        #[test]
        fn both_modes_say_the_same(id in 0u32..255, vector: u8) {
            let command = Icr::new(Delivery::Fixed(vector), Destination::One(ApicId::new(id)));
            let (high, low) = command.xapic().unwrap();
            prop_assert_eq!(command.x2apic(), u64::from(high >> 24) << 32 | u64::from(low));
        }
    }
}
