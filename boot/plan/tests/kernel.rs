//! What is read from a kernel's file, and every file that is refused.

mod common;

use common::*;
use switchlab_boot_plan::{
    Refusal,
    kernel::{Access, Kernel, Linking},
};

fn refusal(elf: &Elf) -> Refusal {
    refusal_of(&elf.build())
}

fn refusal_of(file: &[u8]) -> Refusal {
    Kernel::read(file).err().expect("the file is to be refused")
}

#[test]
fn static_kernel_is_read() {
    let file = Elf::fixed().build();
    let kernel = Kernel::read(&file).expect("it is right");
    assert_eq!(kernel.linking(), Linking::Static);
    assert_eq!(kernel.pages(), STATIC_BASE..STATIC_BASE + 5 * PAGE);
    assert_eq!(kernel.entry(), STATIC_BASE + PAGE + 0x10);
    assert_eq!(kernel.alignment(), PAGE);
    assert_eq!(kernel.tls(), None);
}

#[test]
fn pages_get_the_access_of_their_segments() {
    let file = Elf::fixed().build();
    let kernel = Kernel::read(&file).expect("it is right");
    let access = [0, 1, 2, 3, 4, 5].map(|page| kernel.access(STATIC_BASE + page * PAGE));
    let data = Some(Access::ReadWrite);
    assert_eq!(access, [Some(Access::Read), Some(Access::ReadExecute), data, data, data, None]);
}

#[test]
fn image_has_the_file_and_zeros_elsewhere() {
    let file = Elf::fixed().build();
    let kernel = Kernel::read(&file).expect("it is right");
    let mut image = vec![0xff; 5 * PAGE as usize];
    kernel.load(&mut image, 0);
    let data = 2 * PAGE as usize + 8;
    assert_eq!(&image[..9], b"constants");
    assert_eq!(image[PAGE as usize..][..0x40], [0x90; 0x40]);
    assert_eq!(&image[data..][..4], b"data");
    assert!(image[9..PAGE as usize].iter().all(|byte| *byte == 0));
    assert!(image[data + 4..].iter().all(|byte| *byte == 0));
}

#[test]
fn relocations_add_the_bias() {
    let at = 2 * PAGE + 0x10;
    let relocations = [(at, R_X86_64_RELATIVE, 0x1234), (0, 0, 0), (at + 8, R_X86_64_RELATIVE, u64::MAX)];
    let file = Elf::movable().with_dynamic(&[], &relocations).build();
    let kernel = Kernel::read(&file).expect("it is right");
    let mut image = vec![0; 5 * PAGE as usize];
    let bias = 0x80_0000_0000;
    kernel.load(&mut image, bias);
    assert_eq!(image[at as usize..][..8], (bias + 0x1234).to_le_bytes());
    assert_eq!(image[at as usize + 8..][..8], (bias - 1).to_le_bytes());
}

#[test]
fn relro_is_read_only_but_for_pages_it_shares_with_data() {
    let mut elf = Elf::fixed();
    elf.segments[2].bytes = vec![0; PAGE as usize + 0x100];
    let start = elf.segments[2].address;
    elf.segments.push(part(PT_GNU_RELRO, start, PAGE));
    let file = elf.build();
    let kernel = Kernel::read(&file).expect("it is right");
    assert_eq!(kernel.access(STATIC_BASE + 2 * PAGE), Some(Access::Read));
    assert_eq!(kernel.access(STATIC_BASE + 3 * PAGE), Some(Access::ReadWrite));
}

#[test]
fn tls_template_is_read() {
    let mut elf = Elf::fixed();
    let start = elf.segments[2].address;
    elf.segments.push(Segment { mem_size: 0x20, ..part(PT_TLS, start, 4) });
    let file = elf.build();
    let tls = Kernel::read(&file).expect("it is right").tls().expect("there is one");
    assert_eq!((tls.start, tls.file_size, tls.mem_size), (start, 4, 0x20));
}

#[test]
fn two_segments_may_share_a_page_unless_it_became_writable_and_executable() {
    let mut elf = Elf::fixed();
    elf.segments[1].mem_size = PAGE + 1;
    assert_eq!(refusal(&elf), Refusal::SharedPageWritableAndExecutable { page: STATIC_BASE + 2 * PAGE });
    elf.segments[2].flags = READ;
    let file = elf.build();
    let kernel = Kernel::read(&file).expect("it is right");
    assert_eq!(kernel.access(STATIC_BASE + 2 * PAGE), Some(Access::ReadExecute));
}

#[test]
fn three_segments_in_one_page_are_seen_together() {
    let mut elf = Elf::fixed();
    let segment = |flags, offset| load(flags, STATIC_BASE + offset, b"word", 4);
    elf.segments = vec![segment(READ_EXECUTE, 0), segment(READ, 0x100), segment(READ_WRITE, 0x200)];
    elf.entry = STATIC_BASE;
    assert_eq!(refusal(&elf), Refusal::SharedPageWritableAndExecutable { page: STATIC_BASE });
}

#[test]
fn what_is_no_elf64_file_is_refused() {
    assert_eq!(refusal_of(b"hello"), Refusal::NotElf { start: *b"hell" });
    assert_eq!(refusal_of(b""), Refusal::NotElf { start: [0; 4] });
    let mut file = Elf::fixed().build();
    file[E_CLASS] = 1;
    assert_eq!(refusal_of(&file), Refusal::NotElf64 { class: 1 });
    file[E_CLASS] = 7;
    assert_eq!(refusal_of(&file), Refusal::NotElf64 { class: 7 });
}

#[test]
fn other_machines_and_types_are_refused() {
    let mut file = Elf::fixed().build();
    file[E_MACHINE] = 183;
    assert_eq!(refusal_of(&file), Refusal::WrongMachine { machine: 183 });
    let mut file = Elf::fixed().build();
    file[E_TYPE] = 1;
    assert_eq!(refusal_of(&file), Refusal::WrongType { elf_type: 1 });
    let mut file = Elf::fixed().build();
    file[E_DATA] = 2;
    assert_eq!(refusal_of(&file), Refusal::Malformed { what: "it is not little-endian" });
    let mut file = Elf::fixed().build();
    file[E_SHENTSIZE] = 63;
    assert_eq!(
        refusal_of(&file),
        Refusal::Malformed { what: "a header table's entries have the wrong size" }
    );
}

#[test]
fn every_cut_is_refused() {
    let file = Elf::fixed().with_dynamic(&[], &[(STATIC_BASE + 2 * PAGE + 8, R_X86_64_RELATIVE, 1)]).build();
    for length in 1..file.len() {
        let is_named = matches!(refusal_of(&file[..length]), Refusal::CutShort { file_len, .. } if file_len == length as u64);
        assert!(is_named, "{length} bytes of {}", file.len());
    }
}

#[test]
fn segment_past_the_end_is_refused() {
    let mut elf = Elf::fixed();
    elf.segments[2].size_error = 1 << 40;
    elf.segments[2].mem_size = 1 << 41;
    assert!(matches!(
        refusal(&elf),
        Refusal::SegmentAddress { .. } | Refusal::CutShort { part: "a segment", .. }
    ));
    let mut elf = Elf::movable();
    elf.segments[2].offset_error = 1 << 40;
    assert!(matches!(refusal(&elf), Refusal::CutShort { part: "a segment", .. }));
    elf.segments[2].offset_error = 0_u64.wrapping_sub(4 * PAGE);
    assert!(matches!(refusal(&elf), Refusal::CutShort { part: "a segment", .. }));
}

#[test]
fn segments_that_overlap_or_are_not_sorted_are_refused() {
    let mut elf = Elf::fixed();
    elf.segments[1].mem_size = 2 * PAGE;
    let (first, second) = (elf.segments[1].address, elf.segments[2].address);
    assert_eq!(refusal(&elf), Refusal::SegmentsOverlap { first, second });
    let mut elf = Elf::fixed();
    elf.segments.swap(1, 2);
    assert!(matches!(refusal(&elf), Refusal::SegmentsOverlap { .. }));
}

#[test]
fn misaligned_segment_is_refused() {
    let mut elf = Elf::fixed();
    elf.segments[2].offset_error = 4;
    assert!(matches!(refusal(&elf), Refusal::SegmentMisaligned { alignment: PAGE, .. }));
    for alignment in [3, 1 << 31] {
        let mut elf = Elf::fixed();
        elf.segments[2].align = alignment;
        assert!(matches!(refusal(&elf), Refusal::SegmentMisaligned { .. }));
    }
}

#[test]
fn segment_with_impossible_sizes_or_addresses_is_refused() {
    let mut elf = Elf::fixed();
    elf.segments[2].mem_size = 3;
    assert_eq!(refusal(&elf), Refusal::SegmentSizes { address: elf.segments[2].address });
    elf.segments[2].mem_size = u64::MAX;
    assert_eq!(refusal(&elf), Refusal::SegmentAddress { address: elf.segments[2].address });
    let mut elf = Elf::new(0x7fff_ffff_d000, &Default::default());
    elf.position_independent = false;
    assert!(matches!(refusal(&elf), Refusal::SegmentAddress { .. }));
}

#[test]
fn writable_and_executable_segment_is_refused() {
    let mut elf = Elf::fixed();
    elf.segments[2].flags = 7;
    assert_eq!(refusal(&elf), Refusal::WritableAndExecutable { address: elf.segments[2].address });
}

#[test]
fn kernel_without_segments_or_with_too_many_is_refused() {
    let mut elf = Elf::fixed();
    elf.segments.clear();
    assert_eq!(refusal(&elf), Refusal::NothingToLoad);
    elf.segments = (0..17).map(|n| load(READ_EXECUTE, STATIC_BASE + n * PAGE, b"x", 1)).collect();
    assert_eq!(refusal(&elf), Refusal::TooManySegments { max: 16 });
}

#[test]
fn entry_outside_executable_segments_is_refused() {
    for entry in [0, STATIC_BASE, STATIC_BASE + 2 * PAGE + 8] {
        let elf = Elf { entry, ..Elf::fixed() };
        assert_eq!(refusal(&elf), Refusal::EntryNotExecutable { entry });
    }
}

#[test]
fn tls_template_outside_segments_is_refused() {
    let mut elf = Elf::fixed();
    elf.segments.push(part(PT_TLS, STATIC_BASE + 0x8_0000, 4));
    assert_eq!(refusal(&elf), Refusal::Tls { address: STATIC_BASE + 0x8_0000 });
}

#[test]
fn work_for_a_dynamic_linker_is_refused() {
    let with = |tag| refusal(&Elf::movable().with_dynamic(&[(tag, 8)], &[]));
    assert_eq!(with(DT_NEEDED), Refusal::SharedLibraries);
    assert_eq!(with(DT_REL_SIZE), Refusal::DynamicTag { name: "DT_REL" });
    assert_eq!(with(DT_RELR_SIZE), Refusal::DynamicTag { name: "DT_RELR" });
    let symbol = R_X86_64_RELATIVE | 1 << 32;
    for kind in [1, 6, 7, symbol] {
        let elf = Elf::movable().with_dynamic(&[], &[(2 * PAGE + 8, kind, 0)]);
        assert_eq!(refusal(&elf), Refusal::Relocation { kind: kind as u32, at: 2 * PAGE + 8 });
    }
}

#[test]
fn relocation_outside_segments_is_refused() {
    for at in [5 * PAGE, 4 * PAGE + 1, u64::MAX] {
        let elf = Elf::movable().with_dynamic(&[], &[(at, R_X86_64_RELATIVE, 0)]);
        assert_eq!(refusal(&elf), Refusal::RelocationTarget { at });
    }
}

#[test]
fn malformed_relocation_table_is_refused() {
    let with = |tags: &[(u64, u64)]| refusal(&Elf::movable().with_dynamic(tags, &[]));
    let sizes = Refusal::Malformed { what: "its relocations do not have 24 bytes each" };
    assert_eq!(with(&[(DT_RELASZ, 24)]), sizes);
    assert_eq!(with(&[(DT_RELASZ, 25), (DT_RELAENT, 24)]), sizes);
    let no_address = Refusal::Malformed { what: "its relocations have a size and no address" };
    assert_eq!(with(&[(DT_RELASZ, 24), (DT_RELAENT, 24)]), no_address);
    let nowhere = Refusal::Malformed { what: "its relocations are in no segment of the file" };
    assert_eq!(with(&[(DT_RELASZ, 24), (DT_RELAENT, 24), (DT_RELA, 1 << 40)]), nowhere);
}

#[test]
fn kernel_without_a_configuration_is_refused() {
    let read = |file: &[u8]| Kernel::read(file).expect("it is right").config_section().map(<[u8]>::len);
    assert_eq!(read(&Elf { config: None, ..Elf::fixed() }.build()), Err(Refusal::NoConfig));
    let mut file = Elf::fixed().build();
    file[E_SHNUM] = 1;
    assert!(read(&file).is_err());
}
