//! Pages that are mapped for a purpose: registers of devices, and the page in which APs start.

use super::{frames, paging};
use crate::arch::{apic, clock::Hpet, smp::StartPage};

/// Where the HPET's registers are mapped: its usual place, seen from the top of the address space.
const HPET_VIRTUAL: u64 = 0xffff_ffff_fed0_0000;

/// Maps the local APIC's page for xAPIC mode.
pub fn map_xapic() {
    paging::map_device(apic::XAPIC_VIRTUAL, apic::xapic_physical());
}

/// Maps and starts the HPET at a physical address that the firmware named; `None` where there can be
/// none, or is none after all.
pub fn start_hpet(physical: u64) -> Option<Hpet> {
    const PAGE_MASK: u64 = 0xfff;
    // Architecturally, physical addresses have at most 52 bits.
    if physical >> 52 != 0 || !physical.is_multiple_of(8) {
        return None;
    }
    paging::map_device(HPET_VIRTUAL, physical & !PAGE_MASK);
    // SAFETY: mapped just now, for ever; the firmware's table says that it is an HPET.
    unsafe { Hpet::start(HPET_VIRTUAL + (physical & PAGE_MASK)) }
}

/// The page in which APs start, mapped as they need it; `None` where there is no free page below
/// 640 KiB.
pub fn start_page() -> Option<StartPage> {
    let physical = frames::low_page()?;
    let writable = paging::map_identity(physical);
    // SAFETY: the page is free and below 1 MiB, and mapped 1:1 and executable until
    // `take_start_page_back`, which consumes it.
    Some(unsafe { StartPage::install(physical, writable) })
}

/// Takes the mapping back, when no AP is on its way any more.
pub fn take_start_page_back(page: StartPage) {
    paging::unmap_identity(page.physical());
}
