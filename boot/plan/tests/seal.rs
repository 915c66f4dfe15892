//! Facts about `seal`.

use switchlab_boot_plan::{Refusal, seal};

const FILE: &[u8] = b"\x7fELF and all that a kernel's file has";

fn sealed() -> Vec<u8> {
    [FILE, &seal::of(FILE)].concat()
}

#[test]
fn sealed_file_is_what_was_sealed() {
    assert_eq!(seal::open(&sealed()), Ok(FILE));
    assert!(seal::is_on(&sealed()));
}

#[test]
fn file_without_a_seal_is_taken_as_it_is() {
    for file in [FILE, &FILE[..3], b"", b"SLSEAL01"] {
        assert_eq!(seal::open(file), Ok(file));
        assert!(!seal::is_on(file));
    }
}

#[test]
fn every_bit_that_changes_is_found() {
    for bit in 0..8 * sealed().len() {
        let mut file = sealed();
        file[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(seal::open(&file), Err(Refusal::Changed { .. })), "bit {bit}");
    }
}

#[test]
fn refusal_says_both_checksums() {
    let mut file = sealed();
    file[0] ^= 1;
    let text = seal::open(&file).unwrap_err().to_string();
    let sealed = u32::from_le_bytes(*file.last_chunk().unwrap());
    assert!(text.contains(&format!("{sealed:08x}")) && text.contains("is allowed"), "{text}");
}
