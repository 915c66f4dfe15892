//! Facts about `madt`.

use super::*;
use crate::testing::{fix_checksum, table};
use proptest::prelude::*;
use std::format;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

const ENABLED: u32 = 1;

fn local_apic(id: u8, flags: u32) -> Vec<u8> {
    let mut entry = vec![0, 8, id, id];
    entry.extend_from_slice(&flags.to_le_bytes());
    entry
}

fn local_x2apic(id: u32, flags: u32) -> Vec<u8> {
    let mut entry = vec![9, 16, 0, 0];
    for field in [id, flags, id] {
        entry.extend_from_slice(&field.to_le_bytes());
    }
    entry
}

fn io_apic() -> Vec<u8> {
    vec![1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]
}

fn local_apic_nmi(uid: u8, lint: u8) -> Vec<u8> {
    vec![4, 6, uid, 0, 0, lint]
}

fn local_x2apic_nmi(uid: u32, lint: u8) -> Vec<u8> {
    let uid = uid.to_le_bytes();
    vec![10, 12, 0, 0, uid[0], uid[1], uid[2], uid[3], lint, 0, 0, 0]
}

fn madt(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![0, 0, 0xe0, 0xfe, 1, 0, 0, 0];
    body.extend(entries.concat());
    table(b"APIC", &body)
}

fn ids(bytes: &[u8], bsp: u32) -> Result<Vec<u32>, MadtError> {
    enabled_cpus(bytes, ApicId::new(bsp)).map(|list| list.apic_ids().iter().map(|id| id.get()).collect())
}

#[test]
fn cpus_get_dense_numbers_in_the_order_of_the_table() {
    let bytes = madt(&[local_apic(0, ENABLED), io_apic(), local_apic(1, ENABLED), local_apic(2, ENABLED)]);
    let list = enabled_cpus(&bytes, ApicId::new(0)).unwrap();
    assert_eq!(list.count(), 3);
    let pairs: Vec<(u32, u32)> = list.iter().map(|(cpu, apic)| (cpu.get(), apic.get())).collect();
    assert_eq!(pairs, [(0, 0), (1, 1), (2, 2)]);
    assert_eq!(list.apic_id(CpuId::new(2)), Some(ApicId::new(2)));
    assert_eq!(list.apic_id(CpuId::new(3)), None);
}

#[test]
fn nmi_comes_by_the_pins_that_are_named_for_one_or_for_all() {
    let pins = |entries: &[Vec<u8>]| {
        let list = enabled_cpus(&madt(entries), ApicId::new(0)).unwrap();
        let pins = |cpu| [0, 1].map(|lint| list.nmi_pins(CpuId::new(cpu)).has(lint));
        (0..list.count() as u32).map(pins).collect::<Vec<_>>()
    };
    let cpus = [local_apic(0, ENABLED), local_apic(3, ENABLED), local_x2apic(300, ENABLED)];
    let with = |more: &[Vec<u8>]| [&cpus[..], more].concat();
    let (none, lint_0, lint_1) = ([false, false], [true, false], [false, true]);
    assert_eq!(pins(&cpus), [none, none, none]);
    assert_eq!(pins(&with(&[local_apic_nmi(0xff, 1)])), [lint_1, lint_1, none]);
    assert_eq!(pins(&with(&[local_apic_nmi(3, 0)])), [none, lint_0, none]);
    assert_eq!(pins(&with(&[local_x2apic_nmi(u32::MAX, 1)])), [none, none, lint_1]);
    assert_eq!(pins(&with(&[local_x2apic_nmi(300, 0), local_apic_nmi(3, 7)])), [none, none, lint_0]);
    // Whatever stands before: the BSP is first in the list.
    let bsp_last = [local_apic(3, ENABLED), local_apic(0, ENABLED), local_apic_nmi(0, 1)];
    assert_eq!(pins(&bsp_last), [lint_1, none]);
}

#[test]
fn nmi_entry_that_is_too_short_is_refused() {
    for short in [vec![4, 5, 0xff, 0, 0], vec![10, 11, 0, 0, 0, 0, 0, 0, 1, 0, 0]] {
        let bytes = madt(&[local_apic(0, ENABLED), short]);
        assert!(matches!(enabled_cpus(&bytes, ApicId::new(0)), Err(MadtError::Entry { .. })));
    }
}

#[test]
fn sparse_apic_ids_are_fine() {
    let bytes = madt(&[
        local_apic(0, ENABLED),
        local_apic(2, ENABLED),
        local_apic(16, ENABLED),
        local_x2apic(300, ENABLED),
    ]);
    assert_eq!(ids(&bytes, 0), Ok(vec![0, 2, 16, 300]));
    let list = enabled_cpus(&bytes, ApicId::new(0)).unwrap();
    assert_eq!(list.cpu_id(ApicId::new(300)), Some(CpuId::new(3)));
    assert_eq!(list.cpu_id(ApicId::new(1)), None);
}

#[test]
fn bsp_comes_first_wherever_it_is_listed() {
    let bytes = madt(&[local_apic(4, ENABLED), local_apic(0, ENABLED), local_apic(6, ENABLED)]);
    assert_eq!(ids(&bytes, 6), Ok(vec![6, 4, 0]));
}

#[test]
fn cpu_listed_as_local_apic_and_x2apic_counts_once() {
    let bytes = madt(&[
        local_apic(0, ENABLED),
        local_apic(1, ENABLED),
        local_x2apic(1, ENABLED),
        local_x2apic(0, ENABLED),
    ]);
    assert_eq!(ids(&bytes, 0), Ok(vec![0, 1]));
}

#[test]
fn disabled_entries_and_broadcast_ids_are_no_cpus() {
    let bytes = madt(&[
        local_apic(0, ENABLED),
        local_apic(1, 0),
        local_apic(1, 0),
        local_apic(0xff, ENABLED),
        local_x2apic(u32::MAX, ENABLED),
        local_x2apic(2, 2),
        local_x2apic(0xff, ENABLED),
    ]);
    assert_eq!(ids(&bytes, 0), Ok(vec![0, 0xff]));
}

#[test]
fn flags_are_read_from_both_types() {
    let bytes = madt(&[local_apic(3, 2), local_x2apic(500, 1)]);
    let cpus: Vec<Cpu> = Madt::parse(&bytes).unwrap().cpus().collect();
    assert_eq!(
        cpus,
        [
            Cpu {
                kind: CpuKind::LocalApic,
                apic_id: ApicId::new(3),
                uid: 3,
                enabled: false,
                online_capable: true
            },
            Cpu {
                kind: CpuKind::LocalX2apic,
                apic_id: ApicId::new(500),
                uid: 500,
                enabled: true,
                online_capable: false
            },
        ]
    );
}

#[test]
fn one_cpu_twice_in_one_type_is_an_error() {
    let twice = Err(MadtError::Duplicate(ApicId::new(1)));
    let bytes = madt(&[local_apic(0, ENABLED), local_apic(1, ENABLED), local_apic(1, ENABLED)]);
    assert_eq!(ids(&bytes, 0), twice);
    let bytes = madt(&[
        local_apic(0, ENABLED),
        local_apic(1, ENABLED),
        local_x2apic(1, ENABLED),
        local_x2apic(1, ENABLED),
    ]);
    assert_eq!(ids(&bytes, 0), twice);
}

#[test]
fn bsp_twice_in_one_type_is_an_error() {
    let bytes = madt(&[local_apic(0, ENABLED), local_apic(0, ENABLED)]);
    assert_eq!(ids(&bytes, 0), Err(MadtError::Duplicate(ApicId::new(0))));
}

#[test]
fn sixty_four_cpus_are_the_most() {
    let most: Vec<_> = (0..64).map(|id| local_apic(id, ENABLED)).collect();
    assert_eq!(ids(&madt(&most), 63).map(|ids| ids.len()), Ok(64));
    let more: Vec<_> = (0..200).map(|id| local_apic(id, ENABLED)).collect();
    let error = ids(&madt(&more), 0).unwrap_err();
    assert_eq!(error, MadtError::TooMany { found: 200 });
    assert_eq!(error.to_string(), "MADT: 200 CPUs, at most 64 are supported");
}

#[test]
fn bsp_that_is_absent_or_disabled_is_an_error() {
    let bytes = madt(&[local_apic(0, ENABLED), local_apic(1, 0)]);
    for bsp in [1, 7] {
        assert_eq!(ids(&bytes, bsp), Err(MadtError::NoBsp(ApicId::new(bsp))));
    }
    assert_eq!(ids(&madt(&[]), 0), Err(MadtError::NoBsp(ApicId::new(0))));
}

#[test]
fn address_comes_from_the_table_or_from_its_override() {
    let bytes = madt(&[local_apic(0, ENABLED)]);
    assert_eq!(Madt::parse(&bytes).unwrap().local_apic_address(), 0xfee0_0000);
    let mut entry = vec![5, 12, 0, 0];
    entry.extend_from_slice(&0x8_fee0_0000u64.to_le_bytes());
    let bytes = madt(&[local_apic(0, ENABLED), entry]);
    assert_eq!(Madt::parse(&bytes).unwrap().local_apic_address(), 0x8_fee0_0000);
}

#[test]
fn entries_that_do_not_hold_are_named_by_their_offset() {
    for bad in
        [vec![0, 0], vec![0, 1], vec![0], vec![1, 12, 0], vec![0, 7, 0, 0, 1, 0, 0], vec![9, 2], vec![5, 8]]
    {
        let bytes = madt(&[local_apic(0, ENABLED), bad.clone()]);
        assert_eq!(ids(&bytes, 0), Err(MadtError::Entry { offset: 52 }), "{bad:?}");
    }
}

#[test]
fn unknown_types_are_passed_over() {
    let bytes = madt(&[vec![0x7f, 2], local_apic(0, ENABLED), vec![0x80, 5, 1, 2, 3]]);
    assert_eq!(ids(&bytes, 0), Ok(vec![0]));
    let kinds: Vec<u8> = Madt::parse(&bytes).unwrap().entries().map(Entry::kind).collect();
    assert_eq!(kinds, [0x7f, 0, 0x80]);
}

#[test]
fn bytes_that_are_no_madt_are_named() {
    let bytes = madt(&[local_apic(0, ENABLED)]);
    assert_eq!(ids(&bytes[..20], 0), Err(AcpiError::TooShort { needed: 36, found: 20 }.into()));
    assert_eq!(ids(&bytes[..51], 0), Err(AcpiError::Length { stated: 52, found: 51 }.into()));
    let mut bad = bytes.clone();
    bad[45] ^= 1;
    assert_eq!(ids(&bad, 0), Err(AcpiError::Checksum.into()));
    let mut bad = bytes;
    bad[0] = b'B';
    let error = ids(&bad, 0).unwrap_err();
    assert_eq!(format!("{error}"), "MADT: signature is not \"APIC\"");
    assert_eq!(ids(&table(b"APIC", &[0; 7]), 0), Err(AcpiError::TooShort { needed: 44, found: 43 }.into()));
}

/// What may stand in a MADT: CPUs of both types with few ids, so that they meet.
fn any_entry() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0u8..80, 0u32..4).prop_map(|(id, flags)| local_apic(id, flags)),
        (0u32..80, 0u32..4).prop_map(|(id, flags)| local_x2apic(id, flags)),
        Just(io_apic()),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = ids(&bytes, 0);
    }

    #[test]
    fn arbitrary_entries_never_panic(body in prop::collection::vec(any::<u8>(), 8..300), bsp: u32) {
        let _ = ids(&table(b"APIC", &body), bsp);
    }

    #[test]
    fn mutated_tables_never_panic(
        entries in prop::collection::vec(any_entry(), 0..20),
        at: prop::sample::Index,
        value: u8,
        cut: prop::sample::Index,
    ) {
        let mut bytes = madt(&entries);
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = ids(&bytes, 0);
        fix_checksum(&mut bytes);
        let _ = ids(&bytes, 0);
        let _ = ids(&bytes[..cut.index(bytes.len())], 0);
    }

    #[test]
    fn list_has_each_enabled_cpu_once_and_the_bsp_first(
        entries in prop::collection::vec(any_entry(), 0..60),
        bsp in 0u32..80,
    ) {
        let bytes = madt(&entries);
        let listed: Vec<u32> =
            Madt::parse(&bytes).unwrap().cpus().filter(|c| c.enabled).map(|c| c.apic_id.get()).collect();
        match ids(&bytes, bsp) {
            Ok(found) => {
                prop_assert_eq!(found[0], bsp);
                let mut sorted = found.clone();
                sorted.sort_unstable();
                let mut all = listed;
                all.sort_unstable();
                all.dedup();
                prop_assert_eq!(sorted, all);
            }
            Err(MadtError::NoBsp(_)) => prop_assert!(!listed.contains(&bsp)),
            Err(MadtError::Duplicate(id)) => {
                prop_assert!(listed.iter().filter(|l| **l == id.get()).count() > 1);
            }
            Err(MadtError::TooMany { found }) => prop_assert!(found > MAX_CPUS && found <= listed.len()),
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
