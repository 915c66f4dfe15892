//! Whatever the file is, the planner reads it or refuses it; it never panics.

mod common;

use bootloader_api::BootloaderConfig;
use common::*;
use proptest::prelude::*;
use switchlab_boot_plan::{
    config,
    kernel::Kernel,
    layout::{Demands, LargePage, Layout},
};

/// The largest image that is loaded here.
const MAX_IMAGE: u64 = 1 << 20;

/// All that the loader does with a file before it touches memory, and the loading.
fn plan_and_load(file: &[u8]) -> Option<Layout> {
    let kernel = Kernel::read(file).map_err(|refusal| refusal.to_string()).ok()?;
    let config = config::read(kernel.config_section().ok()?).ok()?;
    let demands = Demands {
        loader: 0x10_0000..0x12_0000,
        physical_memory_end: 0,
        largest_page: LargePage::TwoMib,
        boot_info_size: 3 * PAGE,
        ramdisk_size: None,
    };
    let layout = Layout::plan(&kernel, &config, &demands).ok()?;
    let size = layout.kernel.end - layout.kernel.start;
    if size <= MAX_IMAGE {
        kernel.load(&mut vec![0; size as usize], layout.bias);
        for page in kernel.pages().step_by(PAGE as usize) {
            kernel.access(page);
        }
    }
    Some(layout)
}

fn whole_file() -> Vec<u8> {
    let mut elf = Elf::new(0, &BootloaderConfig::new_default())
        .with_dynamic(&[], &[(2 * PAGE + 0x10, R_X86_64_RELATIVE, 0x1234)]);
    let data = elf.segments[2].address;
    elf.segments.push(part(PT_TLS, data, 4));
    elf.segments.push(part(PT_GNU_RELRO, data, 4));
    elf.build()
}

#[test]
fn whole_file_is_planned_and_loaded() {
    assert!(plan_and_load(&whole_file()).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..1000)) {
        plan_and_load(&bytes);
    }

    #[test]
    fn mutated_file(
        // Headers come first, the configuration and the section headers last.
        changes in prop::collection::vec((prop_oneof![0..0x200_usize, 0x1000..0x1100_usize, 0x3000..0x3200_usize], any::<u8>()), 1..6),
        cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
    ) {
        let mut file = whole_file();
        for (at, value) in changes {
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        plan_and_load(&file);
    }

    #[test]
    fn mutated_words(
        changes in prop::collection::vec((0..0x40_usize, prop::sample::select(vec![0, 1, 7, PAGE - 1, 1 << 47, i64::MAX as u64, u64::MAX - PAGE, u64::MAX])), 1..4),
    ) {
        let mut file = whole_file();
        for (word, value) in changes {
            file[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
        }
        plan_and_load(&file);
    }
}
