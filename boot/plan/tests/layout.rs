//! Where everything goes in the kernel's address space.

mod common;

use bootloader_api::{
    BootloaderConfig,
    config::{Mapping, Mappings},
};
use common::{Elf, PAGE, STATIC_BASE};
use proptest::prelude::*;
use switchlab_boot_plan::{
    Refusal,
    kernel::Kernel,
    layout::{Demands, LargePage, Layout},
};

const GIB: u64 = 1 << 30;
const LEVEL_4: u64 = 1 << 39;

fn demands() -> Demands {
    Demands {
        loader: 0x10_0000..0x12_0000,
        physical_memory_end: 0x800_0000,
        largest_page: LargePage::OneGib,
        boot_info_size: 3 * PAGE,
        ramdisk_size: Some(PAGE + 1),
    }
}

fn plan_with(elf: &Elf, demands: &Demands, change: impl FnOnce(&mut Mappings)) -> Result<Layout, Refusal> {
    let mut config = BootloaderConfig::new_default();
    change(&mut config.mappings);
    Layout::plan(&Kernel::read(&elf.build()).expect("it is right"), &config, demands)
}

fn plan(elf: &Elf, change: impl FnOnce(&mut Mappings)) -> Result<Layout, Refusal> {
    plan_with(elf, &demands(), change)
}

fn all(mappings: &mut Mappings) {
    mappings.physical_memory = Some(Mapping::Dynamic);
    mappings.page_table_recursive = Some(Mapping::Dynamic);
}

fn ranges(layout: &Layout) -> Vec<(u64, u64)> {
    let guard = layout.stack.start - PAGE..layout.stack.end;
    let recursive = layout.recursive_index.map(|index| {
        let start = u64::from(index) << 39;
        let start = if index >= 256 { start | 0xffff_0000_0000_0000 } else { start };
        start..start + LEVEL_4
    });
    let physical = layout.physical_memory.clone().map(|(range, _)| range);
    [
        Some(layout.kernel.clone()),
        Some(guard),
        Some(layout.boot_info.clone()),
        physical,
        recursive,
        layout.ramdisk.clone(),
    ]
    .into_iter()
    .flatten()
    .map(|range| (range.start, range.end))
    .collect()
}

#[test]
fn dynamic_layout_starts_behind_the_first_level_4_entry() {
    let layout = plan(&Elf::movable(), all).expect("there is room");
    assert_eq!(layout.kernel, LEVEL_4..LEVEL_4 + 5 * PAGE);
    assert_eq!(layout.bias, LEVEL_4);
    assert_eq!(layout.stack, LEVEL_4 + 6 * PAGE..LEVEL_4 + 26 * PAGE);
    assert_eq!(layout.boot_info.start, layout.stack.end);
    assert_eq!(layout.ramdisk, Some(LEVEL_4 + 29 * PAGE..LEVEL_4 + 31 * PAGE));
    assert_eq!(layout.physical_memory, Some((LEVEL_4 + GIB..LEVEL_4 + 5 * GIB, LargePage::OneGib)));
    assert_eq!(layout.recursive_index, Some(2));
}

#[test]
fn what_is_not_asked_for_is_not_placed() {
    let demands = Demands { ramdisk_size: None, ..demands() };
    let layout = plan_with(&Elf::movable(), &demands, |_| ()).expect("there is room");
    assert_eq!((layout.physical_memory, layout.recursive_index, layout.ramdisk), (None, None, None));
}

#[test]
fn static_kernel_stays_where_it_is_linked() {
    let layout = plan(&Elf::fixed(), all).expect("there is room");
    assert_eq!(layout.kernel.start, STATIC_BASE);
    assert_eq!(layout.bias, 0);
}

#[test]
fn fixed_addresses_are_kept() {
    let layout = plan(&Elf::movable(), |mappings| {
        mappings.kernel_base = Mapping::FixedAddress(STATIC_BASE);
        mappings.kernel_stack = Mapping::FixedAddress(0xf_0000_0000);
        mappings.boot_info = Mapping::FixedAddress(0xf_1000_0000);
        mappings.ramdisk_memory = Mapping::FixedAddress(0xf_2000_0000);
        mappings.physical_memory = Some(Mapping::FixedAddress(0xffff_8000_0000_0000));
        mappings.page_table_recursive = Some(Mapping::FixedAddress(0xffff_ff00_0000_0000));
    })
    .expect("there is room");
    assert_eq!((layout.kernel.start, layout.bias), (STATIC_BASE, STATIC_BASE));
    assert_eq!(layout.stack.start, 0xf_0000_1000);
    assert_eq!(layout.boot_info.start, 0xf_1000_0000);
    assert_eq!(layout.ramdisk.map(|range| range.start), Some(0xf_2000_0000));
    assert_eq!(layout.physical_memory.map(|(range, _)| range.start), Some(0xffff_8000_0000_0000));
    assert_eq!(layout.recursive_index, Some(510));
}

#[test]
fn physical_memory_covers_4_gib_and_all_that_there_is() {
    let covered = |end, fixed| {
        let demands = Demands { physical_memory_end: end, ..demands() };
        let layout = plan_with(&Elf::fixed(), &demands, |mappings| mappings.physical_memory = Some(fixed));
        let (range, page) = layout.expect("there is room").physical_memory.expect("it was asked for");
        (range.end - range.start, page)
    };
    assert_eq!(covered(0, Mapping::Dynamic), (4 * GIB, LargePage::OneGib));
    assert_eq!(covered(8 * GIB + 1, Mapping::Dynamic), (9 * GIB, LargePage::OneGib));
    let misaligned_for_1_gib = Mapping::FixedAddress(0xffff_8000_0020_0000);
    assert_eq!(covered(0, misaligned_for_1_gib), (4 * GIB, LargePage::TwoMib));
}

#[test]
fn dynamic_range_is_kept() {
    let start = 0xffff_8800_0000_0000;
    let range = |mappings: &mut Mappings| {
        all(mappings);
        mappings.dynamic_range_start = Some(start);
        mappings.dynamic_range_end = Some(start + 2 * LEVEL_4 - 1);
    };
    let layout = plan(&Elf::movable(), range).expect("there is room");
    assert!(ranges(&layout).iter().all(|(first, end)| start <= *first && *end <= start + 2 * LEVEL_4));
    let full = plan(&Elf::movable(), |mappings| {
        range(mappings);
        mappings.dynamic_range_end = Some(start + 2 * LEVEL_4 - 2);
    });
    assert!(matches!(full, Err(Refusal::NoVirtualSpace { what: "the recursive page table", .. })));
}

#[test]
fn dynamic_range_goes_on_behind_the_hole() {
    let layout = plan(&Elf::movable(), |mappings| {
        mappings.dynamic_range_start = Some(0x7fff_ffff_e000);
    })
    .expect("there is room");
    assert_eq!(layout.kernel.start, 0xffff_8000_0000_0000);
}

#[test]
fn dynamic_range_may_be_empty() {
    for (start, end) in [(5 * PAGE, 5 * PAGE), (u64::MAX, u64::MAX), (5 * PAGE, 0)] {
        let plan = plan(&Elf::fixed(), |mappings| {
            mappings.dynamic_range_start = Some(start);
            mappings.dynamic_range_end = Some(end);
        });
        assert!(matches!(plan, Err(Refusal::NoVirtualSpace { .. })));
    }
}

#[test]
fn overlap_is_refused() {
    let stack_at =
        |address| plan(&Elf::fixed(), |mappings| mappings.kernel_stack = Mapping::FixedAddress(address));
    assert!(matches!(
        stack_at(STATIC_BASE + 4 * PAGE),
        Err(Refusal::Overlap { what: "the kernel's stack", other: "the kernel", .. })
    ));
    assert!(stack_at(STATIC_BASE + 5 * PAGE).is_ok());
    assert!(matches!(stack_at(0x11_f000), Err(Refusal::Overlap { other: "the loader", .. })));
    let linked_on_the_loader =
        Elf { position_independent: false, ..Elf::new(0x10_0000, &Default::default()) };
    let plan = plan(&linked_on_the_loader, |_| ());
    assert!(matches!(plan, Err(Refusal::Overlap { what: "the kernel", other: "the loader", .. })));
}

#[test]
fn misaligned_fixed_address_is_refused() {
    let with = |change: fn(&mut Mappings, Mapping), address| {
        plan(&Elf::movable(), |mappings| change(mappings, Mapping::FixedAddress(address)))
    };
    let misaligned = |what, address, alignment| Err(Refusal::Misaligned { what, address, alignment });
    let stack = with(|mappings, fixed| mappings.kernel_stack = fixed, 0x1_0000_0800);
    assert_eq!(stack, misaligned("the kernel's stack", 0x1_0000_0800, PAGE));
    let memory = with(|mappings, fixed| mappings.physical_memory = Some(fixed), 0xffff_8000_0000_1000);
    assert_eq!(memory, misaligned("the physical memory", 0xffff_8000_0000_1000, 1 << 21));
    let recursive = with(|mappings, fixed| mappings.page_table_recursive = Some(fixed), GIB);
    assert_eq!(recursive, misaligned("the recursive page table", GIB, LEVEL_4));
}

#[test]
fn address_that_is_not_canonical_is_refused() {
    for address in [0x8000_0000_0000, 0x7fff_ffff_f000, 0xffff_7fff_ffff_f000, 0xffff_ffff_ffff_f000] {
        let plan = plan(&Elf::fixed(), |mappings| mappings.kernel_stack = Mapping::FixedAddress(address));
        assert!(
            matches!(plan, Err(Refusal::NotCanonical { what: "the kernel's stack", .. })),
            "{address:#x}"
        );
    }
}

#[test]
fn lower_half_is_used_to_its_end_and_no_further() {
    let ramdisk_at =
        |address| plan(&Elf::fixed(), |mappings| mappings.ramdisk_memory = Mapping::FixedAddress(address));
    assert!(ramdisk_at(0x7fff_ffff_e000).is_ok());
    assert!(matches!(ramdisk_at(0x7fff_ffff_f000), Err(Refusal::NotCanonical { what: "the ramdisk", .. })));
}

#[test]
fn fixed_base_of_a_static_kernel_is_refused() {
    let plan = plan(&Elf::fixed(), |mappings| mappings.kernel_base = Mapping::FixedAddress(STATIC_BASE));
    assert_eq!(plan, Err(Refusal::KernelBaseOfStatic));
}

fn mapping() -> impl Strategy<Value = Mapping> {
    let near = prop::sample::select(vec![
        0,
        0x10_0000,
        LEVEL_4,
        0x7fff_ff00_0000,
        0xffff_8000_0000_0000,
        STATIC_BASE,
    ]);
    let page = (near, 0..64_u64).prop_map(|(near, page)| near + page * PAGE);
    prop_oneof![
        Just(Mapping::Dynamic),
        page.prop_map(Mapping::FixedAddress),
        any::<u64>().prop_map(Mapping::FixedAddress)
    ]
}

proptest! {
    #[test]
    fn nothing_ever_overlaps(
        mappings in prop::array::uniform6(mapping()),
        recursive in any::<bool>(),
        range in prop::option::of(any::<u64>()),
        movable in any::<bool>(),
        ramdisk_size in prop::option::of(any::<u64>()),
        physical_memory_end in prop_oneof![0..1_u64 << 42, any::<u64>()],
    ) {
        let demands = Demands { ramdisk_size, physical_memory_end, ..demands() };
        let elf = if movable { Elf::movable() } else { Elf::fixed() };
        let layout = plan_with(&elf, &demands, |all| {
            [all.kernel_stack, all.kernel_base, all.boot_info, all.ramdisk_memory] =
                [mappings[0], mappings[1], mappings[2], mappings[3]];
            all.physical_memory = Some(mappings[4]);
            all.page_table_recursive = recursive.then_some(mappings[5]);
            all.dynamic_range_start = range;
        });
        let Ok(layout) = layout else { return Ok(()) };
        let mut ranges = ranges(&layout);
        ranges.push((demands.loader.start, demands.loader.end));
        ranges.sort_unstable();
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ranges:x?}");
        prop_assert!(ranges.iter().all(|(start, end)| (start | end) % PAGE == 0));
        prop_assert!(ranges.iter().all(|(start, end)| *end <= 1 << 47 || *start >= 0xffff_8000_0000_0000));
    }
}
