//! The laboratory with the experiment `classic`, or `hierarchy` where a process is at fault, and a fault of the machine's or
//! of its own that words on the command line choose: all goes the way of `switchlab` itself.
#![no_std]
#![no_main]

extern crate alloc;

use bootloader_api::{BootInfo, entry_point, info::Optional};
use case::{
    LOADER_CONFIG,
    faults::{
        Fault, Plan, clock, cpus, firmware, program,
        strike::{self, Striker},
    },
};
use switchlab_core::params::Params;
use switchlab_kernel::{
    bring_up,
    experiments::{self, Experiment, classic::Classic, hierarchy::Hierarchy},
};

entry_point!(main, config = &LOADER_CONFIG);

fn main(boot_info: &'static mut BootInfo) -> ! {
    let rsdp = match boot_info.rsdp_addr {
        Optional::Some(address) => Some(address),
        Optional::None => None,
    };
    let handover = bring_up::begin(boot_info);
    let (plan, words) = Plan::take(handover.command_line);

    let names = experiments::names();
    let parameters = Params::parse(&words, &names);
    experiments::announce(&handover, &parameters);
    let parameters = parameters.unwrap_or_else(|error| bring_up::refuse(format_args!("{error}")));
    strike::prepare(plan, &parameters);

    firmware::strike(plan, rsdp);
    let lab = bring_up::start_cpus(&handover);
    parameters.validate(lab.cpus).unwrap_or_else(|error| bring_up::refuse(format_args!("{error}")));
    lab.qualify_clock(parameters.offsets, clock::read);

    cpus::strike(plan);
    let results = match plan.fault {
        Fault::ProcessFaults => {
            program::let_ping_read_nothing(plan.at);
            Hierarchy.run(&parameters, &lab)
        }
        _ => Classic::<Striker>::new().run(&parameters, &lab),
    };
    strike::tell();
    lab.finish(parameters.unit, |clock| results.print(clock))
}
