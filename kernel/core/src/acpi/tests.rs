//! Facts about `acpi`.

use super::*;
use crate::testing::{fix_checksum, sum, table};
use proptest::prelude::*;
use std::string::ToString;
use std::vec;
use std::vec::Vec;

fn rsdp(revision: u8, rsdt: u32, xsdt: u64) -> Vec<u8> {
    let mut bytes = vec![0; if revision < 2 { 20 } else { 36 }];
    bytes[..8].copy_from_slice(b"RSD PTR ");
    bytes[9..15].copy_from_slice(b"BOCHS ");
    bytes[15] = revision;
    bytes[16..20].copy_from_slice(&rsdt.to_le_bytes());
    bytes[8] = sum(&bytes[..20]).wrapping_neg();
    if revision >= 2 {
        bytes[20..24].copy_from_slice(&36u32.to_le_bytes());
        bytes[24..32].copy_from_slice(&xsdt.to_le_bytes());
        bytes[32] = sum(&bytes).wrapping_neg();
    }
    bytes
}

/// A FADT of 244 bytes with the two fields for the PM timer's address, and its flags.
fn fadt(pm_tmr_blk: u32, x_space: u8, x_address: u64, flags: u32) -> Vec<u8> {
    let mut bytes = table(b"FACP", &[0; 208]);
    bytes[76..80].copy_from_slice(&pm_tmr_blk.to_le_bytes());
    bytes[91] = 4;
    bytes[112..116].copy_from_slice(&flags.to_le_bytes());
    bytes[208] = x_space;
    bytes[212..220].copy_from_slice(&x_address.to_le_bytes());
    fix_checksum(&mut bytes);
    bytes
}

fn hpet(space: u8, address: u64) -> Vec<u8> {
    let mut body = [0; 20];
    body[4] = space;
    body[8..16].copy_from_slice(&address.to_le_bytes());
    table(b"HPET", &body)
}

#[test]
fn rsdp_of_revision_0_leads_to_the_rsdt() {
    let parsed = Rsdp::parse(&rsdp(0, 0x0ffe_1234, 0)).unwrap();
    assert_eq!(parsed, Rsdp::Rsdt(0x0ffe_1234));
    assert_eq!(parsed.address(), 0x0ffe_1234);
}

#[test]
fn rsdp_of_revision_0_may_be_followed_by_anything() {
    let mut bytes = rsdp(0, 0x1000, 0);
    bytes.extend_from_slice(&[0xa5; 16]);
    assert_eq!(Rsdp::parse(&bytes), Ok(Rsdp::Rsdt(0x1000)));
}

#[test]
fn rsdp_of_revision_2_leads_to_the_xsdt() {
    assert_eq!(Rsdp::parse(&rsdp(2, 0x1000, 0x1_2345_6780)), Ok(Rsdp::Xsdt(0x1_2345_6780)));
}

#[test]
fn rsdp_of_revision_2_without_an_xsdt_leads_to_the_rsdt() {
    assert_eq!(Rsdp::parse(&rsdp(2, 0x1000, 0)), Ok(Rsdp::Rsdt(0x1000)));
}

#[test]
fn each_checksum_of_the_rsdp_is_looked_at() {
    let mut bytes = rsdp(2, 0x1000, 0x2000);
    bytes[33] ^= 1;
    assert_eq!(Rsdp::parse(&bytes), Err(AcpiError::Checksum));
    let mut bytes = rsdp(0, 0x1000, 0);
    bytes[16] ^= 1;
    assert_eq!(Rsdp::parse(&bytes), Err(AcpiError::Checksum));
}

#[test]
fn bytes_that_are_no_rsdp_are_named() {
    let mut bytes = rsdp(0, 0x1000, 0);
    bytes[7] = b'!';
    assert_eq!(Rsdp::parse(&bytes), Err(AcpiError::Signature { expected: "RSD PTR " }));
    assert_eq!(Rsdp::parse(&bytes[..19]), Err(AcpiError::TooShort { needed: 20, found: 19 }));
    let bytes = rsdp(2, 0x1000, 0x2000);
    assert_eq!(Rsdp::parse(&bytes[..35]), Err(AcpiError::TooShort { needed: 36, found: 35 }));
    for stated in [0u32, 35, 37, u32::MAX] {
        let mut bytes = rsdp(2, 0x1000, 0x2000);
        bytes[20..24].copy_from_slice(&stated.to_le_bytes());
        assert_eq!(Rsdp::parse(&bytes), Err(AcpiError::Length { stated, found: 36 }));
    }
}

#[test]
fn header_says_what_a_table_is_and_how_long() {
    let bytes = table(b"APIC", &[0; 84]);
    let header = SdtHeader::parse(&bytes[..SDT_HEADER_LENGTH]).unwrap();
    assert_eq!(header, SdtHeader { signature: *b"APIC", length: 120, revision: 1 });
    assert_eq!(SdtHeader::parse(&bytes[..35]), Err(AcpiError::TooShort { needed: 36, found: 35 }));
}

#[test]
fn header_shorter_than_itself_is_an_error() {
    let mut bytes = table(b"APIC", &[]);
    bytes[4] = 35;
    assert_eq!(SdtHeader::parse(&bytes), Err(AcpiError::Length { stated: 35, found: 36 }));
}

#[test]
fn rsdt_and_xsdt_list_their_tables_without_holes() {
    let body: Vec<u8> = [0x1000u32, 0, 0xfee0_0000].iter().flat_map(|a| a.to_le_bytes()).collect();
    let entries: Vec<u64> = root_entries(&table(b"RSDT", &body)).unwrap().collect();
    assert_eq!(entries, [0x1000, 0xfee0_0000]);
    let body: Vec<u8> = [0x1_0000_0000u64, 0, 0x2000].iter().flat_map(|a| a.to_le_bytes()).collect();
    let entries: Vec<u64> = root_entries(&table(b"XSDT", &body)).unwrap().collect();
    assert_eq!(entries, [0x1_0000_0000, 0x2000]);
}

#[test]
fn root_table_ends_at_its_stated_length() {
    let mut bytes = table(b"RSDT", &0x1000u32.to_le_bytes());
    bytes.extend_from_slice(&0x2000u32.to_le_bytes());
    assert_eq!(root_entries(&bytes).unwrap().collect::<Vec<_>>(), [0x1000]);
}

#[test]
fn root_table_with_half_an_entry_is_an_error() {
    let error = root_entries(&table(b"XSDT", &[0; 12])).unwrap_err();
    assert_eq!(error, AcpiError::Length { stated: 48, found: 48 });
}

#[test]
fn another_table_is_no_root_table() {
    let error = root_entries(&table(b"FACP", &[0; 8])).unwrap_err();
    assert_eq!(error, AcpiError::Signature { expected: "XSDT" });
    assert_eq!(error.to_string(), "signature is not \"XSDT\"");
}

#[test]
fn pm_timer_is_found_with_its_width() {
    let narrow = pm_timer(&fadt(0x608, 1, 0x608, 0)).unwrap();
    assert_eq!(narrow, Some(PmTimer { port: 0x608, width: PmTimerWidth::Bits24 }));
    let wide = pm_timer(&fadt(0x608, 1, 0x608, 1 << 8)).unwrap();
    assert_eq!(wide, Some(PmTimer { port: 0x608, width: PmTimerWidth::Bits32 }));
    assert_eq!(PmTimerWidth::Bits24.mask(), 0xff_ffff);
    assert_eq!(PmTimerWidth::Bits32.mask(), 0xffff_ffff);
}

#[test]
fn extended_address_of_the_pm_timer_comes_first_where_it_is_a_port() {
    assert_eq!(pm_timer(&fadt(0x608, 1, 0x708, 0)).unwrap().unwrap().port, 0x708);
    assert_eq!(pm_timer(&fadt(0x608, 1, 0, 0)).unwrap().unwrap().port, 0x608);
    assert_eq!(pm_timer(&fadt(0x608, 0, 0xfed0_0000, 0)).unwrap().unwrap().port, 0x608);
}

#[test]
fn fadt_of_acpi_1_has_its_pm_timer_too() {
    let mut bytes = fadt(0x608, 1, 0x708, 0);
    bytes.truncate(116);
    bytes[4..8].copy_from_slice(&116u32.to_le_bytes());
    fix_checksum(&mut bytes);
    assert_eq!(pm_timer(&bytes).unwrap().unwrap().port, 0x608);
}

#[test]
fn machine_without_a_pm_timer_has_none() {
    assert_eq!(pm_timer(&fadt(0x608, 1, 0x608, 1 << 20)), Ok(None));
    assert_eq!(pm_timer(&fadt(0, 1, 0, 0)), Ok(None));
    assert_eq!(pm_timer(&fadt(0x1_0608, 0, 0, 0)), Ok(None));
    let mut bytes = fadt(0x608, 1, 0x608, 0);
    bytes[91] = 0;
    fix_checksum(&mut bytes);
    assert_eq!(pm_timer(&bytes), Ok(None));
}

#[test]
fn short_fadt_is_an_error() {
    let error = pm_timer(&table(b"FACP", &[0; 79])).unwrap_err();
    assert_eq!(error, AcpiError::TooShort { needed: 116, found: 115 });
}

#[test]
fn hpet_is_found_in_memory_only() {
    assert_eq!(hpet_base(&hpet(0, 0xfed0_0000)), Ok(0xfed0_0000));
    assert_eq!(hpet_base(&hpet(1, 0x400)), Err(AcpiError::HpetAddress { space: 1, address: 0x400 }));
    assert_eq!(hpet_base(&hpet(0, 0)), Err(AcpiError::HpetAddress { space: 0, address: 0 }));
    assert_eq!(hpet_base(&table(b"HPET", &[0; 19])), Err(AcpiError::TooShort { needed: 56, found: 55 }));
}

#[test]
fn table_with_a_wrong_checksum_is_an_error() {
    let mut bytes = hpet(0, 0xfed0_0000);
    bytes[47] ^= 0x10;
    assert_eq!(hpet_base(&bytes), Err(AcpiError::Checksum));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Rsdp::parse(&bytes);
        let _ = SdtHeader::parse(&bytes);
        let _ = root_entries(&bytes).map(Iterator::count);
        let _ = pm_timer(&bytes);
        let _ = hpet_base(&bytes);
    }

    #[test]
    fn tables_with_arbitrary_bodies_never_panic(
        body in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0usize..340,
    ) {
        for signature in [b"RSDT", b"XSDT", b"FACP", b"HPET"] {
            let whole = table(signature, &body);
            for bytes in [&whole[..], &whole[..cut.min(whole.len())]] {
                let _ = root_entries(bytes).map(Iterator::count);
                let _ = pm_timer(bytes);
                let _ = hpet_base(bytes);
            }
        }
    }

    #[test]
    fn one_flipped_bit_in_a_table_is_noticed(address in 1u64.., byte in 0usize..56, bit in 0u8..8) {
        let mut bytes = hpet(0, address);
        bytes[byte] ^= 1 << bit;
        prop_assert!(hpet_base(&bytes).is_err());
    }
}
