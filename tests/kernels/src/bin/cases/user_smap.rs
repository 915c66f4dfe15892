//! The kernel reads a process's data by the process's own address, without saying so. Must crash.

use case::{count, cpu};
use switchlab_kernel::{
    arch::ring3,
    bring_up::Lab,
    user::{self, Spec, program::DATA, programs},
};

pub fn user_smap(_: &Lab) {
    count("has_it", u64::from(ring3::protection().smap));
    count("address", DATA);
    let hosted = user::host(cpu(1), Spec::new(&programs::PING), |_| {
        // SAFETY: mapped, and faults, which is what this is for.
        unsafe { core::arch::asm!("mov {0}, [{0}]", inout(reg) DATA => _) };
        case::failure!("ring 0 read a page of ring 3");
    });
    hosted.expect("a process").join();
}
