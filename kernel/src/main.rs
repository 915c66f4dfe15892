//! The laboratory's kernel, from the loader to the last record.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use bootloader_api::{BootInfo, entry_point};
use switchlab_core::params::Params;
use switchlab_kernel::{
    arch::tsc,
    bring_up::{self, LOADER_CONFIG},
    experiments,
};

entry_point!(main, config = &LOADER_CONFIG);

fn main(boot_info: &'static mut BootInfo) -> ! {
    // A serial line, crash reports, memory.
    let handover = bring_up::begin(boot_info);

    // What is asked for; the first record echoes it.
    let names = experiments::names();
    let parameters = Params::parse(handover.command_line, &names);
    experiments::announce(&handover, &parameters);
    let parameters = parameters.unwrap_or_else(|error| bring_up::refuse(format_args!("{error}")));

    // All CPUs, the machine, the clocks.
    let lab = bring_up::start_cpus(&handover);
    parameters.validate(lab.cpus).unwrap_or_else(|error| bring_up::refuse(format_args!("{error}")));

    // What the clock is worth.
    lab.qualify_clock(parameters.offsets, tsc::fenced);

    // The job.
    let results = experiments::run(&parameters, &lab);

    // The clocks again, the report, the verdict.
    lab.finish(parameters.unit, |clock| results.print(clock))
}
