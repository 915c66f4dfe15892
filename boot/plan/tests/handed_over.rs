//! What the machine hands over, and the command line on its way to the kernel.

use proptest::prelude::*;
use switchlab_boot_plan::{
    Refusal, command_line,
    command_line::{BLOCK_SIZE, MAX_LENGTH, TooLong},
    pvh::{self, MemoryMapEntry, Module, StartInfo},
    rsdp,
};

fn start_info() -> [u8; StartInfo::SIZE] {
    let mut bytes = [0; StartInfo::SIZE];
    bytes[..4].copy_from_slice(&0x336e_c578_u32.to_le_bytes());
    bytes[4] = 1;
    bytes[12] = 2;
    for (field, value) in (16..48).step_by(8).zip([0x1000_u64, 0x2000, 0x3000, 0x4000]) {
        bytes[field..field + 8].copy_from_slice(&value.to_le_bytes());
    }
    bytes[48] = 7;
    bytes
}

#[test]
fn start_info_is_read() {
    let info = StartInfo::read(&start_info()).expect("it is right");
    assert_eq!((info.module_count, info.modules), (2, 0x1000));
    assert_eq!((info.command_line, info.rsdp), (0x2000, 0x3000));
    assert_eq!((info.memory_map, info.memory_map_count), (0x4000, 7));
}

#[test]
fn start_info_of_another_kind_is_refused() {
    let mut bytes = start_info();
    bytes[4] = 0;
    assert_eq!(StartInfo::read(&bytes), Err(Refusal::NoMemoryMap));
    bytes[0] = 0;
    assert_eq!(StartInfo::read(&bytes), Err(Refusal::NotPvh { magic: 0x336e_c500 }));
}

#[test]
fn table_entries_are_read() {
    let mut entry = [0; MemoryMapEntry::ENTRY_SIZE];
    (entry[1], entry[9], entry[16]) = (1, 2, 3);
    assert_eq!(MemoryMapEntry::read(&entry), MemoryMapEntry { address: 0x100, size: 0x200, kind: 3 });
    let mut entry = [0; Module::ENTRY_SIZE];
    (entry[1], entry[9]) = (1, 2);
    assert_eq!(Module::read(&entry), Module { address: 0x100, size: 0x200 });
}

#[test]
fn command_line_ends_at_nul() {
    let mut bytes = [b'x'; MAX_LENGTH + 1];
    assert_eq!(pvh::command_line(&bytes), Err(Refusal::CommandLineTooLong));
    bytes[MAX_LENGTH] = 0;
    assert_eq!(pvh::command_line(&bytes).map(str::len), Ok(MAX_LENGTH));
    bytes[3] = 0;
    assert_eq!(pvh::command_line(&bytes), Ok("xxx"));
    bytes[2] = 0xff;
    assert_eq!(pvh::command_line(&bytes), Err(Refusal::CommandLineNotUtf8 { at: 2 }));
}

#[test]
fn block_lies_in_the_page_of_boot_info() {
    assert_eq!(command_line::block_address(0xffff_a000_0000_0000), 0xffff_a000_0000_0800);
    assert_eq!(command_line::block_address(0xffff_a000_0000_0ff8), 0xffff_a000_0000_0800);
}

#[test]
fn too_long_command_line_is_not_encoded() {
    let mut block = [7; BLOCK_SIZE];
    assert_eq!(command_line::encode(&"x".repeat(MAX_LENGTH + 1), &mut block), Err(TooLong));
    assert_eq!(block, [7; BLOCK_SIZE]);
}

#[test]
fn other_version_and_bad_text_are_no_command_line() {
    let mut block = [0; BLOCK_SIZE];
    command_line::encode("a=ä", &mut block).expect("it is short");
    for change in [0, 8, 13, 18] {
        let mut changed = block;
        changed[change] ^= 0x80;
        assert_eq!(command_line::decode(&changed), None, "byte {change}");
    }
}

#[test]
fn rsdp_is_found_by_signature_and_checksum() {
    let mut memory = [0; 128];
    memory[16..24].copy_from_slice(b"RSD PTR ");
    memory[48..56].copy_from_slice(b"RSD PTR ");
    let sum = memory[48..68].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    memory[60] = sum.wrapping_neg();
    assert_eq!(rsdp::find(&memory), Some(48));
    assert_eq!(rsdp::find(&memory[..67]), None);
}

proptest! {
    #[test]
    fn command_line_comes_back(text in "\\PC{0,500}") {
        let mut block = [0xff; BLOCK_SIZE];
        command_line::encode(&text, &mut block).expect("it is short");
        prop_assert_eq!(command_line::decode(&block), Some(text.as_str()));
    }

    #[test]
    fn any_bytes_are_no_command_line(bytes in prop::collection::vec(any::<u8>(), 0..BLOCK_SIZE)) {
        prop_assert_eq!(command_line::decode(&bytes), None);
    }
}
