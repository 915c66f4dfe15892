//! Which memory is handed out, and what the kernel is told.

use std::ops::Range;

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use proptest::prelude::*;
use switchlab_boot_plan::{
    Refusal,
    memory::{Frames, MAX_ENTRIES, MemoryMap},
    pvh::MemoryMapEntry,
};

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;
const RAM: u32 = 1;
const RESERVED: u32 = 2;

fn entry(range: Range<u64>, kind: u32) -> MemoryMapEntry {
    MemoryMapEntry { address: range.start, size: range.end - range.start, kind }
}

/// What QEMU 7.2 says of a machine with 128 MiB, and a misfit.
fn machine() -> MemoryMap {
    MemoryMap::new(&[
        entry(0..0x9_fc00, RAM),
        entry(0x9_fc00..0xa_0000, RESERVED),
        entry(0xf_0000..MIB, RESERVED),
        entry(MIB..0x7fe_0000, RAM),
        entry(0x7fe_0000..0x800_0000, RESERVED),
        entry(0xfffc_0000..0x1_0000_0000, RESERVED),
        entry(0xfd_0000_0000..0x100_0000_0000, RESERVED),
    ])
    .expect("it is not too long")
}

fn describe(frames: &Frames<'_>) -> Vec<(u64, u64, MemoryRegionKind)> {
    let mut regions = [MemoryRegion::empty(); 300];
    let count = frames.describe(&mut regions).expect("there is room");
    regions[..count].iter().map(|region| (region.start, region.end, region.kind)).collect()
}

const NOTHING: [Range<u64>; 4] = [0..0, 0..0, 0..0, 0..0];

#[test]
fn kernel_is_told_of_all_memory() {
    use MemoryRegionKind::{Bootloader, UnknownBios, Usable};
    let map = machine();
    let mut frames = Frames::new(&map, [0..0x1000, MIB..MIB + 0x12_345, 0x700_0000..0x7fd_0001, 0..0]);
    let first = frames.allocate("x", 1).expect("there is room");
    assert_eq!(first, MIB + 0x1_3000..MIB + 0x1_4000);
    assert_eq!(
        describe(&frames),
        [
            (0, 0x1000, Bootloader),
            (0x1000, 0x9_f000, Usable),
            (0x9_fc00, 0xa_0000, UnknownBios(RESERVED)),
            (0xf_0000, MIB, UnknownBios(RESERVED)),
            (MIB, MIB + 0x1_4000, Bootloader),
            (MIB + 0x1_4000, 0x700_0000, Usable),
            (0x700_0000, 0x7fd_1000, Bootloader),
            (0x7fd_1000, 0x7fe_0000, Usable),
            (0x7fe_0000, 0x800_0000, UnknownBios(RESERVED)),
            (0xfffc_0000, 0x1_0000_0000, UnknownBios(RESERVED)),
            (0xfd_0000_0000, 0x100_0000_0000, UnknownBios(RESERVED)),
        ]
    );
    assert_eq!(map.end(), 0x100_0000_0000);
}

#[test]
fn ram_that_is_reserved_too_is_reserved() {
    let entries =
        [entry(0..10 * PAGE, RAM), entry(2 * PAGE..4 * PAGE, RESERVED), entry(3 * PAGE..5 * PAGE, 3)];
    let map = MemoryMap::new(&entries).expect("it is not too long");
    let kinds: Vec<_> = describe(&Frames::new(&map, NOTHING));
    use MemoryRegionKind::{UnknownBios, Usable};
    assert_eq!(
        kinds,
        [
            (0, 2 * PAGE, Usable),
            (2 * PAGE, 3 * PAGE, UnknownBios(RESERVED)),
            (3 * PAGE, 5 * PAGE, UnknownBios(3)),
            (5 * PAGE, 10 * PAGE, Usable),
        ]
    );
}

#[test]
fn nothing_is_taken_below_1_mib_or_above_4_gib() {
    let map = MemoryMap::new(&[entry(0..MIB + PAGE, RAM), entry(1 << 32..1 << 33, RAM)])
        .expect("it is not too long");
    let mut frames = Frames::new(&map, NOTHING);
    assert_eq!(frames.allocate("x", PAGE), Ok(MIB..MIB + PAGE));
    assert_eq!(frames.allocate("x", PAGE), Err(Refusal::OutOfMemory { what: "x", size: PAGE, largest: 0 }));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let map = machine();
    let mut frames = Frames::new(&map, NOTHING);
    let refusal = Refusal::OutOfMemory { what: "the kernel", size: 1 << 30, largest: 0x7fe_0000 - MIB };
    assert_eq!(frames.allocate("the kernel", 1 << 30), Err(refusal));
    assert!(frames.allocate("the kernel", u64::MAX).is_err());
    assert_eq!(frames.allocate("x", 0x7fe_0000 - MIB), Ok(MIB..0x7fe_0000));
}

#[test]
fn small_block_is_used_after_a_large_one() {
    let map = machine();
    let mut frames = Frames::new(&map, [MIB + 2 * PAGE..2 * MIB, 0..0, 0..0, 0..0]);
    assert_eq!(frames.allocate("large", MIB), Ok(2 * MIB..3 * MIB));
    assert_eq!(frames.allocate("small", PAGE), Ok(MIB..MIB + PAGE));
}

#[test]
fn map_that_is_too_long_is_refused() {
    let entries: Vec<_> =
        (0..=MAX_ENTRIES as u64).map(|n| entry(2 * n * PAGE..(2 * n + 1) * PAGE, RAM)).collect();
    assert_eq!(MemoryMap::new(&entries).err(), Some(Refusal::MemoryMapTooLong { max: MAX_ENTRIES }));
    let map = MemoryMap::new(&entries[1..]).expect("it is not too long");
    let mut regions = [MemoryRegion::empty(); 3];
    assert_eq!(Frames::new(&map, NOTHING).describe(&mut regions), Err(Refusal::TooManyRegions { max: 3 }));
}

fn any_range() -> impl Strategy<Value = Range<u64>> {
    let near = prop::sample::select(vec![0, MIB, 16 * MIB, 1 << 32, u64::MAX - 64 * PAGE]);
    (near, 0..64 * PAGE, 0..64 * PAGE).prop_map(|(near, start, size)| {
        let start = near.saturating_add(start);
        start..start.saturating_add(size)
    })
}

proptest! {
    #[test]
    fn regions_are_sorted_apart_and_never_usable_where_taken(
        entries in prop::collection::vec((any_range(), 1..4_u32), 0..=MAX_ENTRIES),
        occupied in prop::array::uniform4(any_range()),
        sizes in prop::collection::vec(0..8 * PAGE, 0..32),
    ) {
        let entries: Vec<_> = entries.into_iter().map(|(range, kind)| entry(range, kind)).collect();
        let map = MemoryMap::new(&entries).expect("it is not too long");
        let mut frames = Frames::new(&map, occupied.clone());
        let mut taken: Vec<_> = occupied.into_iter().filter(|range| !range.is_empty()).collect();
        for size in sizes {
            if let Ok(range) = frames.allocate("x", size) {
                prop_assert!(range.start >= MIB && range.end <= 1 << 32);
                prop_assert!(taken.iter().all(|other| range.end <= other.start || other.end <= range.start));
                taken.extend((!range.is_empty()).then_some(range));
            }
        }
        let mut regions = vec![MemoryRegion::empty(); 1000];
        let count = frames.describe(&mut regions).expect("there is room");
        let regions = &regions[..count];
        prop_assert!(regions.iter().all(|region| region.start < region.end));
        prop_assert!(regions.windows(2).all(|pair| pair[0].end <= pair[1].start));
        for region in regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable) {
            prop_assert!((region.start | region.end) % PAGE == 0);
            prop_assert!(taken.iter().all(|other| region.end <= other.start || other.end <= region.start));
            let is_apart = |other: &MemoryMapEntry| {
                region.end <= other.address || other.address.saturating_add(other.size) <= region.start
            };
            prop_assert!(entries.iter().filter(|entry| entry.kind != RAM && entry.size > 0).all(is_apart));
        }
    }
}
