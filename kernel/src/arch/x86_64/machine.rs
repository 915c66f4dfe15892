//! What CPUID says of the machine. It is what the guest is told, no proof of what is below.

use raw_cpuid::{CpuId, Hypervisor, TopologyType};
use switchlab_core::topology::{Bits, Domain, Place};

/// A text of at most 48 bytes, as CPUID gives them.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    bytes: [u8; 48],
    length: usize,
}

impl Name {
    fn new(text: &str) -> Self {
        let mut name = Self { bytes: [0; 48], length: 0 };
        let printable = text.bytes().filter(|byte| matches!(byte, b' '..=b'~'));
        for (slot, byte) in name.bytes.iter_mut().zip(printable) {
            *slot = byte;
            name.length += 1;
        }
        name
    }

    /// The text: printable ASCII, without blanks around it.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("").trim()
    }
}

/// The CPU's brand string; its vendor where it has none.
pub fn cpu_name() -> Name {
    let cpuid = CpuId::new();
    match (cpuid.get_processor_brand_string(), cpuid.get_vendor_info()) {
        (Some(brand), _) if !brand.as_str().trim().is_empty() => Name::new(brand.as_str()),
        (_, Some(vendor)) => Name::new(vendor.as_str()),
        _ => Name::new("unknown"),
    }
}

/// The hypervisor's signature (leaf 4000_0000h), `none` where CPUID shows no hypervisor.
pub fn hypervisor_name() -> Name {
    let cpuid = CpuId::new();
    if !cpuid.get_feature_info().is_some_and(|features| features.has_hypervisor()) {
        return Name::new("none");
    }
    // By hand: raw-cpuid knows the leaf's signatures as a list, and an unknown one would be lost.
    let leaf = core::arch::x86_64::__cpuid(0x4000_0000);
    let mut text = [0; 12];
    for (chunk, register) in text.as_chunks_mut::<4>().0.iter_mut().zip([leaf.ebx, leaf.ecx, leaf.edx]) {
        *chunk = register.to_le_bytes();
    }
    Name::new(core::str::from_utf8(&text).unwrap_or("unknown"))
}

/// Whether the TSC runs at one rate whatever the CPU does (leaf 8000_0007h, EDX bit 8).
pub fn has_invariant_tsc() -> bool {
    CpuId::new().get_advanced_power_mgmt_info().is_some_and(|info| info.has_invariant_tsc())
}

/// What CPUID claims of the TSC's frequency, in Hz; 0 where it claims nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TscClaims {
    /// Leaf 15h: the crystal's frequency times the TSC's ratio to it.
    pub leaf_15h_hz: u64,
    /// Leaf 16h: the base frequency, which is known in whole MHz.
    pub leaf_16h_hz: u64,
    /// Leaf 4000_0010h, EAX: what the hypervisor says, in whole kHz.
    pub hypervisor_hz: u64,
}

/// The frequency that CPUID claims for the TSC (Intel SDM vol. 2, CPUID; for the hypervisor's leaf, the
/// convention that VMware began and KVM keeps).
pub fn tsc_claims() -> TscClaims {
    let cpuid = CpuId::new();
    let base_mhz = cpuid.get_processor_frequency_info().map_or(0, |info| info.processor_base_frequency());
    let hypervisor_khz = cpuid
        .get_hypervisor_info()
        // Hyper-V's leaves from 4000_0000h on follow a specification of their own.
        .filter(|hypervisor| !matches!(hypervisor.identify(), Hypervisor::HyperV))
        .and_then(|hypervisor| hypervisor.tsc_frequency());
    TscClaims {
        leaf_15h_hz: cpuid.get_tsc_info().and_then(|info| info.tsc_frequency()).unwrap_or(0),
        leaf_16h_hz: u64::from(base_mhz) * 1_000_000,
        hypervisor_hz: u64::from(hypervisor_khz.unwrap_or(0)) * 1_000,
    }
}

/// The running CPU's x2APIC id, or the 8-bit one where there is no other, and its place.
///
/// From leaf 1Fh, else 0Bh, else 1 and 4 (Intel SDM vol. 3, 9.9).
pub fn place() -> (u32, Place) {
    let cpuid = CpuId::new();
    let levels = || {
        let v2 = cpuid.get_extended_topology_info_v2().filter(|levels| levels.clone().next().is_some());
        v2.or_else(|| cpuid.get_extended_topology_info()).into_iter().flatten()
    };
    if let Some(first) = levels().next() {
        let id = first.x2apic_id();
        let bits = Bits::from_levels(levels().filter_map(|level| {
            let domain = match level.level_type() {
                TopologyType::SMT => Domain::Thread,
                TopologyType::Core | TopologyType::Module | TopologyType::Tile => Domain::Core,
                TopologyType::Die => Domain::Die,
                TopologyType::Invalid => return None,
            };
            Some((domain, level.shift_right_for_next_apic_id()))
        }));
        return (id, bits.place(id));
    }
    let Some(features) = cpuid.get_feature_info() else { return (0, Bits::default().place(0)) };
    let id = u32::from(features.initial_local_apic_id());
    let ids = if features.has_htt() { u32::from(features.max_logical_processor_ids()) } else { 1 };
    let cores = cpuid
        .get_cache_parameters()
        .and_then(|mut caches| caches.next())
        .map_or(ids, |cache| cache.max_cores_for_package() as u32);
    (id, Bits::from_counts(ids, cores).place(id))
}
