//! Facts about `seal`.

use switchlab_boot_plan::{Refusal, seal};

/// As an ELF begins, with zeros where the seal will be.
const FILE: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0 and all that a kernel's file has";
const PADDING: core::ops::Range<usize> = 9..16;

fn sealed() -> Vec<u8> {
    let mut file = FILE.to_vec();
    seal::put_on(&mut file);
    file
}

#[test]
fn sealed_file_differs_in_its_padding_alone_and_is_good() {
    let mut file = sealed();
    assert!(seal::is_on(&file));
    assert_eq!(seal::check(&file), Ok(()));
    file[PADDING].fill(0);
    assert_eq!(file, FILE);
}

#[test]
fn file_that_is_sealed_again_is_the_same() {
    let mut again = sealed();
    seal::put_on(&mut again);
    assert_eq!(again, sealed());
}

#[test]
fn file_without_a_seal_is_taken_as_it_is() {
    for file in [FILE, &FILE[..3], &FILE[..16], b"", b"SL2", b"words, and no kernel"] {
        assert!(!seal::is_on(file));
        assert_eq!(seal::check(file), Ok(()));
    }
}

#[test]
fn file_too_short_for_a_seal_stays_as_it_is() {
    let mut file = FILE[..15].to_vec();
    seal::put_on(&mut file);
    assert_eq!(file, FILE[..15]);
}

#[test]
fn every_bit_that_changes_is_found() {
    for bit in 0..8 * sealed().len() {
        let mut file = sealed();
        file[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(seal::check(&file), Err(Refusal::Changed { .. })), "bit {bit}");
    }
}

#[test]
fn every_cut_behind_the_seal_is_found() {
    for length in PADDING.end..sealed().len() {
        assert!(matches!(seal::check(&sealed()[..length]), Err(Refusal::Changed { .. })), "{length} bytes");
    }
}

#[test]
fn refusal_says_both_checksums() {
    let mut file = sealed();
    let sealed = u32::from_le_bytes(file[12..16].try_into().unwrap());
    file[0] ^= 1;
    let text = seal::check(&file).unwrap_err().to_string();
    assert!(text.contains(&format!("{sealed:08x}")) && text.contains("is allowed"), "{text}");
}
