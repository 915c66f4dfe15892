//! The loader: what QEMU's `-kernel` starts by PVH. It loads the kernel's ELF file, the first
//! module, to the contract of `bootloader_api`, and jumps to it. It has no logic of the laboratory,
//! and prints nothing, unless it refuses the kernel: then one line says why.
//!
//! `kernel/docs/boot.md` tells the whole way. What is decided is decided in `switchlab-boot-plan`;
//! this crate does it.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod entry;
mod exceptions;
mod exit;
mod fw_cfg;
mod hand_over;
mod image;
mod machine;
mod no_heap;
mod page_tables;
mod physical;
mod ramdisk;

use switchlab_boot_plan::{
    Refusal, config,
    kernel::Kernel,
    layout::{Demands, Layout},
    memory::Frames,
    seal,
};

use crate::{hand_over::HandOver, machine::Machine, page_tables::PageTables, ramdisk::Ramdisk};

/// The first Rust code; `start_info` is the physical address of `hvm_start_info`.
extern "C" fn loader_main(start_info: u32) -> ! {
    exceptions::catch_all();
    match prepare(u64::from(start_info)) {
        Ok(hand_over) => hand_over.jump(),
        Err(refusal) => exit::refuse(refusal),
    }
}

/// All that comes before the jump, in order.
fn prepare(start_info: u64) -> Result<HandOver, Refusal> {
    // Read: nothing is written yet, so every refusal that can be had is had here.
    let machine = Machine::read(start_info)?;
    seal::check(machine.kernel_file())?;
    let kernel = Kernel::read(machine.kernel_file())?;
    let config = config::read(kernel.config_section()?)?;
    let ramdisk = Ramdisk::find(machine.ramdisk);
    let layout = Layout::plan(
        &kernel,
        &config,
        &Demands {
            loader: image::all(),
            physical_memory_end: machine.memory_map.end(),
            largest_page: page_tables::largest_page(),
            boot_info_size: hand_over::BOOT_INFO_SIZE,
            ramdisk_size: ramdisk.size(),
        },
    )?;

    // Load: every piece gets its frames and its place in the kernel's address space.
    let mut frames = Frames::new(&machine.memory_map, machine.occupied());
    let mut tables = PageTables::new(&mut frames)?;
    tables.map_loader(&mut frames)?;
    tables.map_kernel(&mut frames, &kernel, &layout)?;
    tables.map_fresh(&mut frames, "the kernel's stack", &layout.stack)?;
    tables.map_fresh(&mut frames, "the boot info", &layout.boot_info)?;
    tables.map_ramdisk(&mut frames, &ramdisk, &layout)?;
    tables.map_physical_memory(&mut frames, &layout)?;
    tables.map_recursively(&layout);

    HandOver::prepare(&machine, &kernel, &layout, ramdisk.size(), &frames, &tables)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    exit::refuse(format_args!("the loader itself failed: {info}"))
}
